"""The recorder: ``live.windows`` into the archive, each record once whatever dies.

Read ``tail`` (records into files), ``settle`` (files where they stay), ``recorder`` (partitions), ``role``.
"""

from __future__ import annotations

from exporters.archive.role import command

__all__ = ["command"]
