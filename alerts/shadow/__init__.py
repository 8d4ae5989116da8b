"""``roomwatch shadow``: a candidate rule set live beside the set in force, heard by nobody.

Read ``difference`` (what either set told, and how that differs), ``beside`` (the rules stage over the windows
as they come), ``feed`` (the logs), ``command``.
"""

from __future__ import annotations

from alerts.shadow.command import command

__all__ = ["command"]
