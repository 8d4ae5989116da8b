"""Detectors by the name that a rule calls them; each is pure, streaming and of constant memory per series."""

from __future__ import annotations

from typing import Final

from alerts.detectors.above_own import ABOVE_OWN
from alerts.detectors.catalogue import DetectorType
from alerts.detectors.cheap_orders import CHEAP_ORDERS
from alerts.detectors.complaints import COMPLAINTS
from alerts.detectors.conversion import CONVERSION
from alerts.detectors.drift import DRIFT
from alerts.detectors.forecast import FORECAST
from alerts.detectors.monitor import DEAD_LETTERS, REACH_AGE
from alerts.detectors.not_started import NOT_STARTED
from alerts.detectors.own_median import OWN_MEDIAN
from alerts.detectors.pay_through import PAY_THROUGH
from alerts.detectors.refunds import REFUNDS
from alerts.detectors.retention import RETENTION
from alerts.detectors.silence import SILENCE
from alerts.detectors.sold_out import SOLD_OUT
from alerts.detectors.spike import SPIKE
from alerts.detectors.surged import SURGE
from alerts.detectors.words import WORDS

__all__ = ["DETECTORS", "DetectorType"]

DETECTORS: Final[dict[str, DetectorType]] = {
    "above_own": ABOVE_OWN,
    "cheap_orders": CHEAP_ORDERS,
    "complaints": COMPLAINTS,
    "conversion": CONVERSION,
    "dead_letters": DEAD_LETTERS,
    "drift": DRIFT,
    "forecast": FORECAST,
    "not_started": NOT_STARTED,
    "own_median": OWN_MEDIAN,
    "pay_through": PAY_THROUGH,
    "reach_age": REACH_AGE,
    "refunds": REFUNDS,
    "retention": RETENTION,
    "silence": SILENCE,
    "sold_out": SOLD_OUT,
    "spike": SPIKE,
    "surge": SURGE,
    "words": WORDS,
}
