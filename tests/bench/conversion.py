"""Bench: the sequential tests of conversion and retention on made-up rooms, with the rules that are shipped.

False alarms: rooms in which nothing happens, over base rates, clicks a minute, click bursts × 20 and items
that sell differently. Detection: how many clicks, of those that had time to be paid, a halved share takes,
beside a CUSUM of single clicks that knows the share and errs as seldom: the sequential probability ratio test
that the rate of false alarms allows, without lag and without guessing the share.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from alerts.conditions import Watch, watch
from alerts.detectors.reading import Subject
from alerts.rulecheck import load
from alerts.settings import DEFAULT_RULES
from alerts.states import AlertState, Finding, step
from stream.catalogue import ROOM_COLUMN_INDEX, ROOM_COLUMNS

__all__ = ["Counts", "Shop", "alarms", "conversion", "delays", "oracle", "retention", "rule", "run"]

STEP_S: Final = 10
LAG_S: Final = (40.0, 150.0)
"""Median and 90th percentile of the time from click to payment."""
RATED_H: Final = 100.0
"""Hours of a room for a false alarm, as the rules state."""
_BURST: Final = 20
_BURST_S: Final = 60
_BURST_EVERY_S: Final = 1_200
_ITEMS: Final = 6
_ITEM_S: Final = 240
_ITEM_SPREAD: Final = 0.3
"""Standard deviation of the logarithm of how well items sell."""
_COUNTS: Final = tuple(
    ROOM_COLUMN_INDEX[name]
    for name in (
        "live_clicks_total",
        'live_orders_total{status="paid"}',
        'live_retention_entered{after="1m",window="session"}',
        'live_retention_left{after="1m",window="session"}',
    )
)

_LAGS: Final = tuple(
    ROOM_COLUMN_INDEX[f'live_click_to_paid_{name}_seconds{{window="15m"}}'] for name in ("median", "p90")
)
_QUARTER: Final = 900 // STEP_S
_LAG_STEPS: Final = 6
"""Steps between two draws of the lags that are told."""
_PAYERS_MAX: Final = 8 * _QUARTER

Ints = np.ndarray[Any, np.dtype[np.int64]]


class Counts(NamedTuple):
    """What a room counts in each step.

    Attributes:
        first, second: clicks and payments, or visitors and those of them who left.
        due: clicks since the halving that had time to be paid, or visitors.
        items: what is on air.
        lags: median and 90th percentile of the time from click to payment as the ingest tells them.
    """

    first: Ints
    second: Ints
    due: Ints
    items: list[str]
    lags: list[tuple[float | None, float | None]]


@dataclass(frozen=True, slots=True)
class Shop:
    """A made-up room.

    Attributes:
        share: of its clicks that are paid, or of its visitors that stay.
        per_min: clicks, or visitors, a minute.
        bursts: whether some minutes bring twenty times as many.
        items: whether the share changes with what is on air.
        lag: median and 90th percentile of the time from click to payment; the rule expects ``LAG_S``.
    """

    share: float
    per_min: float
    bursts: bool = False
    items: bool = False
    lag: tuple[float, float] = LAG_S


def rule(name: str) -> Watch:
    """Return a rule of the set that is shipped."""
    found = load(DEFAULT_RULES.read_text(encoding="utf-8"), 1).rule(name)
    assert found is not None
    return watch(found, 0)


def conversion(shop: Shop, steps: int, dice: np.random.Generator, *, half_from: int | None = None) -> Counts:
    """Return what a room counts of clicks and payments.

    Args:
        shop: the room.
        steps: of ``STEP_S`` seconds.
        dice: of everything that is drawn.
        half_from: step from which on the share is halved.
    """
    at_s = np.arange(steps) * STEP_S
    busy = np.where(at_s % _BURST_EVERY_S < _BURST_S, _BURST, 1) if shop.bursts else np.ones(steps)
    clicks = dice.poisson(shop.per_min * STEP_S / 60 * busy)
    number = at_s // _ITEM_S % _ITEMS
    appeal = np.exp(dice.normal(0, _ITEM_SPREAD, _ITEMS)) if shop.items else np.ones(_ITEMS)
    share = np.minimum(0.5, shop.share * appeal[number])
    if half_from is not None:
        share[half_from:] /= 2
    bought = dice.binomial(clicks, share)
    paid = _later(bought, shop.lag, dice)
    fresh = clicks.copy()
    fresh[: half_from or 0] = 0
    due = _later(fresh, shop.lag, dice)
    items = [f"i{n}" for n in number] if shop.items else [""] * steps
    return Counts(clicks, paid, due, items, _told_lags(paid, shop.lag, dice))


def retention(shop: Shop, steps: int, dice: np.random.Generator, *, half_from: int | None = None) -> Counts:
    """Return visitors of each step whose first minute is over, and how many of them left in it."""
    came = dice.poisson(shop.per_min * STEP_S / 60, steps)
    share = np.full(steps, shop.share)
    if half_from is not None:
        share[half_from:] /= 2
    left = came - dice.binomial(came, share)
    return Counts(came, left, came, [""] * steps, [(None, None)] * steps)


def alarms(watched: Watch, counts: Counts, *, which: int) -> Iterator[int]:
    """Yield the steps at which the rule fires.

    Args:
        watched: the rule; its first condition is the test.
        counts: as made above.
        which: 0 for conversion, 2 for retention.
    """
    condition, policy = watched.conditions[0], watched.policy
    subject = Subject("r", "r", values=[None] * len(ROOM_COLUMNS))
    one, two = _COUNTS[which : which + 2]
    state: AlertState | None = None
    first, second = np.cumsum(counts.first).tolist(), np.cumsum(counts.second).tolist()
    for at, (item, lags) in enumerate(zip(counts.items, counts.lags, strict=True)):
        subject.values[_LAGS[0]], subject.values[_LAGS[1]] = lags
        subject.tick_ms = 1_000 * STEP_S * (at + 1)
        subject.values[one], subject.values[two] = first[at], second[at]
        subject.facts = {"item_id": item} if item else {}
        condition.observe(subject)
        finding = Finding((condition.level(subject),), total=False)
        state, decision = step(policy, state, finding, subject.tick_ms)
        if decision is not None and decision.to == "firing":
            yield at


def oracle(shop: Shop, dice: np.random.Generator, *, runs: int) -> float:
    """Return the median clicks until a CUSUM that knows the share finds it halved.

    Args:
        shop: the room.
        dice: of the clicks.
        runs: how many.
    """
    before, after = shop.share, shop.share / 2
    yes, no = math.log(after / before), math.log((1 - after) / (1 - before))
    information = -(before * yes + (1 - before) * no)
    needed = max(1.0, math.log(1 + RATED_H * 60 * shop.per_min * information))
    expected = needed / (after * yes + (1 - after) * no)
    size = round(8 * expected) + 200
    counts = []
    for _ in range(runs):
        gains = np.where(dice.random(size) < after, yes, no)
        sums = np.cumsum(gains)
        evidence = sums - np.minimum.accumulate(np.minimum(sums, 0.0))
        over = np.flatnonzero(evidence >= needed)
        counts.append(float(over[0] + 1) if len(over) else math.inf)
    return statistics.median(counts)


def delays(
    name: str, make: Callable[..., Any], shop: Shop, *, runs: int, known_h: float, limit_h: float, seed: int
) -> list[tuple[float, float]]:
    """Return clicks that had time to be paid, and seconds, from the halving until it is told.

    Infinite for never.

    Args:
        name: of the rule.
        make: ``conversion`` or ``retention``.
        shop: the room.
        runs: how many.
        known_h: hours before the halving.
        limit_h: hours after it.
        seed: of the dice.
    """
    watched, half = rule(name), round(known_h * 3_600 / STEP_S)
    found = []
    for number in range(runs):
        dice = np.random.default_rng([seed, number])
        counts = make(shop, half + round(limit_h * 3_600 / STEP_S), dice, half_from=half)
        told = next((at for at in alarms(watched, counts, which=_which(name)) if at >= half), None)
        if told is None:
            found.append((math.inf, math.inf))
        else:
            found.append((float(counts.due[half : told + 1].sum()), float((told + 1 - half) * STEP_S)))
    return found


def run() -> None:
    """Print rates of false alarms, then clicks to detection against the bound."""
    console, began = Console(), time.process_time()
    hours = float(os.environ.get("ROOMWATCH_BENCH_HOURS", "20"))
    table = Table("room-hours", "false alarms", "per 100 room-hours", title="nothing happens")
    table.add_column("rule and rooms", justify="left")
    for title, name, make, shops in _calm():
        count, told = 0.0, 0
        for number, shop in enumerate(shops):
            dice = np.random.default_rng([7, number])
            for _ in range(max(1, round(hours / 4))):
                counts = make(shop, 4 * 3_600 // STEP_S, dice)
                told += sum(1 for _ in alarms(rule(name), counts, which=_which(name)))
                count += 4
        table.add_row(f"{count:.0f}", str(told), f"{100 * told / count:.2f}", title)
    console.print(table)
    for title, name, make, shops in _halved():
        console.print(_detection(title, name, make, shops))
    console.print(f"{time.process_time() - began:.0f} s of CPU, load {os.getloadavg()[0]:.1f}")


def _detection(title: str, name: str, make: Callable[..., Any], shops: list[Shop]) -> Table:
    table = Table("share", "a minute", "found", "median clicks", "bound", "ratio", "median time", title=title)
    ratios = []
    for shop in shops:
        limit_h = 4 if shop.per_min >= _OFTEN else 12
        found = delays(name, make, shop, runs=40, known_h=2, limit_h=limit_h, seed=11)
        bound = oracle(shop, np.random.default_rng(3), runs=2_000)
        clicks, seconds = (statistics.median(each) for each in zip(*found, strict=True))
        ratios.append(clicks / bound)
        table.add_row(
            f"{shop.share:.0%}", f"{shop.per_min:g}", f"{sum(math.isfinite(one) for one, _ in found)}/40",
            f"{clicks:.0f}", f"{bound:.0f}", f"{clicks / bound:.2f}", f"{seconds:.0f} s",
        )  # fmt: skip
    table.caption = f"median ratio {statistics.median(ratios):.2f}"
    return table


_OFTEN: Final = 60


def _which(name: str) -> int:
    return 0 if name == "conversion_drop" else 2


def _calm() -> Iterator[tuple[str, str, Callable[..., Any], list[Shop]]]:
    base = list(product((0.01, 0.03, 0.1), (2, 10, 60, 200, 600)))
    for bursts, items in product((False, True), repeat=2):
        kinds = [word for word, on in (("bursts × 20", bursts), ("items", items)) if on] or ["steady"]
        shops = [Shop(share, rate, bursts, items) for share, rate in base]
        yield f"conversion, {', '.join(kinds)}", "conversion_drop", conversion, shops
    for lag in ((20.0, 60.0), (90.0, 200.0)):
        shops = [Shop(share, rate, bursts=True, lag=lag) for share, rate in base]
        yield f"conversion, bursts, true lag {lag[0]:g}/{lag[1]:g} s", "conversion_drop", conversion, shops
    shops = [Shop(share, rate) for share, rate in product((0.2, 0.4, 0.6), (2, 10, 60, 200, 600))]
    yield "retention", "retention_drop", retention, shops


def _halved() -> Iterator[tuple[str, str, Callable[..., Any], list[Shop]]]:
    shops = [Shop(share, rate) for share, rate in product((0.02, 0.05, 0.1), (60, 200, 600))]
    yield "conversion, halved", "conversion_drop", conversion, [*shops, Shop(0.1, 10), Shop(0.05, 10)]
    shops = [Shop(share, rate) for share, rate in product((0.2, 0.4, 0.6), (10, 60, 200, 600))]
    yield "retention, halved", "retention_drop", retention, shops


def _later(counts: Ints, lag: tuple[float, float], dice: np.random.Generator) -> Ints:
    """Return how many of the things of each step come due in each step, after a log-normal time."""
    sigma = math.log(lag[1] / lag[0]) / 1.2815515655446004
    begun = np.repeat(np.arange(len(counts)), counts)
    waits = (
        dice.random(len(begun)) * STEP_S + np.exp(dice.normal(math.log(lag[0]), sigma, len(begun)))
    ) // STEP_S
    at = begun + waits.astype(np.int64)
    return np.bincount(at[at < len(counts)], minlength=len(counts))


def _told_lags(
    paid: Ints, lag: tuple[float, float], dice: np.random.Generator
) -> list[tuple[float | None, float | None]]:
    """Return percentiles of the lags of as many payers as the last quarter of an hour had, in whole steps."""
    sigma = math.log(lag[1] / lag[0]) / 1.2815515655446004
    sums = np.cumsum(paid)
    found: list[tuple[float | None, float | None]] = []
    for at in range(len(paid)):
        if at % _LAG_STEPS == 0:
            payers = min(_PAYERS_MAX, int(sums[at] - (sums[at - _QUARTER] if at >= _QUARTER else 0)))
            lags = np.exp(dice.normal(math.log(lag[0]), sigma, payers)) // STEP_S * STEP_S
            told = (float(np.median(lags)), float(np.percentile(lags, 90))) if payers else (None, None)
        found.append(told)
    return found


if __name__ == "__main__":
    run()
