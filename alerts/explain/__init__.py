"""``roomwatch explain``: the figures around an alert, as the rules stage itself saw them.

Read ``traced`` (one rule over the rows of one subject), ``past`` (what the archive holds of it), ``kept``
(what the store says of the alert and of those beside it), ``story`` (all of it for scripts), ``chart`` and
``screen``.
"""

from __future__ import annotations

from alerts.explain.command import command

__all__ = ["command"]
