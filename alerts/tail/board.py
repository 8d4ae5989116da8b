"""What a terminal knows of the alerts: what it wants, what is open, what is new. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from alerts.model import SEVERITY_RANK

__all__ = ["Alert", "Board", "Wanted"]

Alert = Mapping[str, Any]
_FORGET_MS: Final = 3_600_000
"""How long a resolved episode is remembered to drop repeats, by the records' own time; milliseconds."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts to show, and in which language."""

    rooms: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    min_severity: str = "info"
    locale: str = "zh"

    def frame(self, resume: tuple[str, int] | None) -> dict[str, Any]:
        """Return the frame that subscribes to them, from where an earlier connection ended."""
        frame: dict[str, Any] = {
            "op": "subscribe",
            "rooms": list(self.rooms) or "*",
            "min_severity": self.min_severity,
            "locale": self.locale,
        }
        if self.kinds:
            frame["kinds"] = list(self.kinds)
        if resume is not None:
            frame["resume"] = {"epoch": resume[0], "offset": resume[1]}
        return frame

    def passes(self, alert: Alert) -> bool:
        """Return whether an alert of the list is wanted, as the gateway judges those that it pushes."""
        room = not self.rooms or alert["room_id"] is None or alert["room_id"] in self.rooms
        kind = not self.kinds or alert["kind"] in self.kinds
        return room and kind and SEVERITY_RANK[alert["severity_max"]] >= SEVERITY_RANK[self.min_severity]


class Board:
    """The open alerts, and the newest change seen of each episode."""

    def __init__(self) -> None:
        self._open: dict[str, Alert] = {}
        self._changes: dict[str, tuple[int, int]] = {}

    def load(self, alerts: Iterable[Alert]) -> None:
        """Take these as all that is open."""
        self._open = {}
        for alert in alerts:
            self._changes[alert["id"]] = (alert["change"], alert["at_ms"])
            self._open[alert["id"]] = alert

    def change(self, alert: Alert) -> bool:
        """Take a change; return whether it is one, and no repeat."""
        seen = self._changes.get(alert["id"], (0, 0))[0]
        if alert["change"] <= seen:
            return False
        self._changes[alert["id"]] = (alert["change"], alert["at_ms"])
        if alert["state"] in ("resolved", "suppressed"):
            self._open.pop(alert["id"], None)
            self._forget(alert["at_ms"])
        else:
            self._open[alert["id"]] = alert
        return True

    def open(self) -> list[Alert]:
        """Return the open alerts, worst first, then newest."""
        return sorted(
            self._open.values(),
            key=lambda alert: (-SEVERITY_RANK[alert["severity"]], -alert["started_at_ms"], alert["id"]),
        )

    def _forget(self, now_ms: int) -> None:
        for alert_id, (_, at_ms) in list(self._changes.items()):
            if at_ms < now_ms - _FORGET_MS and alert_id not in self._open:
                del self._changes[alert_id]
