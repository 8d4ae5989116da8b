"""The hot path, the plain decoder and, where it can tell, the JSON Schema judge the corpus alike."""

import json
from typing import get_args

import jsonschema
import msgspec
import pytest

from stream.codec import Decoder
from stream.errors import InvalidEvent, Reason
from stream.model import FEEDS, Event
from stream.schemas import schema
from tests.stream import plain_decoder
from tests.stream.corpus import BAD, GOOD, PARTITIONS, Case

CASES = GOOD + BAD
UNSEEN_BY_SCHEMAS = {"too_large", "not_json", "bad_key", "future"}
SCHEMAS = {feed: jsonschema.Draft202012Validator(schema(feed)) for feed in FEEDS}


def named(case: Case) -> str:
    return f"{case.feed}: {case.name}"


def fast(case: Case, decoder: Decoder) -> tuple[str, Event | None]:
    try:
        event = decoder.decode(case.value, case.key, case.partition, case.append_ms)
    except InvalidEvent as error:
        return error.reason, None
    return "good", event


def plain(case: Case) -> tuple[str, dict]:
    place = {"key": case.key, "partition": case.partition, "partitions": PARTITIONS}
    try:
        return "good", plain_decoder.decode(case.feed, case.value, append_ms=case.append_ms, **place)
    except plain_decoder.Bad as bad:
        return bad.args[0], {}


def test_enough_bad_records():
    assert len(BAD) >= 60
    assert len({named(case) for case in CASES}) == len(CASES)
    assert {case.verdict for case in BAD} == set(get_args(Reason))


@pytest.mark.parametrize("case", CASES, ids=named)
def test_decoders_agree(case):
    fresh, used = Decoder(case.feed, PARTITIONS), Decoder(case.feed, PARTITIONS)
    for good in GOOD:
        if good.feed == case.feed:
            fast(good, used)
    verdict, fields = plain(case)
    assert verdict == case.verdict
    for decoder in (fresh, used):
        judged, event = fast(case, decoder)
        assert judged == case.verdict
        if event is not None:
            assert {k: v for k, v in msgspec.structs.asdict(event).items() if k in fields} == fields


@pytest.mark.parametrize("case", [c for c in CASES if c.verdict not in UNSEEN_BY_SCHEMAS], ids=named)
def test_the_schema_agrees(case):
    value = json.loads(case.value, parse_int=plain_decoder.whole)
    assert SCHEMAS[case.feed].is_valid(value) == (case.verdict == "good")
