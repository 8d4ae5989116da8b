"""Incidents: transitions, heartbeats and commands in; episodes, alert records and outcomes out. Pure."""

from __future__ import annotations

from alerts.incidents.stage import Incidents, Kept, Written

__all__ = ["Incidents", "Kept", "Written"]
