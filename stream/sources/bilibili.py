"""Recorded chat of the dd-center archive, made into records of the feeds that are moved to now.

A file ``<room>/<year>-<month>-<day>.txt`` holds a day: ``TIMEh:mONLINEn`` opens a minute in which messages
came (n = popularity, 1 = off air, 0 = unknown), the lines up to the next are its messages, ``SPEAKERNUMx``
closes the day. The archive names no senders and no seconds: messages are spread over their minute in order,
senders are made up, a few of them writing much of it. A file is read whole; the days of a room follow each
other.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from stream.errors import SettingsError
from stream.model import Feed
from stream.sources.broadcast import Record
from stream.sources.draws import draws, skewed

__all__ = ["Archive", "Day", "Minute", "day_files", "read_day"]

_HEADER: Final = re.compile(rb"TIME(\d{1,2}):(\d{1,2})ONLINE(\d{1,12})\r?")
_LIKE_A_HEADER: Final = re.compile(rb"TIME.*ONLINE")
_CLOSING: Final = re.compile(rb"SPEAKERNUM\d+\r?")
_DAY_NAME: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_OFF_AIR: Final = 1
_BREAK_MIN: Final = 10
"""An off-air time up to so many minutes belongs to the broadcast: the collector lost it for a moment."""
_TEXT_MAX: Final = 500
_SENDERS_MIN: Final = 20
_MESSAGES_PER_SENDER: Final = 4
_MINUTE_MS: Final = 60_000
_PING_S: Final = (1.0, 5.0)
"""Least and most seconds of the clock between pings; in between, one for each recorded minute."""

Complain = Callable[[Path, int, str], None]
"""Told of a line that is skipped: file, line from 1, what is wrong."""


@dataclass(frozen=True, slots=True)
class Minute:
    """A recorded minute: its number in the day, the popularity, the messages in order."""

    number: int
    online: int
    texts: list[str]


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a room; its minutes rise."""

    room: str
    name: str
    minutes: list[Minute]

    def on_air(self) -> list[tuple[int, int]]:
        """Return the broadcasts as half-open ranges of minutes, breaks of the collector bridged."""
        found: list[tuple[int, int]] = []
        begins = off_since = None
        until = 0
        for minute in self.minutes:
            if minute.online > _OFF_AIR:
                if begins is not None and off_since is not None and minute.number - off_since > _BREAK_MIN:
                    found.append((begins, off_since))
                    begins = None
                begins = minute.number if begins is None else begins
                off_since, until = None, minute.number + 1
            elif minute.online == _OFF_AIR and off_since is None:
                off_since = minute.number
        if begins is not None:
            found.append((begins, until if off_since is None else off_since))
        return found


def day_files(paths: Iterable[Path]) -> list[Path]:
    """Return the day files that paths name, folders searched, by room and date.

    Raises:
        SettingsError: a path does not exist, is no day file or holds none.
    """
    found: set[Path] = set()
    for path in paths:
        files = [path] if path.is_file() else sorted(path.rglob("*.txt")) if path.is_dir() else []
        days = [file for file in files if _DAY_NAME.fullmatch(file.stem)]
        if not days:
            what = "does not exist" if not path.exists() else "holds no file <room>/<year>-<month>-<day>.txt"
            raise SettingsError(f"cannot replay {path}: it {what}")
        found.update(days)
    return sorted(found, key=lambda file: (file.absolute().parent.name, *_date(file)))


def _date(file: Path) -> tuple[int, ...]:
    matched = _DAY_NAME.fullmatch(file.stem)
    assert matched
    return tuple(map(int, matched.groups()))


def read_day(path: Path, complain: Complain) -> Day:
    """Read a day; what is no header, message or closing line is told and skipped.

    Raises:
        SettingsError: the file cannot be read.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    minutes: list[Minute] = []
    for number, line in enumerate(raw.removesuffix(b"\n").split(b"\n"), start=1):
        fault = _read_line(line, minutes)
        if fault is not None:
            complain(path, number, fault)
    return Day(path.absolute().parent.name, path.stem, minutes)


def _read_line(line: bytes, minutes: list[Minute]) -> str | None:
    """Take a line in; return what is wrong with it, if anything."""
    if header := _HEADER.fullmatch(line):
        hour, minute, online = map(int, header.groups())
        return _open_minute(hour, minute, online, minutes)
    if _CLOSING.fullmatch(line):
        return None
    if _LIKE_A_HEADER.match(line):
        return "a broken TIMEh:mONLINEn line"
    return _add_message(line.removesuffix(b"\r"), minutes)


def _add_message(line: bytes, minutes: list[Minute]) -> str | None:
    if not minutes:
        return "a message before the first TIMEh:mONLINEn line"
    if not line:
        return "an empty message"
    try:
        minutes[-1].texts.append(line.decode())
    except UnicodeDecodeError:
        return "not UTF-8"
    return None


def _open_minute(hour: int, minute: int, online: int, minutes: list[Minute]) -> str | None:
    if hour > 23 or minute > 59:  # noqa: PLR2004 - the clock
        return f"no time of day: {hour}:{minute}"
    number = hour * 60 + minute
    if minutes and number <= minutes[-1].number:  # the collector was started again within the minute
        latest = minutes[-1]
        minutes[-1] = Minute(latest.number, online or latest.online, latest.texts)
        return None if number == latest.number else f"the clock went back to {hour}:{minute:02}"
    minutes.append(Minute(number, online, []))
    return None


class Archive:
    """Makes records of recorded days.

    Args:
        days: in order; the days of one room follow each other.
        start_ms: epoch milliseconds at which each room's first day begins.
        speed: recorded seconds that pass in one of the clock.
        from_minute: minutes of a day before it are left out.
        prefix: room ids are the prefix, ``-`` and the archive's room.
        seed: what the made-up senders and seconds hang on.
        counts: further counts: texts that were cut.

    Attributes:
        live: rooms that are live after the records that were taken so far.
    """

    def __init__(
        self,
        days: list[Day],
        *,
        start_ms: int,
        speed: float,
        from_minute: int = 0,
        prefix: str = "bili",
        seed: int = 1,
        counts: Counter[str] | None = None,
    ) -> None:
        self.live: set[str] = set()
        self._days = days
        self._start_ms = start_ms
        self._speed = speed
        self._from_minute = from_minute
        self._prefix = prefix
        self._seed = seed
        self._counts = Counter() if counts is None else counts
        self._ping_ms = int(min(max(60 / speed, _PING_S[0]), _PING_S[1]) * 1_000)

    def records(self) -> Iterator[Record]:
        """Yield everything in order of time."""
        rooms: dict[str, list[Day]] = {}
        for day in self._days:
            rooms.setdefault(day.room, []).append(day)
        timelines = (self._room(f"{self._prefix}-{room}", days) for room, days in rooms.items())
        return heapq.merge(*timelines, key=lambda record: record.at_ms)

    def closing(self, now_ms: int) -> list[Record]:
        """Return the records that end the rooms that are live."""
        return [_record(now_ms, "rooms", room_id, {"state": "ended"}) for room_id in sorted(self.live)]

    def _room(self, room_id: str, days: list[Day]) -> Iterator[Record]:
        begins_ms = 0.0
        for day in days:
            minutes = [minute for minute in day.minutes if minute.number >= self._from_minute]
            if not minutes:
                continue
            first = minutes[0].number
            kept = Day(day.room, day.name, minutes)
            zero_ms = begins_ms - first * _MINUTE_MS
            parts = (self._said(room_id, kept), self._states(kept), self._pings(kept))
            for t_ms, feed, fields in heapq.merge(*parts, key=lambda one: one[0]):
                at_ms = self._start_ms + int((zero_ms + t_ms) / self._speed)
                if feed == "rooms":
                    (self.live.add if fields["state"] == "live" else self.live.discard)(room_id)
                yield _record(at_ms, feed, room_id, fields)
            begins_ms += (minutes[-1].number + 1 - first) * _MINUTE_MS

    def _said(self, room_id: str, day: Day) -> Iterator[tuple[float, Feed, dict[str, Any]]]:
        draw = draws(self._seed, day.room, day.name)
        total = sum(len(minute.texts) for minute in day.minutes)
        senders = max(_SENDERS_MIN, total // _MESSAGES_PER_SENDER)
        for minute in day.minutes:
            seconds = sorted(draw.random() for _ in minute.texts)
            for text, second in zip(minute.texts, seconds, strict=True):
                self._counts["texts_cut"] += len(text) > _TEXT_MAX
                fields = {"user_id": f"{room_id}-{skewed(draw, senders)}", "text": text[:_TEXT_MAX]}
                yield (minute.number + second) * _MINUTE_MS, "danmaku", fields

    def _states(self, day: Day) -> Iterator[tuple[float, Feed, dict[str, Any]]]:
        facts = {"title": f"{day.room} {day.name}", "host": day.room, "category": "chat"}
        for begins, ends in day.on_air():
            yield begins * _MINUTE_MS, "rooms", {"state": "live", **facts}
            yield ends * _MINUTE_MS, "rooms", {"state": "ended"}

    def _pings(self, day: Day) -> Iterator[tuple[float, Feed, dict[str, Any]]]:
        """Yield a ping of the edge for each interval on air, with the popularity known last."""
        step_ms = self._ping_ms * self._speed
        for begins, ends in day.on_air():
            minutes = [minute for minute in day.minutes if begins <= minute.number < ends]
            index, t_ms = 0, begins * _MINUTE_MS + step_ms
            while t_ms < ends * _MINUTE_MS:
                while index + 1 < len(minutes) and minutes[index + 1].number * _MINUTE_MS <= t_ms:
                    index += 1
                online = minutes[index].online
                ping = {"probe": "edge", "node": "archive", "interval_ms": self._ping_ms}
                yield t_ms, "health", {**ping, **({"online": online} if online > _OFF_AIR else {})}
                t_ms += step_ms


def _record(at_ms: int, feed: Feed, room_id: str, fields: dict[str, Any]) -> Record:
    return Record(at_ms, feed, room_id, orjson.dumps({"room_id": room_id, **fields, "at_ms": at_ms}))
