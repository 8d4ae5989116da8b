"""``roomwatch tail`` as people and scripts run it, against a real gateway."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from deploy.local.process import free_port
from tests.alerts.gateway.made import alert
from tests.services.gateway import gateway, publish
from tests.waiting import until

pytestmark = pytest.mark.services

_REPOSITORY = Path(__file__).resolve().parents[2]


class Tail:
    """A running tail, its output collected."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.out: list[str] = []
        self.err: list[str] = []

    async def collect(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        async for line in stream:
            lines.append(line.decode().rstrip("\n"))  # noqa: PERF401 - each line is seen as it comes

    def said(self, text: str) -> bool:
        return any(text in line for line in self.out + self.err)

    def rooms(self) -> list[str]:
        return [orjson.loads(line)["room_id"] for line in self.out]


def _listen_to_interrupts() -> None:
    """Take an interrupt as a terminal's programs do; a shell's background jobs ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.asynccontextmanager
async def _tail(port: int, *args: str) -> AsyncIterator[Tail]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "roomwatch", "tail", "--url", f"http://127.0.0.1:{port}", *args),
        cwd=_REPOSITORY,
        env={**os.environ, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=_listen_to_interrupts,
    )
    assert process.stdout
    assert process.stderr
    tail = Tail(process)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tail.collect(process.stdout, tail.out))
        tasks.create_task(tail.collect(process.stderr, tail.err))
        try:
            yield tail
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def test_json_lines_go_on_over_a_restart_of_the_gateway(settings, producer):
    port = free_port()
    async with _tail(port, "--json") as tail:
        await until(lambda: tail.said("nothing listens"))
        async with gateway(settings, gateway_port=port):
            await until(lambda: tail.said("following"))
            await publish(settings, producer, alert(0), alert(1))
            await until(lambda: tail.rooms() == ["room-0", "room-1"])
        await publish(settings, producer, alert(2))
        async with gateway(settings, gateway_port=port):
            await publish(settings, producer, alert(3), alert(3))
            await until(lambda: tail.rooms() == ["room-0", "room-1", "room-2", "room-3"], 30)
        tail.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(tail.process.wait(), 10) == 0
        assert not tail.said("Traceback")


async def test_filters_are_passed_on_and_people_get_sentences(settings, producer):
    async with (
        gateway(settings) as gate,
        _tail(
            gate.settings.gateway_port, "--room", "room-1", "--min-severity", "warning", "--locale", "en"
        ) as tail,
    ):
        await until(lambda: tail.said("following"))
        await publish(settings, producer, alert(0), alert(1, severity="info"), alert(1, started_at_ms=5))
        await until(lambda: tail.said("Picture stalls"))
        assert len([line for line in tail.out if "Picture stalls" in line]) == 1


async def test_a_refusal_ends_it_with_one_sentence(settings, tmp_path):
    file = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(b"right").hexdigest()
    file.write_text(f"tokens: [{{name: a, role: viewer, sha256: {digest}}}]")
    async with gateway(settings, tokens_file=file) as gate:
        for args in ((), ("--json",), ("--json", "--token", "wrong")):
            async with _tail(gate.settings.gateway_port, *args) as tail:
                assert await asyncio.wait_for(tail.process.wait(), 30) == 1
                await until(lambda: tail.said("refused: no valid token"))
                assert len(tail.err) == 1
        async with _tail(gate.settings.gateway_port, "--json", "--token", "right") as tail:
            await until(lambda: tail.said("following"))
