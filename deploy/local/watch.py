"""What the demo shows of the pushed alerts: the first ones as they come, and a summary at the end.

It is a client like any other: it subscribes to everything over the WebSocket and resumes where it was after a
break.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import orjson
from rich.console import Console
from rich.text import Text
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

__all__ = ["Tally", "percentile", "summary", "watch"]

_SHOWN_MAX: Final = 40
"""Lines of alerts in the terminal; whoever wants more opens the console."""
_AGAIN_S: Final = 0.3
_PROTOCOL: Final = Subprotocol("roomwatch.v1")
_COLOURS: Final = {"info": "cyan", "warning": "yellow", "critical": "red"}


@dataclass(slots=True)
class Tally:
    """What was received so far.

    Attributes:
        kinds: kind -> episodes pushed.
        delays_ms: for each episode, from when its alert was due until it was here.
        changes: id -> highest change seen.
        shown: lines written.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    delays_ms: list[int] = field(default_factory=list)
    changes: dict[str, int] = field(default_factory=dict)
    shown: int = 0

    def take(self, alert: dict[str, Any], *, received_ms: int) -> bool:
        """Count an alert record; return whether it is news."""
        before = self.changes.get(alert["id"], 0)
        if alert["change"] <= before:
            return False
        self.changes[alert["id"]] = alert["change"]
        if not before:
            self.kinds[alert["kind"]] += 1
        if alert["change"] == 1:
            self.delays_ms.append(alert["latency_ms"] + max(0, received_ms - alert["at_ms"]))
        return True


async def watch(
    port: int, tally: Tally, console: Console, *, locale: Literal["zh", "en"], zone: ZoneInfo
) -> None:
    """Receive alerts from the gateway at a port of the loopback address until cancelled."""
    resume: dict[str, Any] = {}
    while True:
        try:
            async with connect(f"ws://127.0.0.1:{port}/ws/v1", subprotocols=[_PROTOCOL]) as socket:
                wish = {"op": "subscribe", "rooms": "*", "locale": locale}
                await socket.send(orjson.dumps({**wish, **({"resume": resume} if resume else {})}).decode())
                async for text in socket:
                    alert = _alert(orjson.loads(text), resume)
                    if alert and tally.take(alert, received_ms=time.time_ns() // 1_000_000):
                        _show(alert, tally, console, locale=locale, zone=zone)
        except (OSError, TimeoutError, WebSocketException):
            await asyncio.sleep(_AGAIN_S)


def _alert(frame: dict[str, Any], resume: dict[str, Any]) -> dict[str, Any] | None:
    """Return the alert of a frame, and note where to go on after a break."""
    if frame["op"] == "subscribed":
        resume["epoch"] = frame["epoch"]
        resume.setdefault("offset", frame["offset"])
    if frame["op"] != "alert":
        return None
    resume["offset"] = frame["offset"]
    alert: dict[str, Any] = frame["alert"]
    return alert


def _show(
    alert: dict[str, Any], tally: Tally, console: Console, *, locale: Literal["zh", "en"], zone: ZoneInfo
) -> None:
    tally.shown += 1
    if tally.shown <= _SHOWN_MAX:
        console.print(_line(alert, locale=locale, zone=zone), soft_wrap=True)
    if tally.shown == _SHOWN_MAX:
        console.print(Text("… further alerts are in the console", style="dim"))


def _line(alert: dict[str, Any], *, locale: Literal["zh", "en"], zone: ZoneInfo) -> Text:
    when = datetime.fromtimestamp(alert["at_ms"] / 1_000, zone)
    colour = "green" if alert["state"] == "resolved" else _COLOURS[alert["severity"]]
    return Text.assemble(
        (f"{when:%H:%M:%S} ", "dim"),
        (f"{alert['state']:<9} {alert['severity']:<8} {alert['kind']:<16} ", colour),
        alert["summary"][locale],
    )


def summary(tally: Tally, sent: dict[str, int]) -> list[str]:
    """Return the lines of the summary.

    Args:
        tally: what was received.
        sent: feed -> records that went in.
    """
    kinds = ", ".join(f"{kind} {count}" for kind, count in tally.kinds.most_common()) or "none"
    feeds = ", ".join(f"{feed} {count}" for feed, count in Counter(sent).most_common() if count)
    lines = [
        f"events sent   {sum(sent.values())} ({feeds or 'none'})",
        f"alerts pushed {sum(tally.kinds.values())} ({kinds})",
    ]
    if tally.delays_ms:
        middle, high = percentile(tally.delays_ms, 0.5), percentile(tally.delays_ms, 0.99)
        lines.append(f"due → here    p50 {middle} ms, p99 {high} ms, {len(tally.delays_ms)} alerts")
    return lines


def percentile(values: Sequence[int], share: float) -> int:
    """Return the smallest value that at least this share (0..1] of the values does not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]
