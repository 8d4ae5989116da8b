"""Incidents: transitions, heartbeats and commands in; episodes, alert records and outcomes out. Pure."""

from __future__ import annotations

from alerts.incidents.kept import Kept, Written
from alerts.incidents.policy import Policy
from alerts.incidents.stage import Incidents

__all__ = ["Incidents", "Kept", "Policy", "Written"]
