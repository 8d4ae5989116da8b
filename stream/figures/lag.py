"""How long it takes from the last click of a payer to the payment.

Samples of who clicked and who paid in each ten seconds tell it to ten seconds: for each payer of the last
quarter of an hour the newest ten seconds, up to those of the payment, with a click of the same user. Who did
not click within the quarter is left out. Where ten seconds saw more people than their sample keeps, only
those with the lowest hashes are looked at.
"""

from __future__ import annotations

from typing import Final

from stream.cells import Extra
from stream.figures.expression import Expression, expression
from stream.figures.view import Formula, View
from stream.model import Feed
from stream.panes import COARSE_MS

__all__ = ["CLICKED", "EXTRAS", "FIGURES", "FORMULAS", "GROUPS", "JOINT", "PAID", "PAYERS_MAX"]

PAYERS_MAX: Final = 8
"""Payers that are looked at in each ten seconds."""
CLICKERS_MAX: Final = 32
"""Most people of a sample: 128 bytes."""
_MEDIAN, _P90 = 0.5, 0.9

CLICKED: Final = Extra("clicked", "sample", most=CLICKERS_MAX)
PAID: Final = Extra("paid", "sample", most=CLICKERS_MAX)


def _percentile(share: float) -> Formula:
    def formula(view: View, _label: str | None, window: str | None) -> Expression:
        assert window is not None
        panes = expression("lag", CLICKED.name, PAID.name, PAYERS_MAX, share, view.span(window))
        return panes * COARSE_MS / 1_000

    return formula


GROUPS: Final = ()
EXTRAS: Final = (CLICKED, PAID)
JOINT: Final[dict[tuple[Feed, ...], tuple[str, ...]]] = {}
FIGURES: Final = ()
FORMULAS: Final[dict[str, Formula]] = {
    "live_click_to_paid_median_seconds": _percentile(_MEDIAN),
    "live_click_to_paid_p90_seconds": _percentile(_P90),
}
