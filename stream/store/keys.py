"""The names of the keys; the tag in braces keeps all keys of a partition in one slot of a Redis Cluster.

``docs/keys.md`` tells what each holds and how long it lives.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "PARTITIONS",
    "TTL_S",
    "USER_KEY",
    "now",
    "now_vendors",
    "orders",
    "owner",
    "room",
    "rooms",
    "vendor",
    "vendors",
]

PARTITIONS: Final = "roomwatch:partitions"
"""Number of partitions of the deployment: a string, for good."""
USER_KEY: Final = "roomwatch:user_key"
"""Key of the hash of user ids, made when none was set: a string, for good."""
TTL_S: Final = 9 * 86_400
"""Time to live of what is written, seconds, renewed by each write: longer than feeds are kept (3 days), so
that an ingest that was down that long still finds its state, and longer than a room's visitors are
remembered (8 days); what nobody needs is deleted before."""


def owner(partition: int) -> str:
    """Return the key of the partition's owner, offsets and reach: a hash."""
    return f"{{p{partition}}}:owner"


def now(partition: int) -> str:
    """Return the key of the rooms' newest figures: a hash room id -> entry of ``live.windows``."""
    return f"{{p{partition}}}:now"


def now_vendors(partition: int) -> str:
    """Return the key of the vendors' newest figures: a hash ``vendor/operation`` -> entry."""
    return f"{{p{partition}}}:now:vendors"


def rooms(partition: int) -> str:
    """Return the key of the set of the rooms that are known."""
    return f"{{p{partition}}}:rooms"


def room(partition: int, room_id: str) -> str:
    """Return the key of a room's state, totals, panes and provisional events: a hash."""
    return f"{{p{partition}}}:room:{room_id}"


def vendors(partition: int) -> str:
    """Return the key of the set of the vendor operations that are known."""
    return f"{{p{partition}}}:vendors"


def vendor(partition: int, name: str) -> str:
    """Return the key of the state, totals and panes of ``vendor/operation``: a hash."""
    return f"{{p{partition}}}:vendor:{name}"


def orders(partition: int, hour: int) -> str:
    """Return the key of the orders of an hour since the epoch: a string of rows of fixed size."""
    return f"{{p{partition}}}:orders:{hour}"
