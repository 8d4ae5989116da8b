"""From a rule's ``action`` through engine and notifier to a signed webhook, and back when it is over."""

from __future__ import annotations

import hmac
from hashlib import sha256
from pathlib import Path

import httpx
import msgspec
import pytest
import yaml
from aiokafka import AIOKafkaProducer

from stream.settings import Settings
from tests.alerts.windowed import STUTTER, Player, pings, room
from tests.services.gateway import gateway
from tests.services.notifying import deliveries, notifier
from tests.services.robot import Taker, listening
from tests.services.role_process import RoleProcess

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]

KEY = "made-up"
RULES = STUTTER.replace(
    "    min_samples: 3", '    min_samples: 3\n    action: {do: switch_vendor, target: "{cdn}"}'
)


async def _windows(
    settings: Settings, producer: AIOKafkaProducer, seconds: range, cdn: str, stall: float
) -> None:
    """Let a room be on a CDN, and stall, for so many seconds."""
    for second in seconds:
        made = Player().record(second, room(columns=pings(stall=stall), facts={"cdn": cdn}))
        value = msgspec.json.encode(msgspec.structs.replace(made, partition=0, seq=second + 1))
        await producer.send_and_wait(settings.topic("windows"), value, key=b"0", partition=0)


async def test_an_action_is_asked_for_signed_and_undone(
    settings: Settings, producer: AIOKafkaProducer, role_environment: dict[str, str], tmp_path: Path
) -> None:
    hook, dry = Taker(), Taker()
    rules, routes = tmp_path / "rules.yaml", tmp_path / "routes.yaml"
    rules.write_text(RULES)
    with listening(hook), listening(dry):
        receivers = [
            {"name": "real", "url": hook.url("action+http"), "options": {"dry_run": False, "secret": KEY}},
            {"name": "dry", "url": dry.url("action+http")},
        ]
        routes.write_text(yaml.safe_dump({"receivers": receivers, "routes": [{"to": ["real", "dry"]}]}))
        given = {"rules_file": rules, "routes_file": routes}
        async with RoleProcess("engine", role_environment, tmp_path, **given), notifier(settings, routes):
            await _windows(settings, producer, range(10), "a", 0.03)
            await deliveries(settings, lambda found: len(found) == 2)
            await _windows(settings, producer, range(10, 40), "b", 0.0)  # the switch helped
            records = await deliveries(settings, lambda found: len(found) == 4)
            async with gateway(settings) as gate, httpx.AsyncClient(base_url=gate.http) as http:
                shown = (await http.get(f"/api/v1/alerts/{records[0]['alert_id']}")).json()
    assert dry.posts == []
    asked = [post.json() for post in hook.posts]
    assert [(one["do"], one["target"], one["undo"]) for one in asked] == [
        ("switch_vendor", "a", False),
        ("switch_vendor", "a", True),
    ]
    for post in hook.posts:
        signed = f"{post.headers['roomwatch-timestamp']}.".encode() + post.body
        digest = hmac.new(KEY.encode(), signed, sha256).hexdigest()
        assert post.headers["roomwatch-signature"] == f"v1={digest}"
    assert sorted((r["channel"], r["status"], r["action"]["undo"]) for r in records) == [
        ("dry", "dry_run", False),
        ("dry", "dry_run", True),
        ("real", "sent", False),
        ("real", "sent", True),
    ]
    assert shown["alert"]["action"] == {"do": "switch_vendor", "target": "a"}
    assert len(shown["deliveries"]) == 4
