"""The exact verdict on one record, taken slowly: why it is bad, or what it says.

The codec asks only about records that its fast decoder refused, so that speed matters little here and one
order of reasons holds whatever the order of the fields. Blocks on nothing; bounded by ``VALUE_BYTES_MAX``.

The verdicts, first match wins:

1. ``too_large``: more than 64 KiB.
2. ``not_json``: no value (a tombstone), not UTF-8, a byte-order mark, not one JSON text by RFC 8259 (so no
   ``NaN``, no ``Infinity``), half a surrogate pair in any string, or nested deeper than ``DEPTH_MAX``.
3. ``not_object``: another JSON value.
4. ``missing_field``: a required field is absent.
5. ``bad_type``: a field of another JSON type. ``null`` stands for absent in optional fields and is
   ``bad_type`` in required ones. ``true`` is no number. ``1.0`` is an integer, as in JSON Schema; ``1.5`` is
   not.
6. ``bad_value``: outside bounds, length, characters or the list of words.
7. ``bad_key`` and 8. ``future``: judged by the codec, which knows the record's place.

Of a field that is given twice the last counts. Unknown fields are ignored, whatever they hold.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from msgspec import inspect

from stream.errors import InvalidEvent
from stream.model import ID_PATTERN, STRUCTS, VALUE_BYTES_MAX, Feed, Record

__all__ = ["DEPTH_MAX", "FieldRule", "deeper_than", "field_rules", "flood_fields", "judge", "parse"]

DEPTH_MAX: Final = 256
"""Deepest nesting of arrays and objects; RFC 8259 section 9 lets a reader set one. Well below what any of our
decoders can walk on a deep call stack, so that the verdict never depends on who asks."""

_DIGITS_MAX: Final = 40
"""Longer integers are far out of every bound; reading them exactly would cost quadratic time."""
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ID: Final = re.compile(ID_PATTERN)
_SHOWN_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What one field may hold.

    Attributes:
        name: the field.
        required: whether it must be there.
        is_id: whether it is an id, which has a fixed set of characters.
        allowed: what it may hold, in words.
        typed: whether a value is of the field's JSON type.
        valid: whether a value of that type is within its bounds.
        read: makes the struct's value of it.
    """

    name: str
    required: bool
    is_id: bool
    allowed: str
    typed: Callable[[Any], bool]
    valid: Callable[[Any], bool]
    read: Callable[[Any], Any]


def judge(feed: Feed, value: bytes | None) -> tuple[Record, list[str]]:
    """Return what a record says, and the fields that the contract does not know.

    Raises:
        InvalidEvent: the value is bad; the text says which field, what it holds and what is allowed.
    """
    fields = parse(value)
    rules = field_rules(feed)
    known = {name: fields[name] for name in rules if name in fields}
    for rule in rules.values():
        if rule.required and rule.name not in known:
            raise InvalidEvent("missing_field", f"{rule.name} is missing; it is {rule.allowed}")
    present = {n: v for n, v in known.items() if v is not None or rules[n].required}
    for name, given in present.items():
        if not rules[name].typed(given):
            raise InvalidEvent("bad_type", f"{name} is {_shown(given)}; it must be {rules[name].allowed}")
    for name, given in present.items():
        if not rules[name].valid(given):
            raise InvalidEvent("bad_value", f"{name} is {_shown(given)}; it must be {rules[name].allowed}")
    event = STRUCTS[feed](**{name: rules[name].read(given) for name, given in present.items()})
    return event, [name for name in fields if name not in rules]


def parse(value: bytes | None) -> dict[str, Any]:
    """Return the object that a value holds.

    Raises:
        InvalidEvent: ``too_large``, ``not_json`` or ``not_object``.
    """
    if value is None:
        raise InvalidEvent("not_json", "there is no value")
    if len(value) > VALUE_BYTES_MAX:
        raise InvalidEvent("too_large", f"{len(value)} bytes; allowed are {VALUE_BYTES_MAX}")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidEvent("not_json", f"not UTF-8 at byte {error.start}") from error
    if deeper_than(DEPTH_MAX, text):
        raise InvalidEvent("not_json", f"nested deeper than {DEPTH_MAX}")
    try:
        found = json.loads(text, parse_constant=_no_constant, parse_int=_integer)
    except ValueError as error:
        raise InvalidEvent("not_json", f"not JSON: {error}") from error
    if "\\u" in text and _surrogate_in(found):
        raise InvalidEvent("not_json", "half a surrogate pair in a string")
    if not isinstance(found, dict):
        raise InvalidEvent("not_object", f"{_shown(found)}; it must be a JSON object")
    return found


def deeper_than(limit: int, text: str) -> bool:
    """Tell whether arrays and objects nest deeper than ``limit``; broken JSON may go either way."""
    if text.count("[") + text.count("{") <= limit:
        return False
    depth = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            if depth > limit:
                return True
        elif character in "]}":
            depth -= 1
    return False


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS_MAX else float(digits)


def _surrogate_in(found: Any) -> bool:
    stack = [found]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if _SURROGATE.search(item):
                return True
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return False


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"


Check = tuple[str, Callable[[Any], bool], Callable[[Any], bool], Callable[[Any], Any]]
"""Of a field: what is allowed in words, ``typed``, ``valid``, ``read``."""


def _rules_of(struct: type[Record]) -> dict[str, FieldRule]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return {field.name: _rule(field) for field in info.fields}


def _rule(field: inspect.Field) -> FieldRule:
    kind = _plain(field.type)
    is_id = isinstance(kind, inspect.Metadata)
    return FieldRule(field.name, field.required, is_id, *_check(kind))


def _plain(kind: inspect.Type) -> inspect.Type:
    """Return the type of a field that is there."""
    if isinstance(kind, inspect.UnionType):
        return next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind


def _check(kind: inspect.Type) -> Check:
    match kind:
        case inspect.Metadata():
            return "1-64 characters of A-Z a-z 0-9 _ . : -", _is_text, _is_id, str
        case inspect.IntType(ge=int(least), le=int(most)):
            return _number_check("an integer", least, most, typed=_is_integer, read=int)
        case inspect.FloatType(ge=least, le=most) if least is not None and most is not None:
            return _number_check("a number", least, most, typed=_is_number, read=float)
        case inspect.LiteralType(values=values):
            return "one of " + " ".join(sorted(map(str, values))), _is_text, set(values).__contains__, str
        case inspect.ListType(item_type=item, max_length=int(most)):
            return _list_check(item, most)
        case inspect.StrType(min_length=least, max_length=int(most)):
            return _text_check(least or 0, most)
    raise AssertionError(f"no rule for {kind}")


def _list_check(item: inspect.Type, most: int) -> Check:
    allowed, typed, valid, _ = _check(item)
    return (
        f"a list of at most {most}, each {allowed}",
        lambda v: isinstance(v, list) and all(map(typed, v)),
        lambda v: len(v) <= most and all(map(valid, v)),
        list,
    )


def _text_check(least: int, most: int) -> Check:
    allowed = f"a text of {least}-{most} characters" if least else f"a text of at most {most} characters"
    return allowed, _is_text, lambda v: least <= len(v) <= most, str


def _number_check(
    noun: str,
    least: float,
    most: float,
    *,
    typed: Callable[[Any], bool],
    read: Callable[[Any], Any],
) -> Check:
    return f"{noun} from {least:.0f} to {most:.0f}", typed, lambda v: least <= v <= most, read


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_id(value: str) -> bool:
    return _ID.match(value) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    """Tell whether JSON Schema calls it an integer; what no float can hold is one too, out of every bound."""
    return _is_number(value) and (isinstance(value, int) or value.is_integer() or math.isinf(value))


FloodField = tuple[str, str, bool, float, float, tuple[str, ...]]
"""A field as the native decoder takes it: name, kind (``id``, ``text``, ``integer``, ``number``, ``word``),
whether it is required, the least and the most that it may be (of a text: characters), the words that it may
be."""


def flood_fields(feed: Feed) -> list[FloodField]:
    """Return the fields of a feed that floods."""
    info = inspect.type_info(STRUCTS[feed])
    assert isinstance(info, inspect.StructType)
    return [
        (field.name, kind, field.required, least, most, words)
        for field in info.fields
        for kind, least, most, words in (_shape(_plain(field.type)),)
    ]


def _shape(kind: inspect.Type) -> tuple[str, float, float, tuple[str, ...]]:
    match kind:
        case inspect.Metadata():
            return "id", 1, 64, ()
        case inspect.IntType(ge=int(least), le=int(most)):
            return "integer", least, most, ()
        case inspect.FloatType(ge=least, le=most) if least is not None and most is not None:
            return "number", least, most, ()
        case inspect.LiteralType(values=values):
            return "word", 0, 0, tuple(map(str, values))
        case inspect.StrType(min_length=least, max_length=int(most)):
            return "text", least or 0, most, ()
    raise AssertionError(f"no native field for {kind}")


_RULES: Final[dict[Feed, dict[str, FieldRule]]] = {
    feed: _rules_of(struct) for feed, struct in STRUCTS.items()
}


def field_rules(feed: Feed) -> dict[str, FieldRule]:
    """Return the fields of a feed and what each may hold, in the order of the contract."""
    return _RULES[feed]
