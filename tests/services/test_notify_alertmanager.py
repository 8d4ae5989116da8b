"""A real Alertmanager receives, groups and resolves our alerts."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import yaml

from alerts.store.episodes import OPEN
from deploy.local.process import free_port, leashed
from stream.settings import Settings
from stream.store import connect
from tests.alerts.gateway.made import alert
from tests.services.notifying import notifier, publish, told, write_routes
from tests.services.robot import Taker, listening
from tests.waiting import until

pytestmark = pytest.mark.services

PROGRAM = "prometheus-alertmanager"


@contextlib.asynccontextmanager
async def _alertmanager(folder: Path, receiver: str) -> AsyncIterator[str]:
    """Run an Alertmanager that groups by kind and cdn and tells a webhook at once; yields its address."""
    assert shutil.which(PROGRAM), f"{PROGRAM} is missing: install the Debian package of that name"
    waits = {"group_wait": "100ms", "group_interval": "1s", "repeat_interval": "1h"}
    config = {
        "route": {"receiver": "all", "group_by": ["kind", "cdn"], **waits},
        "receivers": [{"name": "all", "webhook_configs": [{"url": receiver, "send_resolved": True}]}],
    }
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(config))
    url = f"127.0.0.1:{free_port()}"
    with (folder / "alertmanager.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *leashed(
                [
                    PROGRAM,
                    f"--config.file={file}",
                    f"--storage.path={folder / 'alertmanager'}",
                    f"--web.listen-address={url}",
                    "--cluster.listen-address=",
                ]
            ),
            stdout=log,
            stderr=log,
        )
    try:
        await until(lambda: _ready(f"http://{url}", process), 30, what="Alertmanager")
        yield f"http://{url}"
    finally:
        process.terminate()
        await process.wait()


async def _ready(url: str, process: asyncio.subprocess.Process) -> bool:
    assert process.returncode is None
    async with httpx.AsyncClient() as http:
        with contextlib.suppress(httpx.TransportError):
            return (await http.get(f"{url}/-/ready")).status_code == 200
    return False


async def _get(url: str, path: str) -> Any:
    async with httpx.AsyncClient() as http:
        return (await http.get(f"{url}/api/v2/{path}")).json()


async def test_alertmanager_receives_groups_and_resolves(settings, producer, tmp_path):
    heard = Taker()

    def now(number: int, cdn: str, **fields: Any) -> dict[str, Any]:
        return alert(number, labels={"title": f"直播间 {number}", "cdn": cdn, "category": "beauty"}, **fields)

    def names(status: str) -> set[str]:
        posts = [post.json() for post in heard.posts]
        return {
            one["labels"]["room_id"] for post in posts for one in post["alerts"] if one["status"] == status
        }

    with listening(heard):
        async with _alertmanager(tmp_path, heard.url("http")) as url:
            routes = write_routes(tmp_path, [{"name": "am", "url": f"alertmanager+{url}"}])
            async with notifier(settings, routes, notify_refresh_s=1):
                await publish(settings, producer, now(1, "a"), now(2, "a"), now(3, "b", severity="critical"))
                records = await told(settings, 3)
                assert {(r["channel"], r["status"]) for r in records} == {("am", "sent")}
                await until(lambda: names("firing") == {"room-1", "room-2", "room-3"}, 30)

                groups = await _get(url, "alerts/groups")
                found = {(g["labels"]["kind"], g["labels"]["cdn"]): len(g["alerts"]) for g in groups}
                assert found == {("stutter", "a"): 2, ("stutter", "b"): 1}
                (critical,) = await _get(url, "alerts?filter=severity=critical")
                assert critical["labels"]["alertname"] == "stutter"
                assert critical["annotations"]["runbook_url"] == "http://watch.test/runbooks/stutter"
                assert critical["annotations"]["summary_zh"] == alert()["summary"]["zh"]
                assert critical["generatorURL"] == f"http://watch.test/?alert={alert(3)['id']}"

                await publish(settings, producer, now(1, "a", change=2, severity="critical"))
                await told(settings, 4)
                open_ = await _get(url, "alerts?filter=room_id=room-1")
                assert [one["labels"]["severity"] for one in open_] == ["critical"]

                ended = [now(n, "a", change=3, state="resolved") for n in (1, 2)]
                await publish(settings, producer, *ended)
                await told(settings, 6)
                await until(lambda: names("resolved") == {"room-1", "room-2"}, 30)
                assert [one["labels"]["room_id"] for one in await _get(url, "alerts")] == ["room-3"]


async def test_alertmanager_is_reminded_of_what_is_open(settings, producer, tmp_path):
    """It is told again what the incidents stage keeps open, and with the labels that it knows."""
    manager = Taker()
    with listening(manager):
        routes = write_routes(tmp_path, [{"name": "am", "url": manager.url("alertmanager+http", "")}])
        async with notifier(settings, routes, notify_refresh_s=1):
            await publish(settings, producer, alert(1), alert(2))
            await told(settings, 2)
            await _keep_open(settings, alert(1, labels={"cdn": "cdn-b"}, change=2))
            await until(lambda: len(manager.posts) >= 3, 20)
    reminders = [post.json() for post in manager.posts[-2:]]
    assert [[(one["labels"]["room_id"], one["labels"]["cdn"]) for one in post] for post in reminders] == [
        [("room-1", "cdn-a")]
    ] * 2
    first, second = (post[0]["endsAt"] for post in reminders)
    assert second > first


async def _keep_open(settings: Settings, record: dict[str, Any]) -> None:
    """Put an open episode where the incidents stage keeps it."""
    async with connect(settings) as redis:
        await redis.hset(OPEN, record["id"], orjson.dumps(record))
