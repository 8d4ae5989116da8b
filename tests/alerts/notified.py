"""What tests of the notifier share: channels, words, and a desk played through with a made-up clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from alerts.notify.budget import Budget
from alerts.notify.channels import Channel
from alerts.notify.desk import Desk, Kept
from alerts.notify.model import Delivery, Message, Target
from alerts.notify.retry import Patience, Verdict
from alerts.notify.templates import read_templates
from alerts.notify.wording import Wordsmith
from tests.alerts.gateway.made import alert

__all__ = ["KEY", "NOW_MS", "OK", "WORDS", "Played", "alert", "chat", "desk"]

KEY = "made-up"
NOW_MS = 1_760_000_100_000
OK = Verdict(ok=True)
PUBLIC_URL = "https://watch.example.com"
WORDS = Wordsmith(read_templates(None), PUBLIC_URL, ZoneInfo("Asia/Shanghai"))


def chat(name: str = "chat", **fields: Any) -> Channel:
    """Return a channel that takes 20 messages a minute of 20 000 bytes."""
    given: dict[str, Any] = {
        "name": name,
        "kind": "dingtalk",
        "url": "http://127.0.0.1:9/robot/send?access_token=t",
        "locale": "zh",
        "budget": Budget(20, 60_000, 20_000),
        **fields,
    }
    return Channel(**given)


def desk(*channels: Channel, patience: Patience | None = None) -> Desk:
    """Return an empty desk."""
    return Desk({channel.name: channel for channel in channels}, WORDS, patience or Patience())


class Played:
    """A desk with a clock of its own; every change of it is kept as the store would keep it."""

    def __init__(self, *channels: Channel, patience: Patience | None = None) -> None:
        self.now_ms = NOW_MS
        self.records: list[Delivery] = []
        self.sent: list[tuple[int, Message]] = []
        self.kept: dict[str, dict[str, bytes]] = {"items": {}, "messages": {}, "channels": {}, "told": {}}
        self._channels, self._patience = channels, patience
        self.desk = desk(*channels, patience=patience)

    def take(self, *alerts: dict[str, Any], to: tuple[str, ...] = ("chat",)) -> None:
        """Take in changes that the routes send to these channels."""
        for one in alerts:
            targets = [Target(name) for name in to]
            self.keep(self.desk.take(one, targets, now_ms=self.now_ms))

    def keep(self, records: list[Delivery]) -> None:
        """Keep what changed."""
        self.records += records
        written = self.desk.written()
        for part, kept in self.kept.items():
            for name, value in getattr(written, part).items():
                if value is None:
                    kept.pop(name, None)
                else:
                    kept[name] = value

    def crash(self) -> None:
        """Go on with what was kept, as after a kill."""
        self.desk = desk(*self._channels, patience=self._patience)
        self.keep(self.desk.load(Kept(**self.kept), now_ms=self.now_ms))

    def begin(self, name: str = "chat") -> Message | None:
        """Return the next message to send now, if there is one."""
        message, self.look_ms, records = self.desk.step(name, now_ms=self.now_ms)
        self.keep(records)
        if message is not None:
            self.sent.append((self.now_ms, message))
        return message

    def end(self, message: Message, verdict: Verdict = OK, chance: float = 1.0) -> None:
        """Take in what became of a message."""
        self.keep(self.desk.settle(message, verdict, now_ms=self.now_ms, chance=chance))

    def play(
        self, *, until_ms: int, answers: Callable[[Message], Verdict] = lambda _: OK, name: str = "chat"
    ) -> Iterator[Message]:
        """Send whatever is due on a channel until an instant; yields each message after its answer."""
        while self.now_ms <= until_ms:
            message = self.begin(name)
            if message is not None:
                self.end(message, answers(message))
                yield message
            elif self.look_ms is None or self.look_ms > until_ms:
                return
            else:
                assert self.look_ms > self.now_ms, "it must not spin"
                self.now_ms = self.look_ms
