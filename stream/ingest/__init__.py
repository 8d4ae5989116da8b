"""``roomwatch ingest``: folds the feeds into the windows of the store, each record once, whatever dies."""

from stream.ingest.role import command, ingest
from stream.ingest.settings import IngestSettings

__all__ = ["IngestSettings", "command", "ingest"]
