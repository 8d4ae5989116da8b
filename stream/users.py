"""User ids as the store may see them: a keyed hash, cut short."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from typing import Final

__all__ = ["CACHE_MAX", "USER_BYTES", "UserHasher"]

USER_BYTES: Final = 16
"""Bytes of the hash that are kept; from the contract."""
CACHE_MAX: Final = 200_000
"""Most users that are remembered, about 20 MB; the cache starts anew when it is full."""
_SHORT_BYTES: Final = 8


class UserHasher:
    """Hashes user ids with HMAC-SHA-256 under the deployment's key.

    Args:
        key: the key; whoever has it can link users across rooms and days.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._short = _Shorts(self.full)

    def full(self, user_id: str) -> bytes:
        """Return the hash of a user, ``USER_BYTES`` long."""
        return hmac.digest(self._key, user_id.encode(), "sha256")[:USER_BYTES]

    def short(self, user_id: str) -> int:
        """Return the first 64 bits of the hash, for counting."""
        return self._short[user_id]

    def shorts(self, user_ids: Iterable[str]) -> list[int]:
        """Return the first 64 bits of the hash of each user, for counting."""
        return list(map(self._short.__getitem__, user_ids))


class _Shorts(dict[str, int]):
    """Short hashes of users; works out those that are missing."""

    def __init__(self, full: Callable[[str], bytes]) -> None:
        super().__init__()
        self._full = full

    def __missing__(self, user_id: str) -> int:
        if len(self) >= CACHE_MAX:
            self.clear()
        found = self[user_id] = int.from_bytes(self._full(user_id)[:_SHORT_BYTES], "big")
        return found
