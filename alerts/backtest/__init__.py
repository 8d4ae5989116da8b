"""``roomwatch backtest``: the rules stage itself over what was recorded, and what it would have told.

Read ``play`` (one subject through the fold), ``sieve`` (what may be left out), ``work`` (what there is to
play), ``compare`` and ``report`` (what came of it), ``command``.
"""

from __future__ import annotations

from alerts.backtest.command import command

__all__ = ["command"]
