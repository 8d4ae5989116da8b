"""Where ``roomwatch tail`` writes: a live table with changes scrolling above it, or JSON lines.

Titles and texts come from others: what could steer the terminal is taken out before it is shown.
"""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol, Self
from zoneinfo import ZoneInfo

import orjson
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from alerts.tail.board import Alert, Wanted
from alerts.tail.words import KINDS, WORDS

__all__ = ["Lines", "Screen", "Show", "clean", "lasting"]

_ROWS_MAX: Final = 30
_STYLES: Final = {
    "critical": "bold white on red",
    "warning": "bold black on yellow",
    "info": "bold white on blue",
}
_STEERING: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories that are never written: control, format (also right-to-left overrides), surrogates."""


class Show(Protocol):
    """What the feed needs of a place to write to."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(self, *args: object) -> None:
        """Put the terminal back."""
        ...

    def open(self, alerts: Sequence[Alert]) -> None:
        """Show what is open."""
        ...

    def change(self, alert: Alert, alerts: Sequence[Alert]) -> None:
        """Show a change, and what is open after it."""
        ...

    def status(self, text: str, *, degraded: bool) -> None:
        """Tell how the connection is."""
        ...


def clean(text: object) -> str:
    """Return a text without what could steer a terminal."""
    return "".join(c if unicodedata.category(c) not in _STEERING else " " for c in str(text))


def lasting(ms: int) -> str:
    """Return a length of time as ``h:mm:ss`` or ``m:ss``."""
    seconds = max(0, ms // 1_000)
    hours, rest = divmod(seconds, 3_600)
    head = f"{hours}:{rest // 60:02}" if hours else str(rest // 60)
    return f"{head}:{rest % 60:02}"


class Lines:
    """One alert record a line on stdout; what happens to the connection on stderr."""

    def __enter__(self) -> Self:
        """Begin; nothing is to be done."""
        return self

    def __exit__(self, *args: object) -> None:
        """End; nothing is to be put back."""

    def open(self, alerts: Sequence[Alert]) -> None:
        """Write each."""
        for alert in alerts:
            self._write(alert)

    def change(self, alert: Alert, alerts: Sequence[Alert]) -> None:  # noqa: ARG002 - a script keeps its own list
        """Write the change."""
        self._write(alert)

    def status(self, text: str, *, degraded: bool) -> None:  # noqa: ARG002 - both are for stderr
        """Write it to stderr."""
        print(f"roomwatch tail: {text}", file=sys.stderr, flush=True)  # noqa: T201 - this is a terminal's tool

    def _write(self, alert: Alert) -> None:
        sys.stdout.buffer.write(orjson.dumps(alert) + b"\n")
        sys.stdout.buffer.flush()


class Screen:
    """A table of what is open at the bottom of the terminal, changes above; plain lines where there is none.

    Args:
        wanted: gives the language.
        console: where to write, for tests.
        zone: of the times; None = this machine's.
    """

    def __init__(
        self, wanted: Wanted, console: Console | None = None, *, zone: ZoneInfo | None = None
    ) -> None:
        self._zone = zone
        self._words = WORDS[wanted.locale]
        self._kinds = {kind: names[wanted.locale] for kind, names in KINDS.items()}
        self._locale = wanted.locale
        self._console = console or Console(highlight=False)
        self._alerts: Sequence[Alert] = ()
        self._status = ("", False)
        self._live = Live(
            get_renderable=self._table, console=self._console, refresh_per_second=2, transient=True
        )

    def __enter__(self) -> Self:
        """Take the bottom of the terminal, if it is one."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *args: object) -> None:
        """Give the terminal back."""
        if self._console.is_terminal:
            self._live.stop()

    def open(self, alerts: Sequence[Alert]) -> None:
        """Show what is open."""
        self._alerts = alerts
        if not self._console.is_terminal:
            for alert in reversed(alerts):
                self._console.print(self._line(alert), soft_wrap=True)

    def change(self, alert: Alert, alerts: Sequence[Alert]) -> None:
        """Write the change, and show what is open after it."""
        self._alerts = alerts
        self._console.print(self._line(alert), soft_wrap=True)

    def status(self, text: str, *, degraded: bool) -> None:
        """Tell how the connection is."""
        if (text, degraded) != self._status and not self._console.is_terminal:
            self._console.print(clean(text), soft_wrap=True, markup=False)
        self._status = (text, degraded)

    def _line(self, alert: Alert) -> Text:
        at = f"{datetime.fromtimestamp(alert['at_ms'] / 1_000, self._zone):%H:%M:%S}"
        return Text.assemble(
            (f"{at} ", "dim"),
            (f" {self._words[alert['severity']]} ", _STYLES[alert["severity"]]),
            f" {self._words[alert['state']]} ",
            (f"{self._kind(alert)} ", "bold"),
            f"{_title(alert)}  ",
            self._summary(alert),
        )

    def _table(self) -> Table:
        words = self._words
        table = Table(expand=True, title=f"{words['open']} {len(self._alerts)}", title_justify="left")
        for name in ("severity", "kind", "room", "summary", "state", "since"):
            table.add_column(words[name], no_wrap=name != "summary", overflow="ellipsis")
        now_ms = time.time_ns() // 1_000_000
        for alert in self._alerts[: self._rows()]:
            table.add_row(
                Text(f" {words[alert['severity']]} ", _STYLES[alert["severity"]]),
                Text(self._kind(alert)),
                Text(_title(alert)),
                Text(self._summary(alert)),
                words[alert["state"]],
                lasting(now_ms - alert["started_at_ms"]),
            )
        hidden = len(self._alerts) - self._rows()
        more = f" · +{hidden}" if hidden > 0 else ""
        table.caption = Text(clean(self._status[0]) + more, "bold red" if self._status[1] else "dim")
        return table

    def _rows(self) -> int:
        return max(1, min(_ROWS_MAX, self._console.height - 8))

    def _summary(self, alert: Alert) -> str:
        return clean(alert["summary"].get(self._locale, ""))

    def _kind(self, alert: Alert) -> str:
        return self._kinds.get(alert["kind"], clean(alert["kind"]))


def _title(alert: Alert) -> str:
    return clean(alert["labels"].get("title") or alert["room_id"] or alert["subject"])
