"""Wait for a condition instead of sleeping; every deadline of the tests scales by one factor."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, overload

__all__ = ["PATIENCE", "until"]

T = TypeVar("T")

PATIENCE: Final = float(os.environ.get("ROOMWATCH_TEST_PATIENCE", "1"))
"""Factor on every deadline: a slow or busy machine sets more than 1."""
_LOOK_S: Final = 0.02


@overload
async def until(condition: Callable[[], Awaitable[T]], deadline_s: float = ..., *, what: str = ...) -> T: ...
@overload
async def until(condition: Callable[[], T], deadline_s: float = ..., *, what: str = ...) -> T: ...
async def until(
    condition: Callable[[], T | Awaitable[T]], deadline_s: float = 15.0, *, what: str = "the condition"
) -> T:
    """Return the first true value of a condition, which may be a coroutine function.

    Raises:
        AssertionError: it stayed false until the deadline (scaled by ``PATIENCE``); tells the last value.
    """
    end = time.monotonic() + deadline_s * PATIENCE
    while True:
        found = condition()
        value: T = await found if inspect.isawaitable(found) else found
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true in {deadline_s * PATIENCE:g} s; last: {value!r}")
        await asyncio.sleep(_LOOK_S)
