"""The notifier: ``live.alerts`` to people, within what each channel takes.

Read ``intake`` (which change is told to whom), ``budget`` and ``retry`` (when), ``desk`` (what waits and what
becomes of it), ``wording`` and ``posts`` (what is said, and how), then the shells: ``term``, ``sending``,
``store``, ``logs``, ``role``.
"""

from __future__ import annotations

from alerts.notify.role import command

__all__ = ["command"]
