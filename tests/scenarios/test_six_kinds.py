"""A labelled scenario through the whole system: each kind is raised once, calm rooms stay quiet."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from stream.settings import Settings
from tests.system import Role, System, read_log
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(400 * PATIENCE)]

SIX = Path(__file__).resolve().parents[2] / "deploy" / "scenarios" / "six.yaml"
GRACE_MS = 30_000
"""A kind's `for`, its windows and the machine's delay: how long after its label an alert may begin."""


async def _simulate(system: System) -> tuple[Role, Path]:
    labels = system.folder / "labels.jsonl"
    role = await system.start(
        "simulate", "--scenario", str(SIX), "--seed", "7", "--labels", str(labels), "--no-progress"
    )
    return role, labels


def _episodes(log: list[tuple[int, dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Return id -> its records by change, repeats dropped; a repeat must say the same."""
    found: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for _, alert in log:
        assert found[alert["id"]].setdefault(alert["change"], alert) == alert
    return {alert_id: [changes[n] for n in sorted(changes)] for alert_id, changes in found.items()}


def _check_whole(episodes: dict[str, list[dict[str, Any]]]) -> None:
    for changes in episodes.values():
        assert [alert["change"] for alert in changes] == list(range(1, len(changes) + 1))
        assert changes[-1]["state"] == "resolved", changes[-1]
        assert len({(alert["rule"], alert["subject"], alert["started_at_ms"]) for alert in changes}) == 1
    by_subject = defaultdict(list)
    for changes in episodes.values():
        by_subject[changes[0]["rule"], changes[0]["subject"]].append(changes)
    for same in by_subject.values():
        for one, other in itertools.pairwise(sorted(same, key=lambda changes: int(changes[0]["at_ms"]))):
            assert one[-1]["at_ms"] <= other[0]["at_ms"], (
                "two episodes of one rule and subject were open at once"
            )


async def _run(system: System) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    role, labels = await _simulate(system)
    async with asyncio.timeout(300 * PATIENCE):
        assert await role.process.wait() == 0, role.tail()
        while True:
            episodes = _episodes(await read_log(system.settings, "alerts"))
            if episodes and all(changes[-1]["state"] == "resolved" for changes in episodes.values()):
                return [orjson.loads(line) for line in labels.read_bytes().splitlines()], episodes
            await asyncio.sleep(1)


async def test_each_kind_is_raised_once_and_calm_rooms_stay_quiet(settings: Settings, tmp_path: Path):
    system = System(settings, tmp_path)
    async with system.running("ingest", "engine"):
        labels, episodes = await _run(system)
    _check_whole(episodes)
    raised = sorted(
        (changes[0]["kind"], changes[0]["room_id"] or "", int(changes[0]["started_at_ms"]))
        for changes in episodes.values()
    )
    wanted = sorted(
        (label["kind"], label["room_id"] if label["kind"] != "monitor_degraded" else "", label)
        for label in labels
    )
    assert [found[:2] for found in raised] == [want[:2] for want in wanted]
    for (kind, _, started_ms), (_, _, label) in zip(raised, wanted, strict=True):
        assert label["from_ms"] - 1_000 <= started_ms <= label["to_ms"] + GRACE_MS, kind


async def test_kills_of_the_engine_lose_no_episode(settings: Settings, tmp_path: Path):
    """The engine is killed at ten seeded moments; every episode keeps its id and reaches its last state."""
    system = System(settings, tmp_path)
    draw = random.Random(2)

    async def kill_ten_times() -> None:
        for _ in range(10):
            engine = await system.start("engine")
            await asyncio.sleep(draw.uniform(6, 14))
            await engine.kill()
        await system.start("engine")

    async with system.running("ingest"):
        killing = asyncio.create_task(kill_ten_times())
        labels, episodes = await _run(system)
        await killing
    _check_whole(episodes)
    raised = {(changes[0]["kind"], changes[0]["room_id"]) for changes in episodes.values()}
    wanted = {(label["kind"], label["room_id"]) for label in labels if label["kind"] != "monitor_degraded"}
    assert wanted <= raised
