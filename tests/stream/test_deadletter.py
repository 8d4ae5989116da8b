import pytest

from stream.deadletter import DeadLetter, origin_of

LETTER = DeadLetter("live.likes", 3, 12_345, "bad_key", b"r2", b'{"a": 1}')


def test_headers_tell_origin_and_reason():
    assert LETTER.headers() == [
        ("topic", b"live.likes"),
        ("partition", b"3"),
        ("offset", b"12345"),
        ("reason", b"bad_key"),
    ]


def test_headers_can_be_read_back():
    assert origin_of(LETTER.headers(), key=LETTER.key, value=LETTER.value) == LETTER


@pytest.mark.parametrize("missing", ["topic", "partition", "offset", "reason"])
def test_a_missing_header_is_named(missing):
    with pytest.raises(ValueError, match=missing):
        origin_of([(name, raw) for name, raw in LETTER.headers() if name != missing])


def test_an_unknown_reason_is_refused():
    with pytest.raises(ValueError, match="reason odd; known are bad_key, bad_type"):
        origin_of([*LETTER.headers()[:3], ("reason", b"odd")])
