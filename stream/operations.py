"""Operations of vendors: what is counted of calls; they have no sessions."""

from __future__ import annotations

from stream.figures import new_tally

__all__ = ["Operation"]


class Operation:
    """One operation of a vendor; it has no sessions.

    Args:
        vendor: who is called.
        operation: what for.
    """

    def __init__(self, vendor: str, operation: str) -> None:
        self.vendor = vendor
        self.operation = operation
        self.newest_ms = 0
        self.tally = new_tally()

    @property
    def name(self) -> str:
        """Return what it is called in the store."""
        return f"{self.vendor}/{self.operation}"
