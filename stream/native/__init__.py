"""What is counted of sessions, in C++: totals, panes, sets of people, and what windows of them come to.

Counting costs by event and room, so it is done where a set of a thousand people takes eight kilobytes and a
window of ninety panes is added up in a microsecond. What the names do stands in the headers beside this file;
which cells and extras there are is said in Python, by ``stream.figures``.
"""

from stream.native._native import (
    Distinct,
    Events,
    FloodDecoder,
    GrowingDistinct,
    Lowest,
    Part,
    Program,
    Reader,
    Schema,
    Tally,
    Users,
    Values,
    pack_fields,
    pack_strings,
    partition_of,
    union_count,
)

__all__ = [
    "Distinct",
    "Events",
    "FloodDecoder",
    "GrowingDistinct",
    "Lowest",
    "Part",
    "Program",
    "Reader",
    "Schema",
    "Tally",
    "Users",
    "Values",
    "pack_fields",
    "pack_strings",
    "partition_of",
    "union_count",
]
