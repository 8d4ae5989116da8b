"""Instants as people write them on the command line."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from stream.errors import SettingsError

__all__ = ["instant_ms"]

_UNITS_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_AWAY: Final = re.compile(r"([-+]\d+)([mhd])")


def instant_ms(text: str, *, now_ms: int, zone: ZoneInfo) -> int:
    """Return an instant as people write it, epoch milliseconds.

    Args:
        text: ``now``, ``-6h`` or ``+6h`` (also ``m`` and ``d``), ``2025-10-09`` or ``2025-10-09T20:00``, or
            epoch ms.
        now_ms: the time.
        zone: of dates without one.

    Raises:
        SettingsError: it is none of these.
    """
    if text == "now":
        return now_ms
    if away := _AWAY.fullmatch(text):
        return now_ms + int(away[1]) * _UNITS_MS[away[2]]
    if text.isdecimal() and len(text) >= len("1000000000000"):
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is no time: give now, -6h, +6h, 2025-10-09, 2025-10-09T20:00 or epoch milliseconds"
        ) from error
    return round((found if found.tzinfo else found.replace(tzinfo=zone)).timestamp() * 1000)
