"""User ids are hashed under the deployment's key and remembered within a bound."""

from __future__ import annotations

import hashlib
import hmac

from stream.users import CACHE_MAX, UserHasher


def test_a_hash_is_hmac_sha_256_cut_to_16_bytes():
    wanted = hmac.new(b"key", "用户".encode(), hashlib.sha256).digest()[:16]
    hasher = UserHasher(b"key")
    assert hasher.full("用户") == wanted
    assert hasher.short("用户") == hasher.short("用户") == int.from_bytes(wanted[:8], "big")
    assert UserHasher(b"other").full("用户") != wanted


def test_the_cache_is_bounded():
    hasher = UserHasher(b"key")
    for number in range(CACHE_MAX + 10):
        hasher.known[f"u{number}"] = 0 if number < CACHE_MAX else hasher.short(f"u{number}")
    assert len(hasher.known) <= CACHE_MAX


def test_who_is_seen_again_soon_is_not_hashed_again(monkeypatch):
    monkeypatch.setattr("stream.users.CACHE_MAX", 3)
    hasher = UserHasher(b"key")
    wanted = {user: hasher.short(user) for user in "abc"}
    monkeypatch.setattr(UserHasher, "full", lambda *_: b"\0" * 16)
    assert hasher.short("d") == 0
    assert {user: hasher.short(user) for user in "ab"} == {user: wanted[user] for user in "ab"}
