"""Backtest equals live: the same log gives the same transitions, whatever crashed on either way."""

from __future__ import annotations

import random

import pytest

from alerts.backtest import play as play_module
from alerts.backtest.sets import Sets, always
from alerts.model import Transition
from alerts.rulecheck import load
from alerts.ruleset import RuleSet
from alerts.settings import DEFAULT_RULES
from alerts.windows import parse_windows
from stream.archive import Archive
from tests.alerts.backtest.history import RULES, history
from tests.alerts.backtest.live import backtest, live
from tests.exporters.archive.recording import CrashingDisk, keep, record_with_crashes

pytestmark = pytest.mark.timeout(170)

OTHER = (
    RULES.replace("warning: 0.02, critical: 0.05", "warning: 0.03, critical: 0.08")
    .replace("name: fps", "name: frames")
    .replace("step_s: 5", "step_s: 7")
)


@pytest.fixture(scope="module")
def one() -> RuleSet:
    return load(RULES, 3)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_to_rooms_and_processes(tmp_path, monkeypatch, seed, one):
    log, dice = history(seed, ticks=300), random.Random(seed)
    record_with_crashes(tmp_path, log, CrashingDisk(monkeypatch), dice)
    wanted = live(log, always(one), dice)
    assert len(wanted) > 20
    found = backtest(Archive(tmp_path), always(one))
    assert found == wanted
    assert repr(found) == repr(wanted)  # to the digit, whole numbers whole


@pytest.mark.parametrize("seed", range(20, 24))
def test_with_rule_sets_that_change_on_the_way(tmp_path, seed, one):
    log, dice = history(seed, ticks=300), random.Random(seed)
    archive = keep(tmp_path, log, flush_every=500)
    middle = log[len(log) // 4], log[len(log) // 2]
    first, second = (parse_windows(value).tick_ms + dice.randrange(1_000) for value in middle)
    sets = Sets(((0, one), (first, load(OTHER, 4)), (second, load(RULES, 5))))
    wanted = live(log, sets, dice)
    assert {told.rule_version for told in wanted} == {3, 4, 5}
    assert backtest(archive, sets) == wanted


def seen(told: Transition) -> tuple[object, ...]:
    return told.position[0], told.subject, told.rule, told.to, told.severity, told.started_at_ms, told.value


@pytest.mark.parametrize("seed", range(30, 34))
def test_a_part_of_the_time_is_told_as_in_the_whole(tmp_path, seed, one):
    """Each room is played from its session's start, so what was pending or learnt before is known."""
    log, dice = history(seed, ticks=300), random.Random(seed)
    archive = keep(tmp_path, log, flush_every=500)
    begin_ms, end_ms = archive.bounds_ms() or (0, 0)
    wanted = live(log, always(one))
    for _ in range(3):
        from_ms, to_ms = sorted(dice.randrange(begin_ms, end_ms) // 1000 * 1000 for _ in range(2))
        found = backtest(archive, always(one), from_ms=from_ms, to_ms=to_ms)
        assert [seen(told) for told in found] == [
            seen(told) for told in wanted if from_ms <= told.tick_ms < to_ms
        ]


def test_with_the_rules_that_roomwatch_starts_with(tmp_path):
    log = history(40, ticks=900, rooms=2)
    sets = always(load(DEFAULT_RULES.read_text(encoding="utf-8"), 1))
    wanted = live(log, sets)
    assert len(wanted) > 20
    assert backtest(keep(tmp_path, log, flush_every=2_000), sets) == wanted


@pytest.mark.parametrize("seed", range(60, 64))
def test_with_a_little_trouble_in_a_calm_show(tmp_path, seed, one):
    """Detectors then learn by themselves, and what is tried at single rows decides when the fold is fed."""
    log = history(seed, ticks=400, rooms=2, trouble=0.0015)
    wanted = live(log, always(one))
    assert len(wanted) > 5
    assert backtest(keep(tmp_path, log, flush_every=2_000), always(one)) == wanted


def test_a_calm_room_is_hardly_played(tmp_path, monkeypatch, one):
    """What cannot change anything is left out; the result is that of playing all."""
    fed = 0
    feed = play_module._Player._feed

    def counting(player, position):
        nonlocal fed
        fed += 1
        return feed(player, position)

    monkeypatch.setattr(play_module._Player, "_feed", counting)
    log = history(50, ticks=600, rooms=1, trouble=0.0)
    archive = keep(tmp_path, log, flush_every=2_000)
    quick, fed = backtest(archive, always(one)), 0
    backtest(archive, always(one))
    calm, fed = fed, 0
    whole = backtest(archive, always(one), skip=False)
    assert quick == whole == live(log, always(one))
    assert calm < fed / 4


def test_a_condition_without_a_sieve_is_asked_everywhere(tmp_path, monkeypatch, one):
    log = history(51, ticks=200)
    archive = keep(tmp_path, log, flush_every=2_000)
    monkeypatch.setattr("alerts.backtest.sieve._SIEVES", {})
    assert backtest(archive, always(one)) == live(log, always(one))
