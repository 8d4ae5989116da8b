"""The surge detector: what it says of plain series, and what must hold of any."""

import math
import random
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as tuned
from hypothesis import strategies as st

from alerts.detectors.surge import CURVES, ROOM, SERVICE, Finding, Surge, SurgeSettings

MINUTE_MS = 60_000
SETTINGS = pytest.mark.parametrize("settings", [CURVES, ROOM], ids=["curves", "room"])
GROWN = replace(SERVICE, young_weight=0.0)
"""SERVICE on a series that it has known for days."""

values = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(0, 1000).map(float),
)
samples = st.lists(st.tuples(st.integers(0, 600_000), values), max_size=120)
few = tuned(max_examples=40, deadline=None)
some_settings = st.sampled_from(
    [CURVES, SERVICE, ROOM, replace(CURVES, warmup=3, day_bins=24), replace(SERVICE, warmup=3, day_bins=24)]
)


def findings(
    settings: SurgeSettings, series, *, step_ms: int = MINUTE_MS, start_ms: int = 0
) -> list[Finding]:
    detector = Surge(settings)
    return [detector.step(start_ms + i * step_ms, value) for i, value in enumerate(series)]


def directions(found: list[Finding], start: int = 0) -> list[str]:
    return [finding.direction for finding in found[start:]]


def noisy(level: float, count: int, *, seed: int = 1, share: float = 0.05) -> list[float]:
    rng = random.Random(seed)
    return [level * (1 + share * rng.gauss(0, 1)) for _ in range(count)]


def timed(steps) -> list[tuple[int, float | None]]:
    at_ms, series = 0, []
    for passed, value in steps:
        at_ms += passed
        series.append((at_ms, value))
    return series


@few
@given(some_settings, samples)
def test_the_same_samples_give_the_same_findings(settings, steps):
    one, two = Surge(settings), Surge(settings)
    assert repr([one.step(*s) for s in timed(steps)]) == repr([two.step(*s) for s in timed(steps)])
    assert one.pack() == two.pack()


@few
@given(some_settings, samples, st.integers(0, 120))
def test_packed_anywhere_it_goes_on_as_if_nothing_had_happened(settings, steps, cut):
    series = timed(steps)
    whole, first = Surge(settings), Surge(settings)
    expected = [whole.step(*s) for s in series]
    found = [first.step(*s) for s in series[:cut]]
    second = Surge.unpack(settings, first.pack())
    found += [second.step(*s) for s in series[cut:]]
    assert repr(found) == repr(expected)
    assert second.pack() == whole.pack()


@few
@given(some_settings, samples, samples)
def test_a_finding_depends_on_nothing_after_it(settings, steps, more):
    short, long = Surge(settings), Surge(settings)
    known = [short.step(*s) for s in timed(steps)]
    assert repr([long.step(*s) for s in timed(steps + more)][: len(known)]) == repr(known)


@few
@given(some_settings, samples, st.tuples(st.integers(0, 600_000), values))
def test_judging_teaches_nothing_and_says_what_the_step_says(settings, steps, one_more):
    detector = Surge(settings)
    series = timed([*steps, one_more])
    for sample in series[:-1]:
        detector.step(*sample)
    packed = detector.pack()
    judged = detector.judge(*series[-1])
    assert detector.pack() == packed
    assert repr(detector.step(*series[-1])) == repr(judged)


@few
@given(some_settings, samples)
def test_every_number_is_sane(settings, steps):
    detector = Surge(settings)
    for sample in timed(steps):
        found = detector.step(*sample)
        assert 0 <= found.score < 1
        assert 0 <= found.confidence <= 1
        numbers = [number for number in found[:4] if number is not None]
        assert all(math.isfinite(number) for number in numbers)
        if found.lower is not None and found.upper is not None and found.expected is not None:
            slack = 1e-9 * abs(found.expected)
            assert found.lower - slack <= found.expected <= found.upper + slack
        assert (found.direction == "none") == (found.reason == "")


@pytest.mark.parametrize("settings", [CURVES, SERVICE, ROOM], ids=["curves", "service", "room"])
def test_memory_is_constant_and_small(settings):
    detector = Surge(settings)
    limit = 2_048 if settings.day_bins else 256
    for i, value in enumerate(noisy(1e6, 3_000)):
        detector.step(i * MINUTE_MS, value)
        assert len(detector.pack()) <= limit


@SETTINGS
@pytest.mark.parametrize("level", [0.0, 1.0, 45.0, 1e12])
def test_a_constant_series_is_never_worth_telling(settings, level):
    found = findings(settings, [level] * 500)
    assert set(directions(found)) == {"none"}
    assert found[-1].expected == pytest.approx(level)
    assert max(finding.score for finding in found) < settings.threshold / 2


@SETTINGS
def test_calm_noise_is_not_told(settings):
    assert set(directions(findings(settings, noisy(200, 400)))) == {"none"}


@SETTINGS
@pytest.mark.parametrize(("factor", "word"), [(4, "spike"), (0.2, "drop")])
def test_a_step_is_told_within_two_samples_and_then_becomes_normal(settings, factor, word):
    found = findings(settings, noisy(200, 60) + noisy(200 * factor, 100, seed=2))
    assert set(directions(found[:60])) == {"none"}
    assert word in directions(found[60:62])
    assert set(directions(found, 140)) == {"none"}
    assert found[-1].expected == pytest.approx(200 * factor, rel=0.25)


def test_what_is_told_explains_itself():
    told = next(f for f in findings(CURVES, [*noisy(200, 60), 900.0]) if f.direction != "none")
    assert (told.value, told.direction, told.reason, told.samples) == (900.0, "spike", "jump", 60)
    assert told.expected == pytest.approx(200, rel=0.1)
    assert told.lower is not None
    assert told.upper is not None
    assert told.lower < 200 < told.upper < 900
    assert told.confidence > 0.999
    assert told.score >= CURVES.threshold


@SETTINGS
def test_beyond_the_bounds_it_alarms_and_within_them_it_does_not(settings):
    detector = Surge(replace(settings, confirm=1))
    for i, value in enumerate(noisy(200, 60)):
        detector.step(i * MINUTE_MS, value)
    bounds = detector.judge(60 * MINUTE_MS, 200.0)
    assert bounds.upper is not None
    assert bounds.lower is not None
    assert detector.judge(60 * MINUTE_MS, bounds.upper * 1.02).direction == "spike"
    assert detector.judge(60 * MINUTE_MS, bounds.upper * 0.98).direction == "none"
    assert detector.judge(60 * MINUTE_MS, bounds.lower * 0.98).direction == "drop"


def test_a_room_is_not_told_of_one_odd_sample_nor_of_a_small_change():
    found = findings(ROOM, [*noisy(200, 60), 900.0, *noisy(200, 20, seed=2)])
    assert set(directions(found)) == {"none"}
    found = findings(ROOM, noisy(200, 60, share=0.01) + noisy(400, 20, share=0.01))
    assert set(directions(found)) == {"none"}


def test_a_room_is_told_as_long_as_half_of_the_change_remains():
    found = findings(ROOM, noisy(200, 60) + noisy(800, 4, seed=2) + noisy(200, 4, seed=3))
    assert directions(found, 60) == ["none", "spike", "spike", "spike", *["none"] * 4]
    assert [finding.reason for finding in found[61:63]] == ["jump", "hold"]
    long = findings(ROOM, noisy(200, 60) + noisy(800, 30, seed=2))
    assert "spike" in directions(long, 60)
    assert set(directions(long, 61 + ROOM.hold_ms // MINUTE_MS + 1)) == {"none"}


def test_a_hole_makes_a_room_cautious_again():
    steps = [(MINUTE_MS, value) for value in noisy(20_000, 60)]
    steps += [(9 * MINUTE_MS, 900.0), (MINUTE_MS, 905.0), (MINUTE_MS, 910.0), (MINUTE_MS, 915.0)]
    detector = Surge(ROOM)
    assert {detector.step(*sample).direction for sample in timed(steps)} == {"none"}


def test_a_steady_climb_is_no_spike():
    assert set(directions(findings(ROOM, [100 * 1.2**i for i in range(40)]))) == {"none"}
    assert set(directions(findings(CURVES, [100 + 3.0 * i for i in range(400)]))) == {"none"}


def test_a_daily_rhythm_is_learnt_and_a_day_that_misses_it_is_told():
    """Days of quiet nights and busy afternoons; on the last one the afternoon stays away."""
    per_day, days = 96, 9
    rng = random.Random(4)

    def at(i: int) -> float:
        busy = 40 <= i % per_day < 70 and i // per_day != days - 1
        return (80.0 if busy else 20.0) + rng.gauss(0, 1)

    found = findings(CURVES, [at(i) for i in range(per_day * days)], step_ms=15 * MINUTE_MS)
    known_from, last_day = 4 * per_day, (days - 1) * per_day
    assert set(directions(found[known_from:last_day])) == {"none"}
    assert found[last_day - per_day + 41].expected == pytest.approx(80, abs=5)
    assert found[last_day + 40].direction == "drop"


def test_incidents_before_do_not_make_the_next_look_usual():
    """A spike to the threefold every 100 samples: the fiftieth is told as the first was."""
    series = noisy(200, 5_000)
    spikes = range(100, len(series), 100)
    for at in spikes:
        series[at] *= 3
    found = findings(GROWN, series)
    assert {found[at].direction for at in spikes} == {"spike"}
    assert sum(finding.direction == "spike" for finding in found) == len(spikes)


def test_a_series_of_rare_blips_is_not_told_of_each():
    """Mostly nothing, now and then a blip of any size up to 60: only one of 100 000 is worth telling."""
    rng = random.Random(3)
    series = [rng.uniform(5, 60) if rng.random() < 0.05 else 0.0 for _ in range(6_000)]
    found = findings(GROWN, [*series, 100_000.0])
    blips = sum(value > 0 for value in series[3_000:])
    assert sum(finding.direction != "none" for finding in found[3_000:-1]) < blips / 30
    assert found[-1].direction == "spike"


def test_more_is_asked_of_a_series_known_for_hours_than_of_one_known_for_days():
    per_day = 288
    calm = noisy(200, 8 * per_day)
    for count, word in ((per_day // 2, "none"), (8 * per_day, "spike")):
        found = findings(SERVICE, [*calm[:count], 320.0], step_ms=5 * MINUTE_MS)
        assert found[-1].direction == word


def test_hours_that_are_always_restless_are_allowed_more():
    """Calm nights, noisy days: the same distance is told by night, not by day."""
    per_day, days = 288, 12
    rng = random.Random(5)

    def at(i: int) -> float:
        return 200 + (20 if 96 <= i % per_day < 240 else 2) * rng.gauss(0, 1)

    detector = Surge(GROWN)
    for i in range(per_day * days):
        detector.step(5 * MINUTE_MS * i, at(i))
    for i in range(per_day * days, per_day * days + 150):
        if i % per_day in (50, 149):
            word = detector.judge(5 * MINUTE_MS * i, 250.0).direction
            assert word == ("spike" if i % per_day == 50 else "none")
        detector.step(5 * MINUTE_MS * i, at(i))


def test_gaps_change_nothing():
    series = noisy(200, 100)
    plain, holed = Surge(CURVES), Surge(CURVES)
    for i, value in enumerate(series):
        for gap in (None, math.nan, math.inf):
            missing = holed.step(i * MINUTE_MS, gap)
            assert (missing.value, missing.direction, missing.score) == (None, "none", 0.0)
        assert holed.step(i * MINUTE_MS, value) == plain.step(i * MINUTE_MS, value)
    assert holed.pack() == plain.pack()


def test_nothing_is_told_before_the_warm_up():
    for settings in (CURVES, ROOM):
        found = findings(settings, [10.0, 1000.0, 3.0, 5000.0] * 3)
        assert set(directions(found)) == {"none"}
        assert {(finding.lower, finding.upper) for finding in found} == {(None, None)}


def test_only_a_larger_surprise_scores_in_full_soon_after_another():
    found = findings(CURVES, [*noisy(200, 200), 600.0, *noisy(200, 5, seed=2), 500.0, *noisy(200, 5, seed=3)])
    assert found[200].direction == "spike"
    assert found[206].score < CURVES.threshold < found[200].score


def test_instants_that_step_back_are_taken_as_the_last():
    detector = Surge(ROOM)
    for i, value in enumerate(noisy(200, 60)):
        detector.step(i * MINUTE_MS, value)
    assert detector.step(0, 205.0).direction == "none"
    assert detector.step(60 * MINUTE_MS, 205.0).expected == pytest.approx(205, rel=0.1)


def test_another_shape_of_settings_is_refused():
    packed = findings_packed(CURVES)
    for other in (replace(CURVES, level_rates=(0.1,)), replace(CURVES, day_bins=24), ROOM):
        with pytest.raises(ValueError, match="another shape"):
            Surge.unpack(other, packed)
    assert isinstance(msgspec.msgpack.decode(packed), list)


def findings_packed(settings: SurgeSettings) -> bytes:
    detector = Surge(settings)
    detector.step(0, 1.0)
    return detector.pack()


@pytest.mark.parametrize(
    "bad",
    [
        {"threshold": 0.0},
        {"threshold": 1.0},
        {"min_ratio": 2.0},
        {"min_ratio": 0.5, "counts": True},
        {"confirm": 0},
        {"level_rates": ()},
        {"level_rates": (0.0,)},
        {"scale_rate": 1.5},
        {"day_bins": 2_000},
        {"size_power": 1.5},
        {"size_rate": 0.0},
        {"still_share": 1.0},
        {"tail_excess_max": 0.0},
    ],
)
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match="must"):
        replace(CURVES, **bad)
