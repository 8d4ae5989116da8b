"""The ingest, measured: real broker, real store, one process, everything counted afterwards."""

from tests.bench.ingest.report import Options, run

__all__ = ["Options", "run"]
