"""When a stage counts as silent."""

from __future__ import annotations

import pytest

from alerts.gateway.stages import SILENT_MS, Progress


def _after(*looks: tuple[int, int | None, int | None]) -> list[str]:
    progress = Progress()
    silent: list[str] = []
    for now_ms, end, folded in looks:
        silent = progress.look(now_ms=now_ms, end=end, folded=folded)
    return silent


@pytest.mark.parametrize(
    ("looks", "silent"),
    [
        ([(0, 10, 10)], []),
        ([(0, 10, 10), (SILENT_MS - 1, 10, 10)], []),
        ([(0, 10, 10), (SILENT_MS, 10, 10)], ["rules"]),
        ([(0, 10, 9), (SILENT_MS, 15, 9)], ["incidents"]),
        ([(0, 10, 9), (SILENT_MS, 15, 14)], []),
        ([(0, 10, 9), (SILENT_MS, 10, 9)], ["rules", "incidents"]),
        ([(0, 10, 9), (SILENT_MS, None, 9)], ["broker", "incidents"]),
        ([(0, 10, 9), (1_000, 11, None)], ["store"]),
        ([(0, 10, 9), (SILENT_MS, 15, 9), (SILENT_MS + 1_000, 16, 15)], []),
    ],
)
def test_silent(looks, silent):
    assert _after(*looks) == silent
