"""Bench: what it costs to read chat for words, what is found in real chat, how well labelled texts are told.

The recorded chat is read in its own order. Its hits are rates, not judgements: nobody labelled it. The
labelled texts are those of ``tests/stream/words_labelled.tsv``, on which the lists were tuned.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from stream.sources.bilibili import day_files, read_day
from stream.words import SHIPPED, SOURCES, Words, normalise

__all__ = ["run"]

_CHAT: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "chat_bilibili"
_LABELLED: Final = Path(__file__).resolve().parents[1] / "stream" / "words_labelled.tsv"
_ROUNDS: Final = 5
"""The fastest of so many rounds counts: whatever else runs here only makes them slower."""


def run() -> None:
    """Print the cost of loading and reading, the rates in real chat, and the labelled texts."""
    console = Console()
    begun = time.process_time()
    words = Words.load(SHIPPED)
    console.print(f"loading the shipped lists: {time.process_time() - begun:.2f} s of one core")
    console.print(_labelled(words))
    if not _CHAT.exists():
        console.print(f"skipped the recorded chat: there is no {_CHAT.name} beside the project")
        return
    lines = _chat()
    console.print(_cost(words, lines))
    console.print(_rates(words, lines))


def _chat() -> list[str]:
    days = (read_day(path, lambda *_: None) for path in day_files([_CHAT]))
    return [text for day in days for minute in day.minutes for text in minute.texts]


def _cost(words: Words, lines: list[str]) -> Table:
    characters = sum(map(len, lines)) / len(lines)
    table = Table(title=f"{len(lines):,} lines of recorded chat, {characters:.1f} characters in the mean")
    for heading in ("step", "µs a line", "lines/s"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    steps: dict[str, Callable[[str], object]] = {
        "normalise": normalise,
        "normalise and match": partial(words.match, source="danmaku"),
        "read: the same, remembering what was said lately": words.read,
    }
    for name, step in steps.items():
        least_s = min(_timed(step, lines, words) for _ in range(_ROUNDS))
        table.add_row(name, f"{least_s / len(lines) * 1e6:.2f}", f"{len(lines) / least_s:,.0f}")
    return table


def _timed(step: Callable[[str], object], lines: Iterable[str], words: Words) -> float:
    """Return the seconds of one core that a round takes, nothing remembered from the one before."""
    words.read.cache_clear()
    begun = time.process_time()
    for line in lines:
        step(line)
    return time.process_time() - begun


def _rates(words: Words, lines: list[str]) -> Table:
    table = Table(title="hits in the recorded chat (entertainment, no shop)")
    for heading in ("group", "lines", "share", "the usual words"):
        table.add_column(heading, justify="right" if heading in {"lines", "share"} else "left")
    found: dict[str, Counter[str]] = {}
    for line in lines:
        for hit in words.match(line, "danmaku"):
            found.setdefault(hit.group, Counter())[hit.word] += 1
        for hit in words.match(line, "transcript"):
            if hit.group == "ad_law":
                found.setdefault("ad_law, if it were looked for", Counter())[hit.word] += 1
    for group, said in sorted(found.items(), key=lambda item: -item[1].total()):
        usual = " ".join(word for word, _ in said.most_common(6))
        table.add_row(group, f"{said.total():,}", f"{said.total() / len(lines):.3%}", usual)
    return table


def _labelled(words: Words) -> Table:
    rows = [line.split("\t") for line in _LABELLED.read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    table = Table(title="labelled texts")
    for heading in ("source", "texts that must hit", "caught", "innocent texts", "falsely hit"):
        table.add_column(heading, justify="left" if heading == "source" else "right")
    for source in (*SOURCES, "all"):
        chosen = [row for row in rows if source in {row[0], "all"}]
        told = Counter(_verdict(words, row) for row in chosen)
        guilty, innocent = told["caught"] + told["missed"], told["passed"] + told["falsely hit"]
        caught, wrong = told["caught"] / max(1, guilty), told["falsely hit"] / max(1, innocent)
        table.add_row(source, str(guilty), f"{caught:.1%}", str(innocent), f"{wrong:.1%}")
    return table


def _verdict(words: Words, row: list[str]) -> str:
    source, groups, text = row
    hits = {hit.group for name in SOURCES if name == source for hit in words.match(text, name)}
    if groups == "-":
        return "falsely hit" if hits else "passed"
    return "caught" if set(groups.split(",")) <= hits else "missed"
