"""``docs/keys.md`` lists every key and field that a live store holds; no user is in the clear."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stream.store import keys
from tests.services.ingesting import REPOSITORY, Mess, everything_kept, running, send, store_of

pytestmark = pytest.mark.services
ROW = re.compile(r"^\| (?P<names>`[^|]+) \| (?P<rest>.*) \|$", re.MULTILINE)
PLACES = {
    "OFFSET": r"\d+",
    "{pN}": r"\{p\d+\}",
    "ROOM": r"[A-Za-z0-9_.:-]+",
    "VENDOR/OPERATION": r"[A-Za-z0-9_.:-]+/[A-Za-z0-9_.:-]+",
    "HOUR": r"\d+",
    "FEED": "[a-z]+",
    "WHAT": "[a-z_]+",
    "START": r"\d+",
    "REGISTER": ".+",
    "EXTRA": "[a-z0-9_:]+",
    "PIECE": r"\d",
    "SECOND": r"\d+",
    "NUMBER": r"\d+",
}


def documented():
    """Return (pattern of a key or field, rest of its row) of each row of the ingest's keys."""
    text = (Path(REPOSITORY) / "docs" / "keys.md").read_text(encoding="utf-8")
    text, _, _ = text.partition("## Keys of the alert stages")
    found = []
    for row in ROW.finditer(text):
        for name in re.findall(r"`([^`]+)`", row["names"]):
            pattern = re.escape(name)
            for place, expression in PLACES.items():
                pattern = pattern.replace(re.escape(place), expression)
            found.append((re.compile(pattern), row["rest"]))
    return found


@pytest.mark.parametrize("settings", [{"user_key": None}], indirect=True)
async def test_every_key_and_field_is_documented(settings, producer):
    await send(producer, settings, Mess(7, settings).records(400))
    async with running(settings):
        await everything_kept(settings)
    patterns = documented()
    seen = set()
    async with store_of(settings) as redis:
        for key in [raw.decode() async for raw in redis.scan_iter()]:
            known = [(pattern, rest) for pattern, rest in patterns if pattern.fullmatch(key)]
            assert known, f"{key} is not in docs/keys.md"
            pattern, rest = known[0]
            kind, lives = rest.split("|")[:2]
            seen.add(pattern)
            assert (await redis.type(key)).decode() == kind.strip(), key
            ttl_s = await redis.ttl(key)
            assert ttl_s == -1 if lives.strip() == "none" else keys.TTL_S - 600 < ttl_s <= keys.TTL_S, key
            if re.search(r":(owner|room:.*|vendor:.*)$", key):
                for field in await redis.hkeys(key):
                    assert any(p.fullmatch(field.decode()) for p, _ in patterns), f"{key} {field}"
            raw = await redis.dump(key)
            assert b"user-1" not in raw
    missing = [p.pattern for p, rest in patterns if rest.count("|") == 2 and p not in seen]
    assert not missing, "documented and never seen"
