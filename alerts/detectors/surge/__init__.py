"""Spikes, drops and changes of level of one series: streaming, pure, a fixed number of figures a series.

``Surge(CURVES)`` and ``Surge(SERVICE)`` follow long curves with a daily rhythm, ``Surge(ROOM)`` a live room;
the code is the same. docs/detectors.md tells the method and what it was measured to reach.
"""

from __future__ import annotations

from alerts.detectors.surge.detector import Surge
from alerts.detectors.surge.findings import Direction, Finding
from alerts.detectors.surge.settings import CURVES, ROOM, SERVICE, SurgeSettings

__all__ = ["CURVES", "ROOM", "SERVICE", "Direction", "Finding", "Surge", "SurgeSettings"]
