"""What an alert rests on, for people who look closer: quoted words, the figures behind it, alerts beside it.

Pure. At most ``EVIDENCE_MAX`` entries of the contract's form: words by who said them and where they stand in
their feed; figures and alerts as one line of text each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from alerts.contributions import EXPLAINED_KINDS
from alerts.detectors.hits import Hit
from alerts.detectors.reading import Condition, Reading, Subject
from alerts.detectors.words import standing_hits
from alerts.model import Alert, Kind, Transition
from stream.catalogue import ROOM_COLUMN_INDEX, ROOM_COLUMNS

__all__ = ["EVIDENCE_MAX", "FIGURES", "QUALITY_KINDS", "beside_vendors", "evidence_of"]

EVIDENCE_MAX: Final = 20
"""Entries of an alert; as many as hits of a room and tick."""
_WORDS_MAX: Final = 8
_FIGURES_MAX: Final = 8
_VENDORS_MAX: Final = 4
_WORDS_MS: Final = 300_000
"""Complaints of the last five minutes are quoted."""
_WORDS_WINDOW_S: Final = 60.0
_LINE_MAX: Final = 300
"""Characters of a line of figures."""
QUALITY_KINDS: Final[frozenset[Kind]] = frozenset(
    (
        "stutter",
        "av_desync",
        "feed_lost",
        "fps_low",
        "bitrate_low",
        "payment_failure",
        "price_error",
        "sold_out",
        "viewer_complaints",
    )
)
"""Alerts of a room that may explain its traffic and its sales."""
_COMPLAINTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "stutter": ("picture",),
    "fps_low": ("picture",),
    "bitrate_low": ("picture",),
    "feed_lost": ("picture", "sound"),
    "av_desync": ("sound", "picture"),
    "viewer_complaints": ("picture", "sound", "buying", "after_sales"),
    "payment_failure": ("buying",),
    "conversion_drop": ("buying",),
    "refund_surge": ("after_sales",),
}
"""Kind -> groups of the word lists in which viewers speak of it."""
FIGURES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "stutter": (
        'live_stalled_nodes{probe="edge",window="10s"}',
        'live_stalled_nodes{probe="player",window="10s"}',
        'live_stalled_nodes_share{probe="player",window="10s"}',
        'live_dropped_frames_total{probe="ingest"}',
        'live_complaining_users{window="1m"}',
    ),
    "bitrate_low": (
        'live_rtt_seconds{probe="ingest",window="10s"}',
        'live_dropped_frames_total{probe="ingest"}',
    ),
    "fps_low": ('live_cpu_ratio{window="1m"}', 'live_dropped_frames_total{probe="ingest"}'),
    "viewer_complaints": ('live_complaining_users{window="1m"}', "live_viewers"),
    "traffic_spike": (
        "live_viewers",
        'live_enters_per_second{window="1m"}',
        'live_danmaku_per_second{window="1m"}',
    ),
    "traffic_drop": (
        "live_viewers",
        'live_enters_per_second{window="1m"}',
        'live_danmaku_per_second{window="1m"}',
    ),
    "conversion_drop": (
        'live_clickers{window="5m"}',
        'live_payers{window="5m"}',
        'live_pay_through_ratio{window="5m"}',
        'live_payment_failure_ratio{window="5m"}',
    ),
    "payment_failure": (
        'live_orders_in_window{status="failed",window="1m"}',
        'live_orders_in_window{status="paid",window="1m"}',
        'live_pay_through_orders{window="5m"}',
    ),
    "suspect_interaction": (
        'live_suspect_events_total{sign="flood"}',
        'live_suspect_events_total{sign="repeat"}',
    ),
    "capacity_risk": ("live_viewers", "live_capacity"),
}
"""Kind -> columns of the room that are told beside the figures of the rule itself."""


def evidence_of(
    kind: Kind,
    subject: Subject,
    read: Iterable[tuple[Condition, Reading]],
    beside: Sequence[tuple[str, str, int]] = (),
) -> list[dict[str, Any]]:
    """Return the evidence of an alert.

    Args:
        kind: of the alert.
        subject: as it was judged.
        read: each condition that has data, with its reading.
        beside: open alerts of the same subject: rule, severity, epoch milliseconds of its beginning.
    """
    found = [_quoted(hit) for hit in _words(kind, subject)[-_WORDS_MAX:]]
    lines = [line for condition, reading in read if (line := _line(condition, reading))]
    lines += list(_figures(kind, subject))
    found += [_told("figures", subject.tick_ms, line) for line in dict.fromkeys(lines[:_FIGURES_MAX])]
    if kind not in QUALITY_KINDS:
        found += [_told("alert", started_ms, f"{rule} ({severity})") for rule, severity, started_ms in beside]
    return found[:EVIDENCE_MAX]


def beside_vendors(transition: Transition, vendors: Sequence[Alert]) -> Transition:
    """Return a transition on a room's traffic or sales with the open alerts of vendors in its evidence.

    Vendors are judged in partitions of their own: only who sees all alerts can tell.

    Args:
        transition: any; one of another kind, or that ends an episode, is returned as it is.
        vendors: open alerts of vendors, oldest first.
    """
    if not vendors or transition.kind not in EXPLAINED_KINDS or transition.to == "resolved":
        return transition
    told = [
        _told("alert", one.started_at_ms, f"{one.rule} ({one.severity}) {one.subject}")
        for one in vendors[-_VENDORS_MAX:]
    ]
    kept = transition.evidence[: EVIDENCE_MAX - len(told)]
    return replace(transition, evidence=[*kept, *told])


def _words(kind: Kind, subject: Subject) -> list[Hit]:
    if kind == "prohibited_words":
        return standing_hits(subject, _WORDS_WINDOW_S)
    groups, since_ms = _COMPLAINTS.get(kind, ()), subject.tick_ms - _WORDS_MS
    return [hit for hit in subject.hits if hit.group in groups and hit.at_ms > since_ms]


def _quoted(hit: Hit) -> dict[str, Any]:
    entry: dict[str, Any] = {"source": hit.source, "at_ms": hit.at_ms, "text": hit.text}
    for name in ("user", "topic", "partition", "offset"):
        if (value := getattr(hit, name)) is not None:
            entry[name] = value
    return entry


def _told(source: str, at_ms: int, text: str) -> dict[str, Any]:
    return {"source": source, "at_ms": at_ms, "text": text[:_LINE_MAX]}


def _line(condition: Condition, reading: Reading) -> str:
    """Return a condition's numbers in one line, in the units of the metric; empty without a value."""
    if reading.value is None:
        return ""
    name = condition.metric or condition.id.rpartition("/")[2]
    labels = ",".join(f'{label}="{value}"' for label, value in {**condition.labels, **reading.labels}.items())
    parts = [f"{name}{{{labels}}}" if labels else name, f"{reading.value:.6g}"]
    if reading.expected is not None:
        parts.append(f"expected {reading.expected:.6g}")
    if reading.threshold is not None:
        parts.append(f"bound {reading.threshold:.6g}")
    if reading.samples is not None:
        parts.append(f"samples {reading.samples}")
    if reading.window_s is not None:
        parts.append(f"window {reading.window_s} s")
    return " ".join(parts)


def _figures(kind: Kind, subject: Subject) -> Iterator[str]:
    if subject.room_id is None or len(subject.values) != len(ROOM_COLUMNS):
        return
    for name in FIGURES.get(kind, ()):
        value = subject.values[ROOM_COLUMN_INDEX[name]]
        if value is not None:
            yield f"{name} {value:.6g}"
