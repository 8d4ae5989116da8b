"""Good and bad records of every feed, each with its verdict; every decoder must judge them alike."""

from tests.stream.corpus.bad import BAD
from tests.stream.corpus.case import APPEND_MS, PARTITIONS, Case
from tests.stream.corpus.good import GOOD

__all__ = ["APPEND_MS", "BAD", "GOOD", "PARTITIONS", "Case"]
