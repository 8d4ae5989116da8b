"""The names of figures: what ``values`` of a record mean, under the version that the record names. Pure.

A file of the archive has a column for each figure, by name, so that it stays readable whatever a later
catalogue looks like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from stream.catalogue import COLUMNS_VERSION, ROOM_COLUMNS, VENDOR_COLUMNS
from stream.columns import RELEASED
from stream.errors import ArchiveError

__all__ = ["CURRENT", "Names", "NamesByVersion"]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one version, in the order of ``values``."""

    room: tuple[str, ...]
    vendor: tuple[str, ...]

    def to_json(self) -> bytes:
        """Return them as a file keeps them."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)

    @classmethod
    def from_json(cls, raw: bytes) -> Names:
        """Return what ``to_json`` gave.

        Raises:
            ArchiveError: it is something else.
        """
        try:
            return msgspec.json.decode(raw, type=cls)
        except msgspec.DecodeError as error:
            raise ArchiveError(f"not the names of columns: {error}") from error


CURRENT: Final = Names(tuple(c.name for c in ROOM_COLUMNS), tuple(c.name for c in VENDOR_COLUMNS))
"""The names that this program knows, of version ``COLUMNS_VERSION``."""


class NamesByVersion:
    """The names of each version that is known.

    Args:
        kept: version -> names, of programs before this one; of its own version this program knows best, and
            released ones need not be kept.
    """

    def __init__(self, kept: dict[int, Names]) -> None:
        released = {version: Names(names["room"], names["vendor"]) for version, names in RELEASED.items()}
        self._known = {**released, **kept, COLUMNS_VERSION: CURRENT}

    def of(self, record: dict[str, Any]) -> Names:
        """Return the names that the values of a record of ``live.windows`` have.

        Raises:
            ArchiveError: no program that wrote here knew the version, or another number of values came.
        """
        version = record["columns"]
        names = self._known.get(version)
        if names is None:
            known = ", ".join(str(one) for one in sorted(self._known))
            raise ArchiveError(f"live.windows has columns of version {version}, known are {known}")
        for entries, wanted in ((record["rooms"], names.room), (record.get("vendors", ()), names.vendor)):
            for entry in entries:
                if len(entry["values"]) != len(wanted):
                    raise ArchiveError(
                        f"live.windows has {len(entry['values'])} values of columns version {version},"
                        f" which names {len(wanted)}"
                    )
        return names
