"""How the notifier waits for a store that is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from redis.exceptions import ConnectionError as AwayError
from redis.exceptions import ResponseError

from alerts.notify.store import patiently
from stream.errors import FencedError, StageError


def _call(*outcomes: Exception | str) -> Callable[[], Awaitable[str]]:
    rest = iter(outcomes)

    async def call() -> str:
        outcome = next(rest)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return call


async def test_a_store_that_comes_back_is_waited_for():
    assert await patiently(_call(AwayError("gone"), TimeoutError(), OSError("no route"), "there")) == "there"


async def test_a_store_that_stays_away_ends_the_stage_with_a_sentence():
    with pytest.raises(StageError, match="the store did not answer for 0 s: gone"):
        await patiently(_call(AwayError("gone"), AwayError("gone")), patience_s=0)


async def test_a_store_that_refuses_ends_it_at_once():
    with pytest.raises(StageError, match="the store refused the notifier: wrong type"):
        await patiently(_call(ResponseError("wrong type")))


async def test_that_another_took_over_is_told_as_it_is():
    with pytest.raises(FencedError):
        await patiently(_call(FencedError("fenced")))
