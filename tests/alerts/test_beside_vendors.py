"""Alerts of vendors that are open stand in the evidence of a room's traffic and sales alerts."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.evidence import EVIDENCE_MAX
from alerts.incidents import Kept
from tests.alerts.journal import T0, Journal, fresh, play

SHOP: dict[str, Any] = {"rule": "conversion_drop", "kind": "conversion_drop"}


def vendor(log: Journal, at_ms: int, to: str = "firing", name: str = "pay/charge", **given: Any) -> None:
    log.transition(
        at_ms, to, rule="vendor_slow", kind="vendor_slow", subject=name, room_id=None, partition=1,
        started_at_ms=T0 + given.pop("started", 0), **given,
    )  # fmt: skip


def evidence(log: Journal, kind: str) -> list[list[dict[str, Any]]]:
    """Return the evidence of each change of the alerts of a kind."""
    return [one["evidence"] for one in play(fresh(2), log.records) if one["kind"] == kind]


def test_an_open_vendor_alert_is_told_with_a_room_alert_on_sales():
    log = Journal()
    vendor(log, 1_000, started=500)
    log.transition(2_000, **SHOP, evidence=[{"source": "figures", "at_ms": 1, "text": "1"}])
    (found,) = evidence(log, "conversion_drop")
    assert found == [
        {"source": "figures", "at_ms": 1, "text": "1"},
        {"source": "alert", "at_ms": T0 + 500, "text": "vendor_slow (warning) pay/charge"},
    ]


def test_one_that_is_over_is_not_and_neither_is_any_at_the_end():
    log = Journal()
    vendor(log, 1_000)
    vendor(log, 1_500, "resolved")
    log.transition(2_000, **SHOP)
    vendor(log, 3_000, name="gateway/push", started=2_900)
    log.transition(4_000, "severity", **SHOP, severity="critical")
    log.transition(5_000, "resolved", **SHOP)
    first, rose, ended = evidence(log, "conversion_drop")
    assert first == ended == []
    assert [one["text"] for one in rose] == ["vendor_slow (warning) gateway/push"]


@pytest.mark.parametrize("kind", ["stutter", "payment_failure", "retention_drop"])
def test_other_kinds_are_left_as_they_are(kind: str):
    log = Journal()
    vendor(log, 1_000)
    log.transition(2_000, rule=kind, kind=kind)
    assert evidence(log, kind) == [[]]


def test_evidence_stays_bounded():
    log = Journal()
    for number in range(9):
        vendor(log, 1_000 + number, name=f"v{number}/op")
    many = [{"source": "figures", "at_ms": number, "text": "1"} for number in range(EVIDENCE_MAX)]
    log.transition(2_000, **SHOP, evidence=many)
    (found,) = evidence(log, "conversion_drop")
    assert len(found) == EVIDENCE_MAX
    assert [one["text"][-5:] for one in found[-4:]] == ["v5/op", "v6/op", "v7/op", "v8/op"]


def test_a_stage_that_goes_on_from_the_store_says_the_same():
    log = Journal()
    vendor(log, 1_000)
    before = fresh(2)
    play(before, log.records)
    kept = before.written()
    later = fresh(2)
    later.load(_kept(kept), epoch=2)
    told = log.transition(2_000, **SHOP)
    assert play(later, [told])[0]["evidence"] == play(before, [told])[0]["evidence"] != []


def _kept(written: Any) -> Any:
    entries = {entry.alert.id: entry.value for entry in written.entries}
    return Kept(open=entries, pulses=written.pulses, holds={k: v for k, v in written.holds.items() if v})
