"""The state machine: hypothesis walks it, and what it tells must fit what it was shown."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from alerts.detectors.reading import CRITICAL, INFO, OK, WARNING
from alerts.states import NO_DATA_MS, AlertState, Decision, Finding, Policy, rests, severity_of, step

LEVELS = st.sampled_from([None, 0, 1, 2, 3, 4])
POLICY = Policy(for_ms=5_000, keep_firing_ms=10_000, lowest=WARNING)


class Machine(RuleBasedStateMachine):
    """Shows findings tick by tick and keeps by itself, slowly, what may be told."""

    state: AlertState | None = None
    tick_ms = 0

    @initialize(for_ms=st.sampled_from([0, 1_000, 5_000]), keep_ms=st.sampled_from([1_000, 3_000]))
    def choose(self, for_ms: int, keep_ms: int) -> None:
        self.policy = Policy(for_ms, keep_ms, INFO)
        self.shown: list[tuple[int, tuple[int | None, ...], bool]] = []
        self.open: tuple[int, int] | None = None
        self.ended: set[int] = set()

    @rule(
        levels=st.tuples(LEVELS, LEVELS),
        wait_ms=st.sampled_from([0, 1_000, 2_000, 70_000]),
        total=st.booleans(),
    )
    def show(self, levels: tuple[int | None, ...], wait_ms: int, *, total: bool) -> None:
        self.tick_ms += wait_ms
        total = total and any(level == CRITICAL for level in levels)
        self.shown.append((self.tick_ms, levels, total))
        prior = self.state
        rested = prior is not None and prior.severity and rests(self.policy, prior, levels, self.tick_ms)
        self.state, decision = step(self.policy, prior, Finding(levels, total), self.tick_ms)
        if rested:
            assert prior is not None
            assert self.state is not None
            assert replace(self.state, seen_ms=prior.seen_ms) == prior
            assert decision is None
        if decision is not None:
            self._believe(decision, levels, total=total)
        if all(level is None for level in levels) and self.open is not None:
            assert self.state is prior
            assert decision is None

    def _believe(self, decision: Decision, levels: tuple[int | None, ...], *, total: bool) -> None:
        fresh = max(level for level in levels if level is not None)
        if decision.to == "firing":
            assert self.open is None
            assert decision.started_at_ms not in self.ended
            assert fresh >= decision.level
            assert levels[decision.leader] == fresh
            assert total or self.tick_ms - decision.started_at_ms >= self.policy.for_ms
            self._breached_since(decision.started_at_ms)
            self.open = (decision.started_at_ms, decision.level)
            return
        assert self.open is not None
        assert decision.started_at_ms == self.open[0]
        if decision.to == "severity":
            assert decision.level != self.open[1]
            assert fresh >= decision.level or decision.level < self.open[1]
            self.open = (self.open[0], decision.level)
            return
        assert decision.level == self.open[1]
        self._recovered()
        self.ended.add(self.open[0])
        self.open = None

    def _breached_since(self, start_ms: int) -> None:
        """From the first breach on, some condition with data or held was breached all the time."""
        held = [OK, OK]
        for tick_ms, levels, _ in self.shown:
            if tick_ms == start_ms and max(held) < INFO:
                held = [OK, OK]
            held = [old if new is None else new for new, old in zip(levels, held, strict=True)]
            if tick_ms > start_ms:
                assert max(held) >= INFO

    def _recovered(self) -> None:
        """Nothing shown in the last ``keep_firing_ms`` was outside the recover bound."""
        since_ms = self.tick_ms - self.policy.keep_firing_ms
        for tick_ms, levels, _ in self.shown:
            if tick_ms > since_ms:
                assert all(level in (None, OK) for level in levels)

    @invariant()
    def agrees(self) -> None:
        if self.state is None:
            assert self.open is None
        elif self.state.severity:
            assert self.open == (self.state.started_at_ms, self.state.severity)
        else:
            assert self.open is None


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_a_repeat_of_the_same_tick_changes_nothing() -> None:
    state = None
    for tick in range(0, 8_000, 1_000):
        state, first = step(POLICY, state, Finding((WARNING,)), tick)
        again, second = step(POLICY, state, Finding((WARNING,)), tick)
        assert again == state
        assert second is None or first is None


def test_held_levels_do_not_fire() -> None:
    """One condition was breached and lost its data; the other one is fine: nothing is told."""
    state, _ = step(POLICY, None, Finding((CRITICAL, OK)), 0)
    for tick in range(1_000, 60_000, 1_000):
        state, decision = step(POLICY, state, Finding((None, OK)), tick)
        assert decision is None
    state, _ = step(POLICY, state, Finding((None, OK)), NO_DATA_MS + 1_000)
    assert state is None


def test_an_open_alert_waits_for_the_condition_that_has_no_data() -> None:
    state, decision = step(POLICY, None, Finding((CRITICAL, OK), total=True), 0)
    assert decision == Decision("firing", CRITICAL, 0, 0)
    for tick in range(1_000, 200_000, 1_000):
        state, decision = step(POLICY, state, Finding((None, OK)), tick)
        assert decision is None
    for tick in range(200_000, 210_000, 1_000):
        state, decision = step(POLICY, state, Finding((OK, OK)), tick)
        assert decision is None
    state, decision = step(POLICY, state, Finding((OK, OK)), 210_000)
    assert decision == Decision("resolved", CRITICAL, 0, 0)
    assert state is None


def test_a_rule_that_fires_rests_while_its_levels_stay_and_nothing_is_due() -> None:
    fired, _ = step(POLICY, None, Finding((CRITICAL,), total=True), 0)
    assert fired is not None
    assert rests(POLICY, fired, (CRITICAL,), 60_000)
    assert not rests(POLICY, fired, (WARNING,), 60_000)
    eased, _ = step(POLICY, fired, Finding((OK,)), 60_000)
    assert eased is not None
    assert rests(POLICY, eased, (OK,), 69_000)
    assert not rests(POLICY, eased, (OK,), 70_000)


def test_severities_have_names() -> None:
    assert [severity_of(level) for level in (INFO, WARNING, CRITICAL)] == ["info", "warning", "critical"]


def test_an_episode_on_its_way_to_an_end_does_not_fall_first() -> None:
    """Critical until 10 s, warning until 14 s, well from then on: it ends at 24 s and says nothing before."""
    state: AlertState | None = None
    told: list[tuple[int, str, int]] = []
    for second in range(30):
        level = CRITICAL if second < 10 else WARNING if second < 14 else OK
        state, decision = step(POLICY, state, Finding((level,), total=False), second * 1_000)
        if decision is not None:
            told.append((second, decision.to, decision.level))
    assert told == [(5, "firing", CRITICAL), (24, "resolved", CRITICAL)]
