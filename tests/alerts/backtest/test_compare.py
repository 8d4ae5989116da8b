"""Episodes out of transitions, and how those of two rule sets differ."""

from __future__ import annotations

from alerts.backtest.compare import compare, judged
from alerts.backtest.episodes import episodes
from tests.alerts.backtest.made import T0, episode, told


def test_an_episode_is_what_was_told_from_firing_to_end():
    transitions = [
        told(15, "firing", started=10),
        told(20, "severity", started=10, severity="critical"),
        told(30, "severity", started=10, severity="warning"),
        told(40, "resolved", started=10),
    ]
    (found,) = episodes(transitions, T0, T0 + 60_000)
    assert (found.started_at_ms, found.fired_at_ms, found.ended_at_ms) == (
        T0 + 10_000,
        T0 + 15_000,
        T0 + 40_000,
    )
    assert (found.severity_max, found.reason) == ("critical", "recovered")
    assert found.id == transitions[0].alert_id
    assert found.lasted_ms(T0 + 60_000) == 25_000


def test_one_that_is_open_at_the_end_of_the_range_lasts_until_then():
    transitions = [told(15, "firing", started=10), told(40, "resolved", started=10)]
    (found,) = episodes(transitions, T0, T0 + 30_000)
    assert found.ended_at_ms is None
    assert found.lasted_ms(T0 + 30_000) == 15_000


def test_one_that_ended_before_the_range_or_began_after_it_is_none_of_it():
    transitions = [told(15, "firing", started=10), told(40, "resolved", started=10)]
    assert episodes(transitions, T0 + 41_000, T0 + 60_000) == []
    assert episodes(transitions, T0, T0 + 15_000) == []


def test_equal_alerts_are_the_same():
    found = compare([episode(0, 50)], [episode(0, 50)])
    assert (len(found.same), found.moved, found.added, found.gone) == (1, (), (), ())


def test_alerts_that_were_open_together_moved():
    before, later = episode(0, 50), episode(10, 60)
    worse = episode(100, 150, severity_max="critical")
    found = compare([before, episode(100, 150)], [later, worse])
    assert found.moved == ((before, later), (episode(100, 150), worse))
    assert found.added == found.gone == ()


def test_the_same_alert_of_a_rule_with_another_name_moved():
    found = compare([episode(0, 50)], [episode(0, 50, rule="stutter_edge")])
    assert len(found.moved) == 1


def test_alerts_at_other_times_rooms_or_of_other_kinds_are_others():
    before = [episode(0, 50), episode(0, 50, subject="r2"), episode(0, 50, subject="r3")]
    after = [episode(60, 90), episode(0, 50, subject="r4"), episode(0, 50, subject="r3", kind="av_desync")]
    found = compare(before, after)
    assert (found.same, found.moved) == ((), ())
    assert sorted(one.subject for one in found.gone) == ["r1", "r2", "r3"]
    assert sorted(one.subject for one in found.added) == ["r1", "r3", "r4"]


def test_of_several_the_one_that_was_open_longest_together_is_the_same_alert():
    """One long alert becomes three short ones: the longest of them is the one that moved."""
    short = [episode(0, 10), episode(20, 80), episode(90, 100)]
    found = compare([episode(0, 100)], short)
    assert found.moved == ((episode(0, 100), short[1]),)
    assert found.added == (short[0], short[2])


def test_an_alert_without_an_end_meets_every_later_one():
    found = compare([episode(0, None)], [episode(500, 600)])
    assert len(found.moved) == 1


def test_verdicts_tell_what_is_lost_and_what_is_spared():
    kept, moved, lost, spared, unknown = (episode(at, at + 50) for at in (0, 100, 200, 300, 400))
    other = episode(110, 150)
    found = compare([kept, moved, lost, spared, unknown], [kept, other, unknown])
    verdicts = {kept.id: "real", moved.id: "false_alarm", lost.id: "real", spared.id: "false_alarm"}
    counted = judged(found, {**verdicts, unknown.id: "expected"})
    assert (counted.real_kept, counted.real_lost) == (1, 1)
    assert (counted.false_kept, counted.false_spared) == (1, 1)
    assert counted.unjudged == 1
