"""The names of figures by version: those of this program, and those that older ones left."""

from __future__ import annotations

import pytest

from stream.archive.columns import CURRENT, Names, NamesByVersion
from stream.catalogue import COLUMNS_VERSION
from stream.errors import ArchiveError

OLD = Names(("a", "b"), ("c",))


def record(version, values, vendors=()):
    return {"columns": version, "rooms": [{"values": values}], "vendors": [{"values": v} for v in vendors]}


def test_names_come_back_from_their_file():
    assert Names.from_json(OLD.to_json()) == OLD


def test_a_file_that_holds_no_names_is_told():
    with pytest.raises(ArchiveError, match="not the names of columns"):
        Names.from_json(b'{"room": 1}')


def test_a_version_of_an_older_program_has_its_names():
    assert NamesByVersion({0: OLD}).of(record(0, [1, 2], [[3]])) == OLD


def test_of_its_own_version_the_program_knows_best():
    versions = NamesByVersion({COLUMNS_VERSION: OLD})
    assert versions.of(record(COLUMNS_VERSION, [None] * len(CURRENT.room))) == CURRENT


def test_a_released_version_needs_no_names_of_its_own():
    names = NamesByVersion({}).of(record(1, [None] * 118))
    assert names.room == CURRENT.room[:118]


def test_an_unknown_version_is_told():
    with pytest.raises(ArchiveError, match=r"columns of version 99, known are 0, 1, \d+"):
        NamesByVersion({0: OLD}).of(record(99, []))


@pytest.mark.parametrize("bad", [record(0, [1]), record(0, [1, 2], [[3, 4]])])
def test_another_number_of_values_is_told(bad):
    with pytest.raises(ArchiveError, match="values of columns version 0, which names"):
        NamesByVersion({0: OLD}).of(bad)
