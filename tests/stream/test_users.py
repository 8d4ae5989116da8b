"""User ids are hashed under the deployment's key and remembered within a bound."""

from __future__ import annotations

import hashlib
import hmac

from stream.users import UserHasher


def test_a_hash_is_hmac_sha_256_cut_to_16_bytes():
    wanted = hmac.new(b"key", "用户".encode(), hashlib.sha256).digest()[:16]
    hasher = UserHasher(b"key")
    assert hasher.full("用户") == wanted
    assert hasher.short("用户") == hasher.short("用户") == int.from_bytes(wanted[:8], "big")
    assert UserHasher(b"other").full("用户") != wanted


def test_a_long_key_is_hashed_first_as_hmac_does():
    wanted = hmac.new(b"k" * 65, b"u", hashlib.sha256).digest()[:16]
    assert UserHasher(b"k" * 65).full("u") == wanted


def test_a_user_has_one_hash_however_many_came_between():
    """More come than are remembered."""
    hasher = UserHasher(b"key")
    wanted = [hasher.short(f"u{number}") for number in range(1_000)]
    for number in range(600_000):
        hasher.short(f"other-{number}")
    assert [hasher.short(f"u{number}") for number in range(1_000)] == wanted
    assert len(set(wanted)) == 1_000
