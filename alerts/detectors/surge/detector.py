"""The detector: expect, weigh, decide, learn; one sample at a time.

Pure and deterministic: the same samples give the same findings, whenever and in whatever batches; a finding
depends on nothing after it. Memory is fixed by the settings (`pack` tells how much).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import msgspec

from alerts.detectors.surge.findings import Direction, Finding, Reason, Weighed
from alerts.detectors.surge.rhythm import Rhythm
from alerts.detectors.surge.settings import HALF_SURPRISE, SurgeSettings
from alerts.detectors.surge.tail import Tail

if TYPE_CHECKING:
    from array import array

__all__ = ["Surge"]

_VALUE_MAX: Final = 1e15
"""Larger values are taken as this, so that no square or sum overflows."""
_DEVIATION_MAX: Final = 1e4
_TYPICAL: Final = 0.8
"""Mean size of a standard normal deviation: what unrest is near when all is calm."""
_FLOOR: Final = 1e-6
"""Smallest scale, as a share of the value: a constant series has none of its own."""
_TINY: Final = 1e-12
_FEW: Final = 10
"""Until so many samples residuals are learnt as they are, afterwards clipped."""
_SCALED: Final = 3
"""Samples from which residuals have a usual size."""
_STEP_RATE: Final = 0.1
_SUBDUED: Final = 0.05
"""What a surprise below the refractory bar counts for in the score."""


class Surge:
    """Follows one series.

    Args:
        settings: what it was made with; the same must be given to `unpack`.
    """

    __slots__ = (
        "_bar", "_breaches", "_busy", "_errors", "_held", "_held_at", "_held_from", "_held_mid", "_jumps",
        "_last_at", "_levels", "_moves", "_rhythm", "_samples", "_scale", "_shift", "_shifts", "_since",
        "_step_ms", "_unrests", "settings",
    )  # fmt: skip

    def __init__(self, settings: SurgeSettings) -> None:
        self.settings = settings
        self._samples = 0
        self._moves = 0
        self._last_at = 0
        self._step_ms = 0.0
        self._since = 0
        self._levels: list[float] = []
        self._errors = [0.0] * len(settings.level_rates)
        self._scale = settings.scale_prior
        self._busy = _TYPICAL
        self._shift = 0.0
        self._bar = 0.0
        self._breaches = 0
        self._held = 0
        self._held_at = 0
        self._held_from = 0.0
        self._held_mid = 0.0
        self._jumps = Tail(settings.tail_bound, settings.tail_slope)
        self._unrests = Tail(settings.tail_bound - 1, settings.tail_slope)
        self._shifts = Tail(settings.tail_bound, settings.tail_slope)
        self._rhythm: Rhythm | None = None

    def judge(self, at_ms: int, value: float | None) -> Finding:
        """Return what this sample would be found to be, learning nothing."""
        if value is None or not math.isfinite(value):
            return self._missing()
        transformed = self._transformed(value)
        if not self._levels:
            return Finding(value, None, None, None, 0, 0.0, 0.0, "none", "")
        weighed = self._weigh(at_ms, transformed)
        return self._find(at_ms, value, transformed, weighed, self._breached(at_ms, transformed, weighed))

    def step(self, at_ms: int, value: float | None) -> Finding:
        """Judge a sample, then learn from it.

        Args:
            at_ms: its instant, epoch milliseconds; an earlier one than before is taken as the same.
            value: None, NaN and infinities are gaps: they change nothing.

        Returns:
            The finding.
        """
        if value is None or not math.isfinite(value):
            return self._missing()
        transformed = self._transformed(value)
        if not self._levels:
            self._begin(at_ms, transformed)
            return Finding(value, None, None, None, 0, 0.0, 0.0, "none", "")
        self._pass_time(at_ms)
        weighed = self._weigh(at_ms, transformed)
        breaches = self._breached(at_ms, transformed, weighed)
        finding = self._find(at_ms, value, transformed, weighed, breaches)
        self._samples += 1
        self._bar = max(weighed.bar, weighed.surprise - weighed.demanded)
        self._hold(at_ms, transformed, weighed, breaches)
        waits = breaches != 0 and abs(breaches) < self.settings.confirm
        self._breaches = breaches if waits else 0
        if not waits:
            self._learn(transformed, weighed)
        return finding

    def pack(self) -> bytes:
        """Return all that is remembered, as msgpack; `unpack` goes on as if nothing had happened."""
        tails = [(t.bound, t.slope, t.seen, t.above) for t in (self._jumps, self._unrests, self._shifts)]
        rhythm = self._rhythm
        day = rhythm and (
            [getattr(rhythm, name) for name in _PLAIN_OF_RHYTHM],
            rhythm.means.tobytes(),
            rhythm.counts.tobytes(),
            rhythm.sizes.tobytes(),
        )
        plain = [getattr(self, name) for name in _PLAIN]
        return msgspec.msgpack.encode((plain, self._levels, self._errors, tails, day))

    @classmethod
    def unpack(cls, settings: SurgeSettings, packed: bytes) -> Surge:
        """Return the detector that was packed.

        Raises:
            ValueError: when the settings follow other levels or another rhythm than those it was packed with.
        """
        plain, levels, errors, tails, day = msgspec.msgpack.decode(packed)
        found = cls(settings)
        if len(errors) != len(found._errors) or len(day[2] if day else b"") != (
            settings.day_bins if levels else 0
        ):
            raise ValueError("packed with settings of another shape")
        for name, value in zip(_PLAIN, plain, strict=False):
            setattr(found, name, value)
        found._levels, found._errors = levels, errors
        found._jumps, found._unrests, found._shifts = (Tail(*tail) for tail in tails)
        if day:
            found._rhythm = _rhythm(settings, day)
        return found

    def _transformed(self, value: float) -> float:
        if not self.settings.counts:
            return max(-_VALUE_MAX, min(_VALUE_MAX, value))
        return 2 * math.asinh(math.sqrt(min(max(value, 0.0), _VALUE_MAX) / self.settings.spread_of_counts))

    def _restored(self, transformed: float) -> float:
        if not self.settings.counts:
            return transformed
        half = math.sinh(min(max(transformed, 0.0) / 2, 40.0))
        return float(self.settings.spread_of_counts * half * half)

    def _begin(self, at_ms: int, transformed: float) -> None:
        self._samples = 1
        self._last_at = at_ms
        self._levels = [transformed] * len(self.settings.level_rates)
        if self.settings.day_bins:
            self._rhythm = Rhythm(self.settings, transformed, at_ms)

    def _pass_time(self, at_ms: int) -> None:
        """Follow the usual step; after a hole be cautious again."""
        passed = max(0, at_ms - self._last_at)
        self._last_at = max(self._last_at, at_ms)
        if self.settings.gap_steps and 0 < self._step_ms * self.settings.gap_steps < passed:
            self._since = self._samples + self.settings.after_gap
        else:
            self._step_ms += max(_STEP_RATE, 1 / self._samples) * (passed - self._step_ms)

    def _weigh(self, at_ms: int, transformed: float) -> Weighed:
        settings, rhythm, errors = self.settings, self._rhythm, self._errors
        part, season, rhythmic, base, shifted, size = 0, 0.0, False, self._levels[0], 0.0, 1.0
        demanded = self._demanded()
        if rhythm is not None:
            part, base = rhythm.part(at_ms), rhythm.base
            size = rhythm.size(part, settings)
            demanded += rhythm.demanded(at_ms, settings)
            rhythmic = rhythm.pays(part, settings)
            season = rhythm.means[part] if rhythm.counts[part] else 0.0
            shifted = (-rhythm.last if rhythmic else rhythm.last) if rhythmic != rhythm.used else 0.0
        level = self._levels[errors.index(min(errors))] + shifted
        residual = transformed - (season if rhythmic else 0.0) - level
        scale = size * (1.25 * self._scale + _FLOOR * (abs(base) + abs(transformed)) + _TINY)
        z = min(_DEVIATION_MAX, abs(residual) / scale) if self._samples >= _SCALED else 0.0
        busy, shift, surprise, reason = self._surprised(z, residual)
        bar = self._decayed_bar()
        told = max(0.0, surprise - demanded)
        told = told if told >= bar else _SUBDUED * told
        ready = (
            self._samples >= max(settings.warmup, self._since) and self._told_of_spread() >= settings.warmup
        )
        return Weighed(
            part, season, rhythmic, level, residual, size, scale, z, busy, shift, surprise, reason, demanded,
            bar, told / (told + HALF_SURPRISE), ready,
        )  # fmt: skip

    def _surprised(self, z: float, residual: float) -> tuple[float, float, float, Reason]:
        """Return unrest and shift with this sample, the largest surprise, and what it is of."""
        settings = self.settings
        if self._told_of_spread() < settings.warmup:
            return self._busy, self._shift, 0.0, ""
        reason: Reason = "jump"
        surprise = self._jumps.surprise(z, settings)
        size = min(z, settings.clip)
        busy, shift = self._busy, self._shift
        if settings.busy_rate:
            busy += settings.busy_rate * (size - busy)
            unrest = self._unrests.surprise(busy / _TYPICAL, settings)
            if unrest > surprise:
                surprise, reason = unrest, "unrest"
        if settings.shift_rate:
            shift += settings.shift_rate * (math.copysign(size, residual) - shift)
            lasting = self._shifts.surprise(self._shift_z(shift), settings) * settings.shift_weight
            if lasting > surprise:
                surprise, reason = lasting, "shift"
        return busy, shift, surprise, reason

    def _shift_z(self, shift: float) -> float:
        """Return a mean of signed sizes in its own standard deviations, were they independent."""
        return abs(shift) / math.sqrt(self.settings.shift_rate / 2)

    def _told_of_spread(self) -> int:
        """Return how many samples told how far the series strays; where still ones do not, the others."""
        return self._moves if self.settings.still_share else self._samples

    def _moved(self, transformed: float, weighed: Weighed) -> bool:
        least = _FLOOR * (abs(weighed.level) + abs(transformed))
        return abs(weighed.residual) > max(self.settings.still_share * weighed.scale, least)

    def _demanded(self) -> float:
        """Return the surprise that history demands on top."""
        seen = (self._samples + 1) / self.settings.history_samples
        return self.settings.history_weight * math.log10(seen) if seen > 1 else 0.0

    def _decayed_bar(self) -> float:
        if self._bar <= 0:
            return 0.0
        settings = self.settings
        half_life = settings.refractory_samples + settings.refractory_share * (self._samples + 1)
        return float(self._bar * 0.5 ** (1 / half_life))

    def _breached(self, at_ms: int, transformed: float, weighed: Weighed) -> int:
        """Return how many samples in a row breach with this one: above 0 upwards, below 0 downwards."""
        if not weighed.ready or weighed.score < self.settings.threshold:
            return 0
        least = math.log(self.settings.min_ratio)
        if abs(weighed.residual) < least:
            return 0
        way = 1 if (weighed.residual if weighed.reason == "jump" else weighed.shift) > 0 else -1
        if way * self._held < 0 and self._remembers(at_ms) and abs(transformed - self._held_from) < least:
            return 0
        return self._breaches + way if self._breaches * way > 0 else way

    def _missing(self) -> Finding:
        expected = (
            self._restored(self._levels[self._errors.index(min(self._errors))]) if self._levels else None
        )
        return Finding(None, expected, None, None, self._samples, 0.0, 0.0, "none", "")

    def _find(self, at_ms: int, value: float, transformed: float, weighed: Weighed, breaches: int) -> Finding:
        direction: Direction = "none"
        reason: Reason = ""
        if abs(breaches) >= self.settings.confirm:
            direction, reason = ("spike" if breaches > 0 else "drop"), weighed.reason
        elif self._holds(at_ms, transformed):
            direction, reason = ("spike" if self._held > 0 else "drop"), "hold"
        expected = weighed.level + (weighed.season if weighed.rhythmic else 0.0)
        lower = upper = None
        if weighed.ready:
            margin = self._margin(weighed)
            lower, upper = self._restored(expected - margin), self._restored(expected + margin)
        return Finding(
            value, self._restored(expected), lower, upper, self._samples, 1 - 10.0**-weighed.surprise,
            weighed.score, direction, reason,
        )  # fmt: skip

    def _margin(self, weighed: Weighed) -> float:
        """Return how far from the expectation a single sample would alarm."""
        threshold = self.settings.threshold
        needed = max(HALF_SURPRISE * threshold / (1 - threshold), weighed.bar) + weighed.demanded
        margin = self._jumps.deviation(needed, self.settings) * weighed.scale
        return max(margin, math.log(self.settings.min_ratio))

    def _remembers(self, at_ms: int) -> bool:
        """Return whether the change told last is recent: back from it is not a change of its own."""
        return self._held != 0 and at_ms - self._held_at < self.settings.hold_ms

    def _holds(self, at_ms: int, transformed: float) -> bool:
        return self._remembers(at_ms) and (transformed - self._held_mid) * self._held > 0

    def _hold(self, at_ms: int, transformed: float, weighed: Weighed, breaches: int) -> None:
        anew = breaches * self._held <= 0 or not self._remembers(at_ms)
        if self.settings.hold_ms and abs(breaches) >= self.settings.confirm and anew:
            self._held = 1 if breaches > 0 else -1
            self._held_at = at_ms
            self._held_from = transformed - weighed.residual
            self._held_mid = transformed - weighed.residual / 2

    def _learn(self, transformed: float, weighed: Weighed) -> None:
        settings, samples = self.settings, self._samples
        moved = not settings.still_share or self._moved(transformed, weighed)
        if moved and self._told_of_spread() > settings.warmup:
            self._busy, self._shift = weighed.busy, weighed.shift
            self._jumps.learn(weighed.z, settings)
            if settings.busy_rate:
                self._unrests.learn(weighed.busy / _TYPICAL, settings)
            if settings.shift_rate:
                self._shifts.learn(self._shift_z(weighed.shift), settings)
        limit = settings.clip * weighed.scale if samples > _FEW else math.inf
        learnt = self._learn_scale(weighed, limit) if moved else 0.0
        self._learn_levels(transformed, weighed, limit)
        if self._rhythm is not None:
            self._rhythm.learn(
                weighed.part,
                transformed,
                samples=samples,
                used=weighed.rhythmic,
                size=weighed.size * learnt / (self._scale + _TINY),
                settings=settings,
            )

    def _learn_scale(self, weighed: Weighed, limit: float) -> float:
        """Move the usual size towards this residual's, which is returned in the sizes of the whole day."""
        settings = self.settings
        self._moves += bool(settings.still_share)
        told = self._told_of_spread()
        learnt = min(abs(weighed.residual), limit if told > _FEW else math.inf) / weighed.size
        rate = max(settings.scale_rate, 1 / (told + settings.scale_prior_samples))
        self._scale += rate * (learnt - self._scale)
        return learnt

    def _learn_levels(self, transformed: float, weighed: Weighed, limit: float) -> None:
        settings, levels, errors = self.settings, self._levels, self._errors
        youth = 1 / self._samples
        rhythm = self._rhythm
        if rhythm is not None and weighed.rhythmic != rhythm.used:
            shifted = -rhythm.last if weighed.rhythmic else rhythm.last
            levels[:] = [level + shifted for level in levels]
        remaining = transformed - weighed.season if weighed.rhythmic else transformed
        error_rate = max(settings.error_rate, youth)
        for i, rate in enumerate(settings.level_rates):
            off = remaining - levels[i]
            errors[i] += error_rate * (min(abs(off), 2 * limit) - errors[i])
            levels[i] += max(rate, youth) * off


# What was added stands last: an older pack lacks it.
_PLAIN: Final = (
    "_samples", "_last_at", "_step_ms", "_since", "_scale", "_busy", "_shift", "_bar", "_breaches", "_held",
    "_held_at", "_held_from", "_held_mid", "_moves",
)  # fmt: skip


_PLAIN_OF_RHYTHM: Final = (
    "base", "began_at", "error_with", "error_without", "used", "last", "visit", "visit_samples", "visit_sum",
    "visit_size",
)  # fmt: skip


def _rhythm(settings: SurgeSettings, packed: list[Any]) -> Rhythm:
    rhythm = Rhythm(settings, 0.0, 0)
    for name, value in zip(_PLAIN_OF_RHYTHM, packed[0], strict=True):
        setattr(rhythm, name, value)
    arrays: tuple[array[Any], ...] = (rhythm.means, rhythm.counts, rhythm.sizes)
    for kept, filled in zip(packed[1:], arrays, strict=True):
        del filled[:]
        filled.frombytes(kept)
    return rhythm
