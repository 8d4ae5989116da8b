"""User ids as the store may see them: a keyed hash, cut short."""

from __future__ import annotations

import hmac
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
        self._keyed = hmac.new(key, digestmod="sha256")
        self.known: Final[dict[str, int]] = {}
        """Short hashes of the users that were asked for, at most ``CACHE_MAX``."""

    def full(self, user_id: str) -> bytes:
        """Return the hash of a user, ``USER_BYTES`` long."""
        keyed = self._keyed.copy()  # half the time of hmac.digest, which hashes the key anew each time
        keyed.update(user_id.encode())
        return keyed.digest()[:USER_BYTES]

    def short(self, user_id: str) -> int:
        """Return the first 64 bits of the hash, for counting."""
        found = self.known.get(user_id)
        if found is None:
            if len(self.known) >= CACHE_MAX:
                self.known.clear()
            found = self.known[user_id] = int.from_bytes(self.full(user_id)[:_SHORT_BYTES], "big")
        return found
