"""Everything about an alert in one value: for scripts as it is, for people by ``screen``. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from alerts.explain.traced import Point, Trace

__all__ = ["SPAN_MAX_MS", "span_of", "story"]

SPAN_MAX_MS: Final = 12 * 3_600_000
"""An alert that lasts longer is shown from its beginning for so long."""
_CHANGED: Final = ("value", "expected", "threshold")

Record = dict[str, Any]


def span_of(alert: Record, *, around_ms: int, now_ms: int) -> tuple[int, int]:
    """Return begin and end of what is shown: the alert, and some time before and after it.

    Args:
        alert: its newest record.
        around_ms: the time before and after.
        now_ms: an open alert is shown up to now.
    """
    begin_ms = int(alert["started_at_ms"])
    end_ms = int(alert["at_ms"]) if alert["state"] == "resolved" else now_ms
    end_ms = min(max(end_ms, begin_ms), begin_ms + SPAN_MAX_MS)
    return begin_ms - around_ms, end_ms + around_ms


def story(
    alert: Record,
    timeline: Sequence[Record],
    beside: Sequence[Record],
    trace: Trace | None,
    *,
    span: tuple[int, int],
    why_not: dict[str, str] | None,
) -> Record:
    """Return what is known of an alert.

    Args:
        alert: its newest record.
        timeline: every change of it, oldest first.
        beside: alerts that were open beside it.
        trace: what the condition behind it said; None when no figures are kept.
        span: begin and end of the range.
        why_not: in both languages why there are no figures; None where there are.
    """
    points = _changes(timeline) if trace is None else trace.points
    return {
        "alert": alert,
        "from_ms": span[0],
        "to_ms": span[1],
        "source": "changes" if trace is None else "archive",
        "condition": None if trace is None else _condition(trace),
        "points": [point.to_record() for point in points],
        "marks": _marks(alert, timeline),
        "beside": list(beside),
        "notes": [note for note in (why_not, _disagreement(alert, trace)) if note is not None],
    }


def _condition(trace: Trace) -> Record:
    return {name: getattr(trace, name) for name in ("id", "metric", "labels", "window_s")}


def _changes(timeline: Sequence[Record]) -> list[Point]:
    """Return the figures that the changes of an alert carry: all that there is without an archive."""
    known = (one for one in timeline if one.get("value") is not None)
    return [
        Point(
            at_ms=one["at_ms"],
            value=one["value"],
            expected=one.get("expected"),
            warning=one.get("threshold"),
            critical=None,
            level=one["severity"],
        )
        for one in known
    ]


def _marks(alert: Record, timeline: Sequence[Record]) -> list[Record]:
    """Return when it began, was told, changed its state or severity, and was over."""
    marks: list[Record] = [{"at_ms": alert["started_at_ms"], "what": "began", "severity": None}]
    before: tuple[str, str] | None = None
    for one in timeline:
        now = (one["state"], one["severity"])
        if now != before:
            marks.append({"at_ms": one["at_ms"], "what": one["state"], "severity": one["severity"]})
        before = now
    return marks


def _disagreement(alert: Record, trace: Trace | None) -> dict[str, str] | None:
    """Return a note when the archive does not raise the alert: its session's begin is not kept, for one."""
    if trace is None or any(one.alert_id == alert["id"] for one in trace.told):
        return None
    return {
        "zh": "档案中的数值没有重现这条告警（档案可能不含本场的开头，或当时的规则已不可知），"
        "期望值与界限仅供参考。",
        "en": "the recorded figures do not raise this alert again (the archive may lack the begin of the"
        " session, or the rules of then): take expected values and bounds as a hint",
    }
