"""Backtests on request: each in a process of its own, few at once, the result kept for all gateways to show.

A backtest takes CPU for seconds to minutes, so it never runs in the gateway itself and gives way to what is
live. What waits is bounded; what runs ends with the gateway, and is told as failed by the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import orjson
import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from redis.exceptions import RedisError
from starlette.responses import Response

from alerts.gateway.calls import By, Id, faulty, must
from alerts.gateway.problems import ProblemError, responses
from alerts.gateway.settings import GatewaySettings
from alerts.gateway.tokens import Caller
from alerts.rulecheck import check
from alerts.store.backtests import BacktestStore
from alerts.wording import Wording
from stream.archive import Archive
from stream.errors import ServiceError, StoreError
from stream.runtime import Clock

__all__ = ["Backtests", "router"]

_AT_ONCE: Final = 1
"""Backtests that run at once in a gateway; each takes as many cores as it has processes."""
_WAITING: Final = 8
"""Backtests that may wait for their turn."""
_PROCESSES: Final = 2
_PULSE_S: Final = 5.0
"""How often a backtest that waits or runs is said to be alive, seconds."""
_GONE_MS: Final = 30_000
"""A backtest without a pulse for this long has lost its gateway, milliseconds."""
_REPORT_BYTES_MAX: Final = 64 * 1024 * 1024
"""Largest report; some 100 000 alerts."""
_PART_BYTES: Final = 1024 * 1024
_NICENESS: Final = 10
_EARLIEST_MS: Final = 1_000_000_000_000
"""The year 2001, from which on the command takes a number for epoch milliseconds."""
_ROOMS_MAX: Final = 10_000
_STOP_S: Final = 3.0

_log = structlog.get_logger()

RoomId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
Instant = Annotated[int, Field(ge=0, le=2**53, description="epoch milliseconds")]


class BacktestBody(BaseModel):
    """Which rules over which time."""

    model_config = ConfigDict(extra="forbid")

    rules: Annotated[str | dict[str, Any], Field(description="a rule set: YAML or JSON text, or the object")]
    from_ms: Instant
    to_ms: Annotated[Instant, Field(description="the end, not part of the range")]
    rooms: Annotated[list[RoomId] | None, Field(max_length=_ROOMS_MAX, description="null for all")] = None


class Started(BaseModel):
    """A backtest that was taken."""

    id: str


class Backtest(BaseModel):
    """How far a backtest is, and its report once it is done."""

    model_config = ConfigDict(extra="allow")

    id: str
    status: Literal["queued", "running", "done", "failed"]
    progress: Annotated[float, Field(description="0 to 1")]
    by: str
    created_ms: Instant
    from_ms: Instant
    to_ms: Instant
    rooms: list[str] | None
    error: Annotated[str | None, Field(description="why it failed")] = None
    result: Annotated[dict[str, Any] | None, Field(description="the report; see docs/backtest.md")] = None


class Busy(ServiceError):  # noqa: N818 - an outcome, not a failure
    """Too many backtests wait."""


class Backtests:
    """Runs the backtests of one gateway.

    Args:
        settings: where archive and store are.
        store: keeps what becomes of them.
        clock: the time.
    """

    def __init__(self, settings: GatewaySettings, store: BacktestStore, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._waiting: asyncio.Queue[tuple[dict[str, Any], str]] = asyncio.Queue(_WAITING)
        self._alive: dict[str, dict[str, Any]] = {}

    async def start(self, by: str, text: str, body: BacktestBody) -> str:
        """Take a backtest; return its id.

        Args:
            by: who asks.
            text: of the rule set, checked.
            body: the rest.

        Raises:
            Busy: too many wait.
            ArchiveError: there is nothing to run over.
            RedisError: the store does not answer.
        """
        if self._waiting.full():
            raise Busy("too many backtests wait")
        await asyncio.to_thread(Archive, self._settings.archive)
        backtest_id = secrets.token_hex(8)
        record: dict[str, Any] = {
            "id": backtest_id,
            "status": "queued",
            "progress": 0.0,
            "by": by,
            "created_ms": self._clock.now_ms(),
            "from_ms": body.from_ms,
            "to_ms": body.to_ms,
            "rooms": body.rooms,
        }
        await self._write(record)
        try:
            self._waiting.put_nowait((record, text))
        except asyncio.QueueFull as error:
            raise Busy("too many backtests wait") from error
        self._alive[backtest_id] = record
        return backtest_id

    async def read(self, backtest_id: str) -> dict[str, Any] | None:
        """Return a backtest, of whichever gateway; None when it is not kept.

        Raises:
            RedisError: the store does not answer.
        """
        record = await self._store.read(backtest_id)
        if record is None:
            return None
        seen_ms = record.pop("seen_ms")
        if record["status"] in ("queued", "running") and self._clock.now_ms() - seen_ms > _GONE_MS:
            record |= {"status": "failed", "error": "the gateway that ran it is gone"}
        return record

    async def work(self) -> None:
        """Run what comes, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            for _ in range(_AT_ONCE):
                group.create_task(self._run_all())

    async def _run_all(self) -> None:
        while True:
            record, text = await self._waiting.get()
            record["status"] = "running"
            try:
                record["result"] = await self._run(record, text)
                record |= {"status": "done", "progress": 1.0}
            except (ServiceError, OSError, ValueError) as error:
                record |= {"status": "failed", "error": str(error)}
            finally:
                self._alive.pop(record["id"], None)
            _log.info("backtest.ended", id=record["id"], status=record["status"], by=record["by"])
            with contextlib.suppress(
                RedisError, OSError
            ):  # whoever asks then reads of a gateway that is gone
                await self._write(record)

    async def _run(self, record: dict[str, Any], text: str) -> Any:
        with tempfile.TemporaryDirectory(prefix="roomwatch-backtest-") as folder:
            process = await asyncio.create_subprocess_exec(
                *_arguments(Path(folder), record, text),
                env=self._environment(),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # so that it ends with all that it starts
            )
            try:
                os.setpriority(os.PRIO_PGRP, process.pid, _NICENESS)
                said, report = await asyncio.gather(_told(process, record), _report(process))
                status = await process.wait()
            finally:
                await _end(process)
        if status:
            raise ServiceError(said or f"the backtest ended with status {status}")
        return orjson.loads(report)

    def _environment(self) -> dict[str, str]:
        settings = self._settings
        return {
            **os.environ,
            "ROOMWATCH_REDIS_URL": settings.redis_url,
            "ROOMWATCH_REDIS_CLUSTER": str(settings.redis_cluster).lower(),
            "ROOMWATCH_ARCHIVE_DIR": str(settings.archive.absolute()),
            "ROOMWATCH_TIMEZONE": settings.timezone,
        }

    async def _beat(self) -> None:
        """Say of all that waits or runs that it is alive, and how far it is."""
        while True:
            await asyncio.sleep(min(_PULSE_S, 0.5 if self._alive else _PULSE_S))
            for record in list(self._alive.values()):
                with contextlib.suppress(RedisError, OSError):
                    await self._write(record)

    async def _write(self, record: dict[str, Any]) -> None:
        await self._store.write({**record, "seen_ms": self._clock.now_ms()})


router: Final = APIRouter(
    prefix="/api/v1", responses=responses(401, 403, 413, 422, 429, 503), tags=["backtests"]
)


@router.post("/backtests", status_code=202, responses={202: {"model": Started}})
async def start_backtest(request: Request, by: By, body: BacktestBody) -> Response:
    """Run another rule set over what was recorded; needs the role ops."""
    must(by, "ops")
    if not _sees(by, body.rooms):
        said = Wording(
            "此令牌只能看到部分直播间：请指明其中的直播间",
            "this token sees some rooms only: name rooms that it sees",
        )
        raise ProblemError(403, "forbidden", said)
    if body.from_ms >= body.to_ms:
        said = Wording("to_ms 必须晚于 from_ms", "to_ms must be after from_ms")
        raise ProblemError(422, "invalid", said)
    text = body.rules if isinstance(body.rules, str) else orjson.dumps(body.rules).decode()
    _, faults = await asyncio.to_thread(check, text)
    if faults:
        return faulty(request, Wording("规则有误", "the rule set has faults"), faults)
    backtest_id = await _store(lambda: _backtests(request).start(by.name, text, body))
    body_out = orjson.dumps({"id": backtest_id})
    location = {"Location": f"/api/v1/backtests/{backtest_id}"}
    return Response(body_out, 202, headers=location, media_type="application/json")


@router.get("/backtests/{backtest_id}", responses={200: {"model": Backtest}, **responses(404)})
async def show_backtest(request: Request, by: By, backtest_id: Id) -> Response:
    """Show how far a backtest is, and its report once it is done; needs the role ops."""
    must(by, "ops")
    record = await _store(lambda: _backtests(request).read(backtest_id))
    if record is None or not _sees(by, record["rooms"]):
        said = Wording("没有此回测，或已过保存期", "there is no such backtest, or it is kept no longer")
        raise ProblemError(404, "not_found", said)
    return Response(orjson.dumps(record), media_type="application/json")


def _backtests(request: Request) -> Backtests:
    found: Backtests = request.app.state.backtests
    return found


def _sees(by: Caller, rooms: list[str] | None) -> bool:
    """Return whether a token sees all that a backtest of some rooms shows; of all rooms for None."""
    if not by.scope.limited:
        return True
    return rooms is not None and all(by.scope.sees(room_id, None) for room_id in rooms)


async def _store(ask: Callable[[], Any]) -> Any:
    try:
        return await ask()
    except RedisError as error:
        raise StoreError(f"the store does not answer: {str(error) or type(error).__name__}") from error


def _arguments(folder: Path, record: dict[str, Any], text: str) -> list[str]:
    """Return the command of a backtest, its longer parts in files."""
    rules = folder / "rules.yaml"
    rules.write_text(text, encoding="utf-8")
    only: list[str] = []
    if record["rooms"] is not None:
        rooms = folder / "rooms"
        rooms.write_text(",".join(record["rooms"]), encoding="utf-8")
        only = ["--rooms", f"@{rooms}"]
    begin, end = (str(max(record[name], _EARLIEST_MS)) for name in ("from_ms", "to_ms"))
    return [
        sys.executable, "-m", "roomwatch", "backtest", "--rules", str(rules), "--from", begin, "--to", end,
        "--jobs", str(_PROCESSES), "--json", "--progress", "json", *only,
    ]  # fmt: skip


async def _told(process: asyncio.subprocess.Process, record: dict[str, Any]) -> str:
    """Note the progress that a backtest tells; return what else it said last."""
    assert process.stderr
    said = ""
    async for line in process.stderr:
        try:
            told = orjson.loads(line)
            record["progress"] = round(told["done"] / max(1, told["total"]), 4)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            said = line.decode(errors="replace").strip() or said
    return said


async def _report(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout
    parts, size = [], 0
    while part := await process.stdout.read(_PART_BYTES):
        parts.append(part)
        size += len(part)
        if size > _REPORT_BYTES_MAX:
            raise ServiceError(
                f"the report is larger than {_REPORT_BYTES_MAX} bytes; ask for less time or rooms"
            )
    return b"".join(parts)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a backtest that still runs, and the processes that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await process.wait()
