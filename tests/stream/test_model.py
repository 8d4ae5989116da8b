import msgspec
import pytest

from stream.model import BULK_FEEDS, CRITICAL_FEEDS, FEEDS, STRUCTS, Danmaku, Like, Ping

LINE = Danmaku(room_id="r1", user_id="u1", at_ms=1, text="好看")


def test_every_feed_has_a_struct():
    assert set(FEEDS) == set(STRUCTS) == {*CRITICAL_FEEDS, *BULK_FEEDS}
    assert len(FEEDS) == 9


def test_equal_when_the_fields_are():
    assert Danmaku("r1", "u1", 1, "好看") == LINE
    assert hash(Danmaku("r1", "u1", 1, "好看")) == hash(LINE)
    assert Danmaku("r1", "u1", 2, "好看") != LINE
    assert Like("r1", "u1", 1, 1) != LINE


def test_a_list_of_codes_does_not_prevent_hashing():
    ping = Ping("r1", 1, "edge", "e1", 2_000, codes=["gopSizeLong"])
    assert len({ping, msgspec.structs.replace(ping)}) == 1


def test_events_do_not_change():
    with pytest.raises(AttributeError):
        LINE.text = "other"  # type: ignore[misc]
