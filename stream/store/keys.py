"""The names of the keys; the tag in braces keeps all keys of a partition in one slot of a Redis Cluster."""

from __future__ import annotations

__all__ = ["now", "now_vendors", "owner"]


def owner(partition: int) -> str:
    """Return the key of the partition's owner, offsets and reach: a hash."""
    return f"{{p{partition}}}:owner"


def now(partition: int) -> str:
    """Return the key of the rooms' newest figures: a hash room id -> entry of ``live.windows``."""
    return f"{{p{partition}}}:now"


def now_vendors(partition: int) -> str:
    """Return the key of the vendors' newest figures: a hash ``vendor/operation`` -> entry."""
    return f"{{p{partition}}}:now:vendors"
