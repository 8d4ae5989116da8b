import pytest

from stream.errors import InvalidEvent
from stream.judge import DEPTH_MAX, deeper_than, field_rules, judge
from stream.model import FEEDS, STRUCTS, Like
from tests.stream.corpus.case import record, with_field


@pytest.mark.parametrize("feed", FEEDS)
def test_every_field_of_the_struct_has_a_rule(feed):
    assert tuple(field_rules(feed)) == STRUCTS[feed].__struct_fields__


def test_unknown_fields_are_named():
    event, unknown = judge("likes", record("likes", colour="red", size=2))
    assert unknown == ["colour", "size"]
    assert event == judge("likes", record("likes"))[0]


def test_integers_written_with_a_fraction_become_integers():
    event, _ = judge("likes", with_field("likes", "count", b"1e3"))
    assert isinstance(event, Like)
    assert repr(event.count) == "1000"


@pytest.mark.parametrize(
    ("feed", "value", "told"),
    [
        ("likes", None, "not_json: there is no value"),
        ("likes", b"\xff", "not_json: not UTF-8 at byte 0"),
        ("likes", b'"x"', 'not_object: "x"; it must be a JSON object'),
        ("likes", b"{}", "missing_field: room_id is missing; it is 1-64 characters of A-Z a-z 0-9 _ . : -"),
        ("likes", record("likes", count="x" * 99), f'bad_type: count is "{"x" * 59}…; it must be an integer'),
        (
            "orders",
            record("orders", status="x"),
            'bad_value: status is "x"; it must be one of cancelled created',
        ),
        (
            "health",
            record("health", codes=[1]),
            "bad_type: codes is [1]; it must be a list of at most 64, each",
        ),
    ],
)
def test_faults_tell_what_is_allowed(feed, value, told):
    with pytest.raises(InvalidEvent) as caught:
        judge(feed, value)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("[" * 9 + "]" * 9, False),
        ("[" * 10 + "]" * 10, True),
        ('{"[[[[[[[[[[[[": 1}', False),
        ('"\\"[[[[[[[[[[[["', False),
        ("[],[],[],[],[],[],[],[],[],[],[]", False),
    ],
)
def test_depth_looks_past_strings(text, deep):
    assert deeper_than(9, text) is deep


def test_the_depth_limit_is_far_from_the_interpreters():
    def deep(levels: int) -> str:
        if levels:
            return deep(levels - 1)
        return str(
            judge("likes", with_field("likes", "x", b"[" * (DEPTH_MAX - 1) + b"]" * (DEPTH_MAX - 1)))[1]
        )

    assert deep(400) == "['x']"
