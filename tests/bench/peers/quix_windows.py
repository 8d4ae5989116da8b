"""Quix Streams: a tumbling window of 10 s of event time that counts each room's events.

Its state is in RocksDB with changelog topics in Kafka, at least once: the defaults.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from quixstreams import Application

from tests.bench.peers.meter import Meter, asked


def _main() -> None:
    given = asked()
    meter = Meter(given.most, given.out, "quixstreams")
    app = Application(
        broker_address=given.bootstrap,
        consumer_group="bench-quix",
        auto_offset_reset="earliest",
        state_dir=given.state,
        loglevel="WARNING",
    )

    def counted(event: Any) -> Any:
        meter.count()
        return event

    for name in given.topics:
        topic = app.topic(name, value_deserializer="json", timestamp_extractor=_at_ms)
        frame = app.dataframe(topic).apply(counted)
        frame.tumbling_window(timedelta(seconds=10), grace_ms=timedelta(seconds=1)).count().final()
    app.run()


def _at_ms(value: Any, *_: Any) -> int:
    at_ms: int = value["at_ms"]
    return at_ms


if __name__ == "__main__":
    _main()
