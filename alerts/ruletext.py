"""From the text of a rule set, YAML or JSON, to plain values; says where it is not one.

Bounded: a size limit, no aliases (a short text could otherwise stand for a huge value), a depth limit. A key
that stands twice is a fault, for one of the two would be ignored silently. Pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import yaml

from alerts.faultwords import NOTHING, said
from alerts.wording import Wording

__all__ = ["Fault", "Path", "parse", "spell", "summed"]

TEXT_BYTES_MAX: Final = 256 * 1024
"""Largest rule set, bytes of its text; a set of 200 long rules is about 100 KiB."""
DEPTH_MAX: Final = 16
"""Deepest nesting; the format needs seven."""

_TOLD_MAX: Final = 10
"""Faults that the text of an error lists; the rest are counted."""

Path = tuple[str | int, ...]
_DATE: Final = "tag:yaml.org,2002:timestamp"
"""What YAML takes an unquoted day for; it stays the text that was written."""
_PLAIN: Final = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a set.

    Attributes:
        path: where, as in `rules[0].any[1].warning`; empty for the whole text.
        problem: what is wrong.
        allowed: what is allowed there; empty when the problem says it.
        line: of the text, from 1; None where it is not known.
    """

    path: str
    problem: Wording
    allowed: Wording = NOTHING
    line: int | None = None

    def __str__(self) -> str:
        return self.of("en")

    def of(self, language: Literal["zh", "en"]) -> str:
        """Return it as a sentence for people."""
        problem, allowed = self.problem.of(language), self.allowed.of(language)
        if language == "zh":
            where = (self.path or "全文") + (f"（第 {self.line} 行）" if self.line else "")
            return f"{where}：{problem}" + (f"；允许：{allowed}" if allowed else "")
        where = (self.path or "the text") + (f" (line {self.line})" if self.line else "")
        return f"{where}: {problem}" + (f"; allowed: {allowed}" if allowed else "")

    def to_record(self, language: Literal["zh", "en"]) -> dict[str, Any]:
        """Return it for an answer in JSON."""
        return {"path": self.path, "message": self.of(language), "line": self.line}


def summed(name: str, faults: Sequence[Fault]) -> Wording:
    """Return one sentence about a set's faults: how many, and the first of them.

    Args:
        name: of the sentence, `faulty_rules` or `faulty_routes`.
        faults: all of them.
    """
    count, shown = len(faults), faults[:_TOLD_MAX]
    told = Wording("；".join(fault.of("zh") for fault in shown), "; ".join(fault.of("en") for fault in shown))
    more = said("and_more", count=count - len(shown)) if count > len(shown) else NOTHING
    whole = Wording(told.zh + more.zh, told.en + more.en)
    return said(name, count=count, faults=f"{count} fault{'s' * (count > 1)}", told=whole)


def spell(path: Path) -> str:
    """Return a path as people write it: `rules[0].any[1].warning`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parse(text: str) -> tuple[Any, dict[Path, int], list[Fault]]:
    """Return the value of a text, the line of each of its parts, and what is wrong with it as a text.

    JSON texts have no lines. With faults the value may be incomplete.
    """
    size = len(text.encode("utf-8", "replace"))
    if size > TEXT_BYTES_MAX:
        return None, {}, [Fault("", said("size", size=size), said("at_most", most=TEXT_BYTES_MAX))]
    if text.lstrip().startswith("{"):
        try:
            return _json(text)
        except (ValueError, RecursionError):
            pass  # YAML's flow style begins the same way, and its reader tells the line of a fault
    return _Reader().read(text)


def _json(text: str) -> tuple[Any, dict[Path, int], list[Fault]]:
    faults: list[Fault] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        known = dict(pairs)
        if len(known) < len(pairs):
            names = sorted({name for name, _ in pairs if [key for key, _ in pairs].count(name) > 1})
            faults.extend(Fault(name, said("twice_in_object")) for name in names)
        return known

    value = json.loads(text, object_pairs_hook=unique)
    if not _finite(value):
        faults.append(Fault("", said("has_not_finite"), said("finite")))
    return value, {}, faults


def _finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


class _Refusal(yaml.MarkedYAMLError):
    """YAML that we do not take."""

    def __init__(self, why: Wording, mark: Any) -> None:
        super().__init__(None, None, why.en, mark)
        self.why = why


class _Loader(yaml.SafeLoader):
    """Composes nodes without aliases and only so deep."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise self._refusal(said("alias"))
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise self._refusal(said("too_deep", most=DEPTH_MAX))
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _refusal(self, why: Wording) -> _Refusal:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call] # the stubs leave it open
        return _Refusal(why, event.start_mark)


class _Reader:
    """Walks the nodes of one text."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.faults: list[Fault] = []

    def read(self, text: str) -> tuple[Any, dict[Path, int], list[Fault]]:
        loader = _Loader("")
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            value = None if node is None else self._value(loader, node, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = None if mark is None else mark.line + 1
            why = error.why if isinstance(error, _Refusal) else error.problem or error.context
            return None, {}, [Fault("", said("not_yaml", why=why), line=line)]
        except yaml.YAMLError as error:
            return None, {}, [Fault("", said("not_yaml", why=str(error).splitlines()[0]))]
        finally:
            loader.dispose()
        return value, self.lines, self.faults

    def _value(self, loader: _Loader, node: yaml.Node, path: Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(loader, part, (*path, index)) for index, part in enumerate(node.value)]
        return self._scalar(loader, node, path)

    def _mapping(self, loader: _Loader, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                self._fault(path, key_node, said("key_no_text"), said("format_names"))
                continue
            key = str(key_node.value)
            if key in found:
                self._fault((*path, key), key_node, said("twice"))
            found[key] = self._value(loader, value_node, (*path, key))
        return found

    def _scalar(self, loader: _Loader, node: yaml.Node, path: Path) -> Any:
        if node.tag == _DATE:
            return node.value
        if node.tag not in _PLAIN:
            self._fault(path, node, said("is", value=f"!{node.tag.rsplit(':')[-1]}"), said("scalars"))
            return None
        try:
            value = loader.construct_object(node)
        except (ValueError, OverflowError):
            value = math.inf
        if isinstance(value, float) and not math.isfinite(value):
            self._fault(path, node, said("not_finite"), said("finite"))
            return None
        return value

    def _fault(self, path: Path, node: yaml.Node, problem: Wording, allowed: Wording = NOTHING) -> None:
        self.faults.append(Fault(spell(path), problem, allowed, node.start_mark.line + 1))
