"""User ids as the store may see them: a keyed hash, cut short."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from stream.native import Users

__all__ = ["USER_BYTES", "UserHasher"]

USER_BYTES: Final = 16
"""Bytes of the hash that are kept; from the contract."""


class UserHasher(Users):
    """Hashes user ids with HMAC-SHA-256 under the deployment's key; remembers some 500 000 asked for lately.

    Args:
        key: the key; whoever has it can link users across rooms and days.
    """

    def scrubbed(self, event: Any) -> Any:
        """Return an event without what tells of a person: the user's id as hash in hex, and no text."""
        changes: dict[str, Any] = {}
        if hasattr(event, "user_id"):
            changes["user_id"] = self.full(event.user_id).hex()
        if hasattr(event, "text"):
            changes["text"] = ""
        return replace(event, **changes) if changes else event
