"""Alert records as the incidents stage writes them, for tests."""

from __future__ import annotations

from typing import Any

import orjson

from alerts.model import episode_id

__all__ = ["alert", "value"]

BEGAN_MS = 1_760_000_000_000


def alert(number: int = 0, **fields: Any) -> dict[str, Any]:
    """Return the first change of episode ``number``, with fields replaced."""
    room_id = fields.get("room_id", f"room-{number}")
    rule = fields.get("rule", "stutter")
    started_at_ms = fields.get("started_at_ms", BEGAN_MS + number * 1_000)
    severity = fields.get("severity", "warning")
    return {
        "id": episode_id(rule, room_id or "monitor", started_at_ms),
        "change": 1,
        "at_ms": started_at_ms + 5_200,
        "started_at_ms": started_at_ms,
        "room_id": room_id,
        "subject": room_id or "monitor",
        "rule": rule,
        "rule_version": 1,
        "kind": "stutter",
        "severity": severity,
        "severity_max": severity,
        "state": "firing",
        "value": 0.034,
        "expected": None,
        "threshold": 0.02,
        "samples": 12,
        "confidence": None,
        "window_s": 10,
        "labels": {"title": f"直播间 {number}", "category": "beauty", "cdn": "cdn-a"},
        "summary": {
            "zh": "画面卡顿：10 秒卡顿率 3.4%，高于 2%",
            "en": "Picture stalls: 3.4 % of 10 s, above 2 %",
        },
        "advice": {"zh": "检查推流端网络与 CDN 节点", "en": "Check the uplink and the CDN node"},
        "contributions": [],
        "runbook_url": "/runbooks/stutter",
        "evidence": [],
        "incident_id": None,
        "reason": None,
        "latency_ms": 180,
        **fields,
    }


def value(number: int = 0, **fields: Any) -> bytes:
    """Return the bytes of ``alert``."""
    return orjson.dumps(alert(number, **fields))
