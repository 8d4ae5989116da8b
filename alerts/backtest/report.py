"""The answer of a backtest: what the candidate would have told, and how that differs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from alerts.backtest.compare import Comparison, compare, judged
from alerts.backtest.episodes import Episode
from alerts.conditions import scope_of
from alerts.ruleset import RuleSet
from alerts.wording import Wording

__all__ = ["PEOPLE", "Extent", "Swept", "notes_of", "report"]

Note = dict[str, str]

_WORDS: Final[Note] = {
    "zh": "敏感词命中沿用当时词库的结果：改动后的词库无法在已记录的窗口上检验。",
    "en": "hits of word lists are those of the lists in force then: a changed list cannot be tried on"
    " recorded windows",
}
PEOPLE: Final[Note] = {
    "zh": "认领、人工关闭、静默、抑制与合并不在回测之内：这里是规则阶段的输出。",
    "en": "acknowledgements, manual ends, silences, inhibition and groups are no part of it: this is what"
    " the rules stage tells",
}
_MONITOR: Final[Note] = {
    "zh": "监控自身的规则（读取进度、死信）由心跳判断，不在档案中，未回放。",
    "en": "rules on the monitoring itself (reach, dead letters) are judged from heartbeats, which are not"
    " kept",
}
_NO_VERDICTS: Final[Note] = {
    "zh": "未能读取结论（存储不可用），因此不知道哪些告警曾被确认或判为误报。",
    "en": "no verdicts: the store did not answer, so it is not known which alerts were confirmed",
}


@dataclass(frozen=True, slots=True)
class Extent:
    """What was played.

    Attributes:
        from_ms, to_ms: the range, epoch milliseconds.
        rooms, sessions: how many reached into it.
        room_ms: time on air within it.
        cut: sessions whose begin the archive does not hold.
        kept_from_ms: first tick of the archive.
    """

    from_ms: int
    to_ms: int
    rooms: int
    sessions: int
    room_ms: int
    cut: int
    kept_from_ms: int


@dataclass(frozen=True, slots=True)
class Swept:
    """One value of a sweep: the alerts with it, or why it was refused."""

    value: float
    episodes: tuple[Episode, ...] = ()
    refused: Wording | None = None


def report(
    extent: Extent,
    candidate: Sequence[Episode],
    against: Sequence[Episode],
    verdicts: Mapping[str, str] | None,
    sweep: tuple[str, Sequence[Swept]] | None = None,
) -> dict[str, Any]:
    """Return everything that a backtest found, for scripts; the screen shows parts of it.

    Args:
        extent: what was played.
        candidate: alerts of the candidate.
        against: alerts of the set that it is held against.
        verdicts: alert id -> verdict; None when they are not known.
        sweep: what was swept, and the alerts with each value.
    """
    found = compare(against, candidate)
    return {
        "extent": asdict(extent),
        "counts": _counts(found),
        "verdicts": None if verdicts is None else asdict(judged(found, verdicts)),
        "rules": _rules(found, extent.to_ms),
        "alerts": _alerts(found, extent.to_ms),
        "gone": [_record(one, extent.to_ms, verdicts) for one in found.gone],
        "sweep": None if sweep is None else _sweep(sweep, against, verdicts, extent),
    }


def notes_of(extent: Extent, candidate: RuleSet, verdicts: Mapping[str, str] | None) -> list[Note]:
    """Return what the reader must know of a backtest, in both languages."""
    found = [_WORDS, PEOPLE]
    if any(scope_of(rule) == "monitor" for rule in candidate.rules):
        found.append(_MONITOR)
    if verdicts is None:
        found.append(_NO_VERDICTS)
    if extent.cut:
        found.append(
            {
                "zh": f"{extent.cut} 个场次的开头不在档案中，从档案开始处回放，检测器当时的记忆未知。",
                "en": f"{extent.cut} sessions began before the archive did and are played from there: what"
                " detectors remembered then is not known",
            }
        )
    return found


def _counts(found: Comparison) -> dict[str, int]:
    same, moved, added, gone = (len(part) for part in (found.same, found.moved, found.added, found.gone))
    counts = {"same": same, "moved": moved, "added": added, "gone": gone}
    return {"candidate": same + moved + added, "against": same + moved + gone, **counts}


def _rules(found: Comparison, to_ms: int) -> list[dict[str, Any]]:
    """Return the counts of each rule, the candidate's by its own name, and how long it was open."""
    parts = {
        "same": [one.rule for one in found.same],
        "moved": [two.rule for _, two in found.moved],
        "added": [one.rule for one in found.added],
        "gone": [one.rule for one in found.gone],
    }
    by_part = {name: Counter(rules) for name, rules in parts.items()}
    open_ms = Counter[str]()
    for one in (*found.same, *(two for _, two in found.moved), *found.added):
        open_ms[one.rule] += one.lasted_ms(to_ms)
    names = sorted({rule for rules in parts.values() for rule in rules})
    return [
        {"rule": rule, **{name: counts[rule] for name, counts in by_part.items()}, "open_ms": open_ms[rule]}
        for rule in names
    ]


def _alerts(found: Comparison, to_ms: int) -> list[dict[str, Any]]:
    every: list[tuple[Episode, dict[str, Any]]] = [(one, {"change": "same"}) for one in found.same]
    every += [(one, {"change": "added"}) for one in found.added]
    every += [(two, {"change": "moved", "was": one.to_record()}) for one, two in found.moved]
    ordered = sorted(every, key=lambda each: (each[0].fired_at_ms, each[0].id))
    return [{**_record(one, to_ms, None), **more} for one, more in ordered]


def _record(one: Episode, to_ms: int, verdicts: Mapping[str, str] | None) -> dict[str, Any]:
    known = {"verdict": verdicts[one.id]} if verdicts and one.id in verdicts else {}
    return {**one.to_record(), "lasted_ms": one.lasted_ms(to_ms), **known}


def _sweep(
    sweep: tuple[str, Sequence[Swept]],
    against: Sequence[Episode],
    verdicts: Mapping[str, str] | None,
    extent: Extent,
) -> dict[str, Any]:
    name, every = sweep
    return {"name": name, "values": [_swept(one, against, verdicts, extent) for one in every]}


def _swept(
    one: Swept, against: Sequence[Episode], verdicts: Mapping[str, str] | None, extent: Extent
) -> dict[str, Any]:
    if one.refused is not None:
        return {"value": one.value, "refused": asdict(one.refused)}
    found = compare(against, one.episodes)
    return {
        "value": one.value,
        "critical": sum(each.severity_max == "critical" for each in one.episodes),
        "open_ms": sum(each.lasted_ms(extent.to_ms) for each in one.episodes),
        **_counts(found),
        "verdicts": None if verdicts is None else asdict(judged(found, verdicts)),
    }
