"""The engine process: the stages rules and incidents as two agents of one Faust app."""

from __future__ import annotations

from alerts.engine.role import command

__all__ = ["command"]
