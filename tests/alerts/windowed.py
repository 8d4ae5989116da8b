"""A log of ``live.windows`` being written, figure by figure, for tests of the rules stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.model import Transition
from alerts.rulecheck import load
from alerts.rules import RulesFold
from alerts.ruleset import RuleSet
from alerts.windows import RoomEntry, VendorEntry, WindowsRecord
from stream.catalogue import (
    COLUMNS_VERSION,
    ROOM_COLUMN_INDEX,
    ROOM_COLUMNS,
    VENDOR_COLUMN_INDEX,
    VENDOR_COLUMNS,
)

__all__ = ["STUTTER", "T0", "Player", "pings", "room", "vendor"]

T0 = 1_760_000_000_000
STUTTER = """
rules:
  - name: stutter
    kind: stutter
    any:
      - {metric: live_stall_ratio, where: {probe: edge}, window: 10s, compare: ">",
         warning: 0.02, critical: 0.05, recover: 0.01, total: 1}
    for_s: 5
    keep_firing_s: 10
    min_samples: 3
    overrides:
      - {match: {category: beauty}, set: {live_stall_ratio.warning: 0.03, for_s: 8}}
"""


def pings(probe: str = "edge", *, interval_s: float = 2, count: int = 5, **figures: float) -> dict[str, Any]:
    """Return the columns of a probe: ``stall``, ``av`` (seconds), ``fps`` the same in each ping window."""
    names = {"stall": "live_stall_ratio", "av": "live_av_offset_seconds", "fps": "live_frames_per_second"}
    columns: dict[str, Any] = {f'live_ping_interval_seconds{{probe="{probe}"}}': interval_s}
    for window in ("10s", "1m", "5m"):
        columns[f'live_pings{{probe="{probe}",window="{window}"}}'] = count
        for name, value in figures.items():
            columns[f'{names[name]}{{probe="{probe}",window="{window}"}}'] = value
    return columns


def room(
    room_id: str = "r1",
    columns: Mapping[str, Any] | None = None,
    *,
    state: Any = "live",
    session_ms: int | None = T0,
    facts: dict[str, Any] | None = None,
    newest_ms: dict[str, int] | None = None,
) -> RoomEntry:
    """Return a room's entry; columns by name, all others without data."""
    values: list[Any] = [None] * len(ROOM_COLUMNS)
    for name, value in (columns or {}).items():
        values[ROOM_COLUMN_INDEX[name]] = value
    return RoomEntry(room_id, session_ms, state, values, newest_ms or {}, facts)


def vendor(columns: Mapping[str, Any], *, newest_ms: int, name: str = "pay") -> VendorEntry:
    """Return a vendor's entry."""
    values: list[Any] = [None] * len(VENDOR_COLUMNS)
    for column, value in columns.items():
        values[VENDOR_COLUMN_INDEX[column]] = value
    return VendorEntry(name, "charge", values, newest_ms)


class Player:
    """Plays records to a fold second by second and keeps what it tells."""

    def __init__(self, rules: str | RuleSet = STUTTER) -> None:
        self.ruleset = load(rules, 1) if isinstance(rules, str) else rules
        self.fold = RulesFold(lambda _: self.ruleset, partition=3, epoch=2)
        self.told: list[Transition] = []
        self.epoch = 1
        self._seq = 0
        self._offset = 0

    def record(
        self,
        second: float,
        *rooms: RoomEntry,
        vendors: list[VendorEntry] | None = None,
        last: bool = True,
        reach_s: float | None = None,
    ) -> WindowsRecord:
        """Return the next record; every feed's reach is ``reach_s``, by default the second itself."""
        self._seq += 1
        reach_ms = T0 + round(1000 * (second if reach_s is None else reach_s))
        reach = dict.fromkeys(("health", "visits", "orders", "danmaku", "rooms"), reach_ms)
        tick_ms = T0 + 1000 * int(second)
        return WindowsRecord(
            1, 3, self.epoch, self._seq, tick_ms, reach, COLUMNS_VERSION, last, list(rooms), vendors or []
        )

    def play(self, record: WindowsRecord) -> list[Transition]:
        """Fold a record; return what it told."""
        told = self.fold.apply(self._offset, record.tick_ms + 60, record)
        self._offset += 1
        self.told.extend(told)
        return told

    def tick(self, second: float, *rooms: RoomEntry, **given: Any) -> list[Transition]:
        """Fold the record of a second."""
        return self.play(self.record(second, *rooms, **given))

    def story(self) -> list[tuple[int, str, str]]:
        """Return second, change and severity of everything told."""
        return [((told.tick_ms - T0) // 1000, told.to, told.severity) for told in self.told]
