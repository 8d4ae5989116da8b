"""The demo ends everything that it started, however it ends itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE, until

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

ROOT = Path(__file__).resolve().parents[2]
STOP_S = 10
Start = Callable[..., "subprocess.Popen[str]"]


def children(pid: int) -> set[int]:
    """Return the process ids of a process' children, and of theirs."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
    found, grown = {pid}, 0
    while len(found) > grown:
        grown = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    """Return those that still run; a zombie does not."""
    running = set()
    for pid in pids:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                running.add(pid)
        except OSError:
            continue
    return running


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts the tiny demo; whatever is left of it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.deploy.tiny", str(tmp_path), *arguments]
        plain = {name: value for name, value in os.environ.items() if not name.startswith("ROOMWATCH_")}
        process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            cwd=ROOT,
            env=plain | (env or {}),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], within_s: float) -> tuple[int, str, str]:
    """Return status, stdout and stderr of a process that ends in time."""
    out, err = process.communicate(timeout=within_s)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_broker_store_and_a_stubborn_role_in_time(start: Start, tmp_path: Path, number):
    demo = start("stubborn")
    await until((tmp_path / "demo.env").exists, 90, what="demo.env")
    pids = children(demo.pid)
    assert len(pids) == 4
    asked = time.monotonic()
    demo.send_signal(number)
    status, out, _ = ended(demo, STOP_S * PATIENCE)
    assert time.monotonic() - asked < STOP_S * PATIENCE
    assert (status, alive(pids)) == (0, set())
    assert "alerts pushed 0" in out
    assert not (tmp_path / "demo.env").exists()


async def test_nothing_survives_a_killed_supervisor(start: Start, tmp_path: Path):
    demo = start("stubborn")
    await until((tmp_path / "demo.env").exists, 90, what="demo.env")
    pids = children(demo.pid)
    demo.kill()
    await until(lambda: not alive(pids), 5, what="the end of every child")


def outside(settings: Any) -> dict[str, str]:
    """Return the variables that make the demo use the broker and the store of the test session."""
    return {
        "ROOMWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "ROOMWATCH_REDIS_URL": settings.redis_url,
        "ROOMWATCH_TOPIC_PREFIX": settings.topic_prefix,
        "ROOMWATCH_PARTITIONS": str(settings.partitions),
    }


async def test_an_existing_cluster_is_used_and_its_topics_found(start: Start, settings: Any, tmp_path: Path):
    demo = start("calm", env=outside(settings))
    await until((tmp_path / "demo.env").exists, 60, what="demo.env")
    assert len(children(demo.pid)) == 2
    lines = dict(line.split("=", 1) for line in (tmp_path / "demo.env").read_text().splitlines())
    assert lines.items() >= outside(settings).items()
    assert all(name.startswith("ROOMWATCH_") for name in lines)
    demo.terminate()
    status, out, _ = ended(demo, STOP_S * PATIENCE)
    assert status == 0
    assert "(0 topics made)" in out


async def test_a_dead_role_ends_all_with_a_sentence(start: Start, settings: Any):
    demo = start("dying", env=outside(settings))
    status, _, err = ended(demo, 60 * PATIENCE)
    assert status == 1
    assert err.startswith("tiny: second ended with status 1; its log ")
    assert "I have had enough" in err
    assert "Traceback" not in err


async def test_a_role_may_end_when_it_is_done_and_no_alert_is_a_failure(start: Start, settings: Any):
    demo = start("ending", "8", env=outside(settings))
    status, out, err = ended(demo, 60 * PATIENCE)
    assert (status, err) == (1, "")
    assert out.endswith("no alert was pushed\n")


async def test_a_wrong_number_of_partitions_is_refused(start: Start, settings: Any):
    demo = start("calm", env={**outside(settings), "ROOMWATCH_PARTITIONS": "3"})
    status, _, err = ended(demo, 60 * PATIENCE)
    assert status == 1
    assert "has 2 partitions, the settings say 3" in err


def test_a_wrong_length_is_told(tmp_path: Path):
    command = [sys.executable, "-m", "deploy.local.demo"]
    env = {**os.environ, "DEMO_S": "soon", "PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    assert told.returncode == 1
    assert told.stderr == "demo: DEMO_S: 'soon' is not a number of seconds\n"


def test_a_second_demo_in_the_same_folder_is_refused(tmp_path: Path):
    import fcntl  # noqa: PLC0415 - not on every system that can run the other tests

    (tmp_path / "var").mkdir()
    command = [sys.executable, "-m", "deploy.local.demo"]
    env = {**os.environ, "DEMO_S": "1", "PYTHONPATH": str(ROOT)}
    with (tmp_path / "var" / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    assert told.returncode == 1
    assert told.stderr == "demo: a demo runs here already: stop it first\n"
