"""User ids as the store may see them: a keyed hash, cut short."""

from __future__ import annotations

import hmac
from typing import Final

__all__ = ["CACHE_MAX", "USER_BYTES", "UserHasher"]

USER_BYTES: Final = 16
"""Bytes of the hash that are kept; from the contract."""
CACHE_MAX: Final = 200_000
"""Most users that are remembered, about 20 MB; the cache starts anew when it is full."""


class UserHasher:
    """Hashes user ids with HMAC-SHA-256 under the deployment's key.

    Args:
        key: the key; whoever has it can link users across rooms and days.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._short: dict[str, int] = {}

    def full(self, user_id: str) -> bytes:
        """Return the hash of a user, ``USER_BYTES`` long."""
        return hmac.digest(self._key, user_id.encode(), "sha256")[:USER_BYTES]

    def short(self, user_id: str) -> int:
        """Return the first 64 bits of the hash, for counting."""
        found = self._short.get(user_id)
        if found is None:
            if len(self._short) >= CACHE_MAX:
                self._short.clear()
            found = self._short[user_id] = int.from_bytes(self.full(user_id)[:8], "big")
        return found
