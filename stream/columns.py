"""The order of ``values`` in ``live.windows``, version by version, for readers of older records.

Columns are only ever added at the end: what a version named keeps its place in every later one, so that the
values of an older record are the first ones of a newer. A version is written down here when it is released.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeVar

from stream.metrics.metric import Column, Metric, column_name
from stream.model import PROBES

__all__ = ["RELEASED", "Scope", "columns_of", "filled_up"]

Scope = Literal["room", "vendor"]
Names = dict[Scope, tuple[str, ...]]

_ROLLING: Final = ("10s", "1m", "5m", "15m")
_SHORT: Final = ("10s", "1m", "5m")
_STATUSES: Final = ("created", "paid", "cancelled", "refunded", "failed")
_Spec = tuple[str, str, tuple[str, ...], tuple[str, ...]]
"""A metric, its label, the values of the label, the windows."""

_ROOM_1: Final[tuple[_Spec, ...]] = (
    ("live_viewers", "", (), ()),
    ("live_viewers_peak", "", (), ("session",)),
    ("live_enters_total", "", (), ()),
    ("live_enters_per_second", "", (), _ROLLING),
    ("live_danmaku_total", "", (), ()),
    ("live_danmaku_per_second", "", (), _ROLLING),
    ("live_likes_total", "", (), ()),
    ("live_likes_per_second", "", (), _ROLLING),
    ("live_clicks_total", "", (), ()),
    ("live_orders_total", "status", _STATUSES, ()),
    ("live_gmv_yuan_total", "", (), ()),
    ("live_refund_yuan_total", "", (), ()),
    ("live_order_value_yuan", "", (), ("session", "15m")),
    ("live_conversion_ratio", "", (), ("session", "5m", "15m")),
    ("live_payment_failure_ratio", "", (), ("1m", "5m")),
    ("live_stall_ratio", "probe", PROBES, _ROLLING),
    ("live_smooth_ratio", "", (), ("session", "5m")),
    ("live_frames_per_second", "probe", PROBES, _SHORT),
    ("live_bytes_per_second", "probe", PROBES, _SHORT),
    ("live_rtt_seconds", "probe", PROBES, _SHORT),
    ("live_av_offset_seconds", "probe", PROBES, _SHORT),
    ("live_pings", "probe", PROBES, _SHORT),
    ("live_ping_interval_seconds", "probe", PROBES, ()),
    ("live_ping_newest_timestamp_seconds", "probe", PROBES, ()),
    ("live_clickers", "", (), ("session", "5m", "15m")),
    ("live_payers", "", (), ("session", "5m", "15m")),
    ("live_orders_in_window", "status", _STATUSES, ("1m", "5m", "15m")),
)
_VENDOR_1: Final[tuple[_Spec, ...]] = (
    ("live_vendor_error_ratio", "", (), ("1m", "5m")),
    ("live_vendor_timeout_ratio", "", (), ("1m", "5m")),
    ("live_vendor_calls", "", (), ("1m", "5m")),
)


def _names(metrics: Iterable[_Spec]) -> tuple[str, ...]:
    return tuple(
        column_name(metric, label, value, window)
        for metric, label, values, windows in metrics
        for value in values or (None,)
        for window in windows or (None,)
    )


RELEASED: Final[dict[int, Names]] = {1: {"room": _names(_ROOM_1), "vendor": _names(_VENDOR_1)}}
"""Version -> names of its columns, in the order of ``values``."""


def columns_of(scope: Scope, metrics: Iterable[Metric]) -> tuple[Column, ...]:
    """Return the columns of metrics: those of the last release in its order, then the others in theirs.

    Raises:
        KeyError: a column that was released is missing.
    """
    known = {
        column.name: column
        for metric in metrics
        if metric.scope == scope and not metric.derived
        for column in metric.columns()
    }
    released = [known.pop(name) for name in RELEASED[max(RELEASED)][scope]]
    return (*released, *known.values())


_Value = TypeVar("_Value")


def filled_up(values: list[_Value], number: int) -> list[_Value | None] | list[_Value]:
    """Return the values of any version, with "no data" for the columns that an older one did not have."""
    return values if len(values) == number else [*values, *[None] * (number - len(values))]
