"""Detectors by the name that a rule calls them; each is pure, streaming and of constant memory per series."""

from __future__ import annotations

from typing import Final

from alerts.detectors.catalogue import DetectorType

__all__ = ["DETECTORS", "DetectorType"]

DETECTORS: Final[dict[str, DetectorType]] = {}
