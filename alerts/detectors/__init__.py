"""Detectors by the name that a rule calls them; each is pure, streaming and of constant memory per series."""

from __future__ import annotations

from typing import Final

from alerts.detectors.catalogue import DetectorType
from alerts.detectors.conversion import CONVERSION
from alerts.detectors.monitor import DEAD_LETTERS, REACH_AGE
from alerts.detectors.not_started import NOT_STARTED
from alerts.detectors.silence import SILENCE
from alerts.detectors.spike import SPIKE

__all__ = ["DETECTORS", "DetectorType"]

DETECTORS: Final[dict[str, DetectorType]] = {
    "conversion": CONVERSION,
    "dead_letters": DEAD_LETTERS,
    "not_started": NOT_STARTED,
    "reach_age": REACH_AGE,
    "silence": SILENCE,
    "spike": SPIKE,
}
