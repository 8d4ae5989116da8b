"""Items: who clicks and who buys each, and orders that cost far less than the item does.

A session keeps the ``ITEMS_MAX`` items that were clicked last, and those that were paid last, each with what
came since it was among them; the item on air always is. Only which item makes room for another depends on the
order of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, TypeVar

import msgspec
import orjson

from stream.figures.expression import Encoded, Given
from stream.figures.view import Formula
from stream.model import Feed, Order
from stream.native import Distinct
from stream.tally import Tally

__all__ = [
    "EXTRAS",
    "FIGURES",
    "FORMULAS",
    "GROUPS",
    "ITEMS_MAX",
    "JOINT",
    "Amounts",
    "add_clicks",
    "add_paid",
    "new_items",
]

ITEMS_MAX: Final = 12
"""Items of a session that are kept: as many as traffic sources."""
_EXACT_MAX: Final = 64
_PRECISION: Final = 9
"""Above 64 people an item's are estimated from 2^9 registers: standard error 4.6 %."""
_CLICKED: Final = "clicked_items"
_PAID: Final = "paid_items"
_pack: Final = msgspec.msgpack.Encoder().encode
_CHEAP: Final = (3, 10)
"""An order is far too cheap below this part of the median of its item; from metrics.md."""


class Amounts:
    """How often something was paid, with a median.

    Amounts are exact below 10 000 yuan while at most ``KEYS_MAX`` different ones are paid; with more they
    lose low bits, one after the other, so that they are at most one part in 2^(bits - 1) too small.
    """

    KEYS_MAX: Final = 32
    BITS: Final = 20

    __slots__ = ("bits", "counts")

    def __init__(self) -> None:
        self.bits = self.BITS
        self.counts: dict[int, int] = {}

    def add(self, fen: int) -> None:
        """Add an amount, fen."""
        key = _cut(fen, self.bits)
        self.counts[key] = self.counts.get(key, 0) + 1
        while len(self.counts) > self.KEYS_MAX:
            self.bits -= 1
            counts, self.counts = self.counts, {}
            for key, number in counts.items():
                coarser = _cut(key, self.bits)
                self.counts[coarser] = self.counts.get(coarser, 0) + number

    def cheap(self) -> int:
        """Return how many amounts are below 30 % of the median."""
        total = sum(self.counts.values())
        middle = ((total - 1) // 2, total // 2)
        seen, twice = 0, 0
        for key, number in sorted(self.counts.items()):
            twice += key * sum(seen <= at < seen + number for at in middle)
            seen += number
        part, whole = _CHEAP
        return sum(number for key, number in self.counts.items() if 2 * whole * key < part * twice)

    def pack(self) -> list[int]:
        """Return bits, then key and count of each amount, rising."""
        return [self.bits, *(part for item in sorted(self.counts.items()) for part in item)]

    def unpack(self, packed: list[int]) -> None:
        """Take in what ``pack`` gave; on an empty one only."""
        self.bits = packed[0]
        self.counts = dict(zip(packed[1::2], packed[2::2], strict=True))


class _Clicked:
    """What is kept of an item that is clicked; its people are packed and counted again when they change."""

    __slots__ = ("_number", "_packed", "last_ms", "people")

    def __init__(self) -> None:
        self.last_ms = 0
        self.people = Distinct(_PRECISION, _EXACT_MAX)
        self._packed = b""
        self._number: int | None = None

    def add(self, at_ms: int, user: int) -> None:
        self.last_ms = max(self.last_ms, at_ms)
        self.people.changed = False
        self.people.merge({user})
        if self.people.changed:
            self._packed, self._number = b"", None

    def number(self) -> int:
        """Return how many different people came."""
        if self._number is None:
            self._number = self.people.count()
        return self._number

    def pack(self) -> list[Any]:
        self._packed = self._packed or self.people.pack()
        return [self.last_ms, self._packed]

    def unpack(self, packed: list[Any]) -> None:
        self.last_ms, self._packed = packed[:2]
        self.people.unpack(self._packed)


class _Paid(_Clicked):
    """What is kept of an item that is paid."""

    __slots__ = ("_cheap", "amounts")

    def __init__(self) -> None:
        super().__init__()
        self.amounts = Amounts()
        self._cheap: int | None = None

    def pay(self, order: Order, user: int) -> None:
        self.add(order.at_ms, user)
        self.amounts.add(order.amount_fen)
        self._cheap = None

    def cheap(self) -> int:
        """Return how many orders are far below the usual price."""
        if self._cheap is None:
            self._cheap = self.amounts.cheap()
        return self._cheap

    def pack(self) -> list[Any]:
        return [*super().pack(), self.amounts.pack()]

    def unpack(self, packed: list[Any]) -> None:
        super().unpack(packed)
        self.amounts.unpack(packed[2])


_KINDS: Final[dict[str, type[_Clicked]]] = {_CLICKED: _Clicked, _PAID: _Paid}
_Kept = TypeVar("_Kept", bound=_Clicked)


class _Items(Generic[_Kept]):
    """The items of a session, by id; they change in place and are never merged."""

    __slots__ = ("_told", "changed", "kept", "kind")

    def __init__(self, kind: type[_Kept]) -> None:
        self.changed = False
        self.kind = kind
        self.kept: dict[str, _Kept] = {}
        self._told: dict[Any, Encoded] = {}

    def told(self, figure: Callable[[Any], int], *, zeros: bool) -> Encoded:
        """Return the figure of each item, worked out when one of them has changed; without zeros if asked."""
        found = self._told.get(figure)
        if found is None:
            figures = {item_id: figure(one) for item_id, one in sorted(self.kept.items())}
            value = {item_id: number for item_id, number in figures.items() if number or zeros}
            found = self._told[figure] = Encoded(value, _pack(value), orjson.dumps(value))
        return found

    def item(self, item_id: str) -> _Kept:
        """Return an item that is about to change; the one that was touched longest ago makes room for it."""
        self.changed = True
        self._told.clear()
        found = self.kept.get(item_id)
        if found is None:
            if len(self.kept) >= ITEMS_MAX:
                del self.kept[min(self.kept, key=lambda one: (self.kept[one].last_ms, one))]
            found = self.kept[item_id] = self.kind()
        return found

    def pack(self) -> dict[str, list[Any]]:
        return {item_id: self.kept[item_id].pack() for item_id in sorted(self.kept)}

    def unpack(self, packed: dict[str, list[Any]]) -> None:
        for item_id, one in packed.items():
            self.kept[item_id] = self.kind()
            self.kept[item_id].unpack(one)


def new_items(name: str) -> Any:
    """Return no items yet, of those that are kept by this name; None if none are."""
    kind: type[_Clicked] | None = _KINDS.get(name)
    return kind and _Items(kind)


def add_clicks(tally: Tally, clicks: Iterable[tuple[str, int, int]]) -> None:
    """Count who clicks which item.

    Args:
        tally: the session.
        clicks: item, time in epoch milliseconds, and hash of the user of each.
    """
    items: _Items[_Clicked] = _of(tally, _CLICKED)
    for item_id, at_ms, user in clicks:
        items.item(item_id).add(at_ms, user)


def add_paid(tally: Tally, order: Order, user: int) -> None:
    """Count who pays which item, and what."""
    if order.item_id is not None:
        items: _Items[_Paid] = _of(tally, _PAID)
        items.item(order.item_id).pay(order, user)


def _of(tally: Tally, name: str) -> Any:
    found = tally.items.get(name)
    if found is None:
        found = tally.items[name] = new_items(name)
    return found


def _cut(amount: int, bits: int) -> int:
    """Return an amount with its highest bits only."""
    low = max(0, amount.bit_length() - bits)
    return amount >> low << low


def _by_item(name: str, figure: Callable[[Any], int], *, zeros: bool) -> Formula:
    """Return the formula of an open label: item -> figure."""

    def read(tally: Tally) -> Encoded | None:
        items = tally.items.get(name)
        return items and items.told(figure, zeros=zeros)

    return lambda _view, _label, _window: Given(read)


GROUPS: Final = ()
EXTRAS: Final = ()
JOINT: Final[dict[tuple[Feed, ...], tuple[str, ...]]] = {}
FIGURES: Final = ()
FORMULAS: Final[dict[str, Formula]] = {
    "live_item_clickers": _by_item(_CLICKED, lambda item: item.number(), zeros=True),
    "live_item_payers": _by_item(_PAID, lambda item: item.number(), zeros=True),
    "live_item_cheap_orders": _by_item(_PAID, lambda item: item.cheap(), zeros=False),
}
