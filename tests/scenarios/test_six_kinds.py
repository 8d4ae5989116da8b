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

from deploy.local.process import Process
from stream.settings import Settings
from tests.system import System, read_log
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(600 * PATIENCE)]

SIX = Path(__file__).resolve().parents[2] / "deploy" / "scenarios" / "six.yaml"
GRACE_MS = 30_000
"""A kind's `for`, its windows and the machine's delay: how long after its label an alert may begin."""


def _simulate(system: System) -> tuple[Process, Path]:
    labels = system.folder / "labels.jsonl"
    role = system.start(
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
    role, labels = _simulate(system)
    assert await role.wait(within_s=400 * PATIENCE), "the simulation does not end"
    assert role.status == 0, role.tail(40)
    async with asyncio.timeout(60 * PATIENCE):
        while True:
            episodes = _episodes(await read_log(system.settings, "alerts"))
            if episodes and all(changes[-1]["state"] == "resolved" for changes in episodes.values()):
                return [orjson.loads(line) for line in labels.read_bytes().splitlines()], episodes
            await asyncio.sleep(1)


async def _calmly(settings: Settings) -> None:
    system = System(settings, settings.data_dir)
    async with system.running("ingest", "engine"):
        labels, episodes = await _run(system)
    _check_whole(episodes)
    raised = sorted(_raised(episodes))
    wanted = sorted((label["kind"], _room_of(label)) for label in labels)
    assert raised == wanted
    for label in labels:
        started = [
            int(changes[0]["started_at_ms"])
            for changes in episodes.values()
            if changes[0]["kind"] == label["kind"]
        ]
        assert label["from_ms"] - 1_000 <= started[0] <= label["to_ms"] + GRACE_MS, label["kind"]


async def _under_fire(settings: Settings) -> None:
    system = System(settings, settings.data_dir)
    draw = random.Random(2)

    async def kill_ten_times() -> None:
        for _ in range(10):
            engine = system.start("engine")
            await asyncio.sleep(draw.uniform(15, 25))
            await engine.kill()
        system.start("engine")

    async with system.running("ingest"):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kill_ten_times())
            run = tasks.create_task(_run(system))
        labels, episodes = run.result()
    _check_whole(episodes)
    raised = set(_raised(episodes))
    wanted = {(label["kind"], _room_of(label)) for label in labels}
    assert wanted - {("monitor_degraded", "")} <= raised
    assert {found for found in raised if found[0] != "monitor_degraded"} <= wanted


def _raised(episodes: dict[str, list[dict[str, Any]]]) -> list[tuple[str, str]]:
    """Return kind and room of the episodes that people were told of: not of those inhibited all along."""
    told = (changes for changes in episodes.values() if changes[0]["state"] != "suppressed")
    return [(changes[0]["kind"], changes[0]["room_id"] or "") for changes in told]


def _room_of(label: dict[str, Any]) -> str:
    """Return the room of the alert that a label asks for; a partition's has none."""
    return "" if label["kind"] == "monitor_degraded" else str(label["room_id"])


async def test_each_kind_is_raised_once_calmly_and_under_fire(settings: Settings, other_settings: Settings):
    """Two deployments side by side play the scenario.

    In the calm one each kind is raised once, in its room, and no other alert. In the other one the engine
    is killed at ten seeded moments: every episode keeps its id and reaches its last state, none is lost.
    """
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_calmly(settings))
        tasks.create_task(_under_fire(other_settings))
