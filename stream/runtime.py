"""What every process of ours does alike: log, tell the time, start, stop.

``run`` blocks until the role ends or a signal asks it to; it holds no state of its own. A second signal
ends the process at once. Nothing is lost by either: every role keeps its offsets with its effects.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import orjson
import structlog
import uvloop

from stream.errors import RoomwatchError

__all__ = ["Clock", "SystemClock", "configure_logging", "run"]


class Clock(Protocol):
    """The time as a role sees it; tests pass their own."""

    def now_ms(self) -> int:
        """Return epoch milliseconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return epoch milliseconds."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def _dump(event: dict[str, Any], default: Callable[[Any], Any]) -> str:
    return orjson.dumps(event, default=default).decode()


def configure_logging(level: str = "info") -> None:
    """Log to stderr: JSON lines, or coloured text on a terminal."""
    number = getattr(logging, level.upper())
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, format="%(name)s %(message)s")
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(_dump)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks
            if not sys.stderr.isatty()
            else structlog.processors.StackInfoRenderer(),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


async def _until_signal(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):

        def asked(number: int = number) -> None:
            if stop.is_set():
                raise SystemExit(128 + number)
            stop.set()

        loop.add_signal_handler(number, asked)
    await main(stop)


def run(role: str, main: Callable[[asyncio.Event], Awaitable[None]], *, log_level: str = "info") -> int:
    """Run a role until it ends; SIGINT or SIGTERM sets the event that it was given.

    Args:
        role: name of the role, on every log line.
        main: the role; it returns when the event is set and all that it holds is put away.
        log_level: lowest level that is logged.

    Returns:
        The exit status: 0, or 1 after an error of ours, which is told in one sentence.
    """
    configure_logging(log_level)
    log = structlog.get_logger().bind(role=role)
    structlog.contextvars.bind_contextvars(role=role)
    try:
        uvloop.run(_until_signal(main))
    except RoomwatchError as error:
        log.error("role.failed", error=str(error))  # noqa: TRY400 - one sentence for people
        return 1
    except BaseExceptionGroup as group:
        ours, rest = group.split(RoomwatchError)
        if ours is not None and rest is None:
            for fault in _leaves(ours):
                log.error("role.failed", error=str(fault))  # noqa: TRY400 - one sentence for people
            return 1
        raise
    except KeyboardInterrupt:
        return 130
    with contextlib.suppress(BrokenPipeError):
        log.info("role.stopped")
    return 0


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found
