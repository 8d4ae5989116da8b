"""Bytewax: a tumbling window of 10 s of event time that counts each room's events, state in memory only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower, count_window
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from tests.bench.peers.meter import Meter, asked

_LENGTH = timedelta(seconds=10)
_WAIT = timedelta(seconds=120)
"""Longer than the event time of the mix: the source reads some feeds far ahead of others, and what is so far
behind its room's newest event is not counted; with one second that was 60 % of all."""
_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)


class _Nowhere(StatelessSinkPartition[Any], DynamicSink[Any]):  # type: ignore[misc]  # not in our .venv
    """Takes the windows that closed."""

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> _Nowhere:
        return self

    def write_batch(self, items: list[Any]) -> None:
        """Forget them."""


def _main() -> None:
    given = asked()
    meter = Meter(given.most, given.out, "bytewax")

    def decoded(message: Any) -> Any:
        meter.count()
        return orjson.loads(message.value)

    flow = Dataflow("bench")
    read = op.input("read", flow, KafkaSource([given.bootstrap], given.topics))
    events = op.map("decode", read, decoded)
    clock = EventClock(ts_getter=_at, wait_for_system_duration=_WAIT)
    windower = TumblingWindower(length=_LENGTH, align_to=_BEGIN)
    windows = count_window("count", events, clock, windower, key=_room)
    op.output("nowhere", windows.down, _Nowhere())
    run_main(flow)


def _at(event: Any) -> datetime:
    return datetime.fromtimestamp(event["at_ms"] / 1_000, UTC)


def _room(event: Any) -> str:
    room_id: str = event["room_id"]
    return room_id


if __name__ == "__main__":
    _main()
