"""A plain Faust agent: decodes each event and counts it for its room and 10 s in a dict, kept nowhere."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import faust

from tests.bench.peers.meter import Meter, asked


def _main() -> None:
    given = asked()
    meter = Meter(given.most, given.out, "faust-streaming")
    app = faust.App(
        "bench-faust",
        broker=f"kafka://{given.bootstrap}",
        datadir=str(given.state),
        web_enabled=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
    )
    counts: Counter[tuple[str, int]] = Counter()

    async def count(stream: Any) -> None:
        async for event in stream:
            counts[event["room_id"], event["at_ms"] // 10_000] += 1
            meter.count()

    app.agent(app.topic(*given.topics, key_serializer="raw", value_serializer="json"))(count)
    sys.argv = [sys.argv[0], "worker", "--without-web", "--loglevel", "warn"]
    app.main()


if __name__ == "__main__":
    _main()
