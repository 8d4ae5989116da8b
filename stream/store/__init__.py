"""The store: rolling windows and session totals with the feed offsets that they include.

Only this package knows the keys of the ingest; ``docs/keys.md`` lists them all.
"""

from stream.store.client import AWAY, connect
from stream.store.reader import FiguresReader
from stream.store.values import PartitionStatus, RoomFigures, VendorFigures

__all__ = ["AWAY", "FiguresReader", "PartitionStatus", "RoomFigures", "VendorFigures", "connect"]
