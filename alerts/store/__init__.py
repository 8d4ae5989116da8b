"""What the alert stages keep in Redis: owners and offsets of folds, episodes, rule sets; see docs/keys.md."""

from __future__ import annotations

from alerts.store.episodes import IncidentsReader

__all__ = ["IncidentsReader"]
