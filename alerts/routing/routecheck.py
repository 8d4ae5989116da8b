"""Reads a set of routes and finds every fault in it: where, what is wrong, what is allowed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from alerts.faultwords import NOTHING, names, said
from alerts.invalid import allowed as allowed_by
from alerts.routing.routeset import MuteTime, Roster, RouteSet, RouteSetForm
from alerts.ruletext import Fault, Path, parse, spell, summed
from alerts.wording import Wording
from stream.errors import SettingsError

__all__ = ["RouteSetError", "check", "load"]

_SHOWN_MAX: Final = 60
_NAMED: Final = ("people", "teams", "rosters", "receivers")


class RouteSetError(SettingsError):
    """A set of routes is wrong.

    Attributes:
        faults: all of them, in the order of the text.
        said: one sentence about them.
    """

    def __init__(self, faults: list[Fault]) -> None:
        self.said = summed("faulty_routes", faults)
        super().__init__(self.said.en)
        self.faults = faults

    def of(self, language: Literal["zh", "en"]) -> str:
        """Return the sentence for people."""
        return self.said.of(language)


def load(text: str, version: int = 0) -> RouteSet:
    """Return the routes of a text, YAML or JSON.

    Raises:
        RouteSetError: they have faults.
    """
    routes, faults = check(text, version)
    if routes is None:
        raise RouteSetError(faults)
    return routes


def check(text: str, version: int = 0) -> tuple[RouteSet | None, list[Fault]]:
    """Return the routes of a text, or None and every fault in it."""
    value, lines, faults = parse(text)
    if faults and value is None:
        return None, faults
    form: RouteSetForm | None = None
    found = list(faults)
    try:
        form = RouteSetForm.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False)
        found += [_fault(detail, lines) for detail in details if not _follows(detail, details)]
    if form is not None:
        found += [
            Fault(spell(path), problem, allowed, _line(path, lines))
            for path, problem, allowed in _sense(form)
        ]
    if found or form is None:
        return None, sorted(found, key=lambda fault: fault.line or 0)
    return _set(form, text, version), []


def _set(form: RouteSetForm, text: str, version: int) -> RouteSet:
    named = {part: {entry.name: entry for entry in getattr(form, part)} for part in _NAMED}
    return RouteSet(version=version, text=text, mute=form.mute, routes=form.routes, **named)


def _sense(form: RouteSetForm) -> Iterator[tuple[Path, Wording, Wording]]:
    """Yield names that stand twice or name nothing."""
    known = {part: [entry.name for entry in getattr(form, part)] for part in (*_NAMED, "mute")}
    for part, entries in known.items():
        for index, name in enumerate(entries):
            if name in entries[:index]:
                yield (part, index, "name"), said("name_twice", name=name), said("new_name")
    persons = {*known["people"]}
    for index, team in enumerate(form.teams):
        yield from _missing(team.members, persons, ("teams", index, "members"))
    for index, roster in enumerate(form.rosters):
        yield from _nobodies(roster, persons, ("rosters", index))
    for index, mute in enumerate(form.mute):
        yield from _timed(mute, ("mute", index, "match", "hours"))
    receivers = {*known["receivers"]}
    for index, receiver in enumerate(form.receivers):
        others = receivers - {receiver.name}
        if receiver.fallback is not None and receiver.fallback not in others:
            problem = said("no_receiver", name=receiver.fallback)
            yield ("receivers", index, "fallback"), problem, _listed(others)
    yield from _circles(form)
    yield from _unfit(form)
    mentionable = {*known["people"], *known["teams"], *known["rosters"]}
    for index, route in enumerate(form.routes):
        yield from _missing(route.to, receivers, ("routes", index, "to"))
        yield from _missing(route.mention, mentionable, ("routes", index, "mention"))


def _circles(form: RouteSetForm) -> Iterator[tuple[Path, Wording, Wording]]:
    """Yield fallbacks that lead round in a circle, each circle once, at its first receiver."""
    steps = {receiver.name: receiver.fallback for receiver in form.receivers}
    told: set[str] = set()
    for index, receiver in enumerate(form.receivers):
        way = [receiver.name]
        while (step := steps.get(way[-1])) is not None and step not in way:
            way.append(step)
        if step == receiver.name and len(way) > 1 and not told & {*way}:
            told |= {*way}
            problem = said("circle", way=" > ".join([*way, receiver.name]))
            yield ("receivers", index, "fallback"), problem, said("no_circle")


def _unfit(form: RouteSetForm) -> Iterator[tuple[Path, Wording, Wording]]:
    """Yield fallbacks from or to an action: asking a machine tells no people, and the other way round."""
    actions = {receiver.name for receiver in form.receivers if receiver.url.startswith("action+")}
    for index, receiver in enumerate(form.receivers):
        if receiver.fallback is not None and {receiver.name, receiver.fallback} & actions:
            yield ("receivers", index, "fallback"), said("action_fallback"), said("none")


def _timed(mute: MuteTime, path: Path) -> Iterator[tuple[Path, Wording, Wording]]:
    """Yield hours of a mute time that stand where they are not looked at."""
    if mute.match.hours:
        yield path, said("hours_in_match"), said("own_times")


def _nobodies(roster: Roster, persons: set[str], path: Path) -> Iterator[tuple[Path, Wording, Wording]]:
    """Yield who is on duty and is no person."""
    shifts = [(("weekly", place), shift) for place, shift in enumerate(roster.weekly)]
    days = [(("overrides", place), shift) for place, shift in enumerate(roster.overrides)]
    for where, shift in [*shifts, *days]:
        for end in ("primary", "backup"):
            wanted = getattr(shift, end)
            if wanted is not None and wanted not in persons:
                yield (*path, *where, end), said("no_person", name=wanted), _listed(persons)


def _missing(wanted: tuple[str, ...], known: set[str], path: Path) -> Iterator[tuple[Path, Wording, Wording]]:
    for index, name in enumerate(wanted):
        if name not in known:
            yield (*path, index), said("no_such", name=name), _listed(known)


def _listed(known: set[str]) -> Wording:
    return names(sorted(known), "none_defined")


def _follows(detail: ErrorDetails, others: list[ErrorDetails]) -> bool:
    """Return whether a fault is only that something inside is wrong: a list too short without it."""
    path = detail["loc"]
    return any(len(other["loc"]) > len(path) and other["loc"][: len(path)] == path for other in others)


def _fault(detail: ErrorDetails, lines: Mapping[Path, int]) -> Fault:
    path: Path = tuple(detail["loc"])
    line = _line(path, lines)
    if detail["type"] == "extra_forbidden":
        return Fault(spell(path), said("unknown_key"), _keys(path), line)
    if detail["type"] == "missing":
        return Fault(spell(path), said("missing"), NOTHING, line)
    shown = repr(detail["input"])
    shown = shown if len(shown) <= _SHOWN_MAX else shown[: _SHOWN_MAX - 3] + "..."
    return Fault(spell(path), said("is", value=shown), allowed_by(detail), line)


def _keys(path: Path) -> Wording:
    """Return the keys that are known where an unknown one stands."""
    form: Any = RouteSetForm
    for part in path[:-1]:
        if isinstance(part, str):
            form = _INSIDE.get((form.__name__, part), form)
    return names(field.alias or name for name, field in form.model_fields.items())


def _inside() -> dict[tuple[str, str], Any]:
    """Return form and key -> the form of what stands there."""
    found: dict[tuple[str, str], Any] = {}
    waiting: list[Any] = [RouteSetForm]
    while waiting:
        form = waiting.pop()
        for name, field in form.model_fields.items():
            kind = field.annotation
            inner = kind if hasattr(kind, "model_fields") else next(iter(getattr(kind, "__args__", ())), None)
            if hasattr(inner, "model_fields"):
                found[form.__name__, name] = inner
                waiting.append(inner)
    return found


_INSIDE: Final = _inside()


def _line(path: Path, lines: Mapping[Path, int]) -> int | None:
    return next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
