"""Who comes in."""

from __future__ import annotations

import hashlib

import pytest

from alerts.gateway.filters import Scope
from alerts.gateway.settings import is_loopback
from alerts.gateway.tokens import Caller, Tokens, allows, foreign, offered_token
from stream.errors import SettingsError

HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "monitor.example.com"})


def _sha(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _tokens(text: str) -> Tokens:
    return Tokens.parse(text, source="tokens.yaml")


def test_a_token_names_its_caller():
    tokens = _tokens(
        f"tokens:\n- {{name: wall, role: viewer, sha256: {_sha('a')}, rooms: [r1], categories: [food]}}\n"
        f"- {{name: li, role: oncall, sha256: {_sha('b')}}}"
    )
    assert tokens.configured
    assert tokens.caller("a") == Caller("wall", "viewer", Scope(frozenset({"r1"}), frozenset({"food"})))
    assert tokens.caller("b") == Caller("li", "oncall")
    for wrong in (None, "", "c", "é", _sha("a")):
        assert tokens.caller(wrong) is None


def test_json_is_as_good_as_yaml():
    assert _tokens(f'{{"tokens": [{{"name": "a", "role": "ops", "sha256": "{_sha("x")}"}}]}}').caller("x")


def test_without_tokens_everyone_is_ops():
    assert Tokens().caller(None) == Caller("local", "ops")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tokens: [", "not YAML"),
        ("", "top level"),
        ("tokens: [{name: a, role: boss, sha256: x}]", "tokens.0.role"),
        (f"tokens: [{{name: a, role: ops, sha256: {'0' * 63}}}]", "tokens.0.sha256"),
        (f"tokens: [{{name: a, role: ops, sha256: {_sha('a')}, token: a}}]", "tokens.0.token"),
        ("tokens:" + f"\n- {{name: a, role: ops, sha256: {_sha('a')}}}" * 2, "more than one token named a"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(text, said):
    with pytest.raises(SettingsError, match=said) as refused:
        _tokens(text)
    assert str(refused.value).startswith("tokens.yaml: ")


def test_roles_include_those_below():
    assert [allows(role, "oncall") for role in ("viewer", "oncall", "ops")] == [False, True, True]


@pytest.mark.parametrize(
    ("authorization", "offered", "token"),
    [
        (None, [], None),
        ("Bearer abc", [], "abc"),
        ("bearer  abc ", [], "abc"),
        ("Basic abc", ["roomwatch.v1"], None),
        (None, ["roomwatch.v1", "token.a-b_c.d~e"], "a-b_c.d~e"),
        ("Bearer first", ["token.second"], "first"),
    ],
)
def test_where_a_token_is_looked_for(authorization, offered, token):
    assert offered_token(authorization, offered) == token


@pytest.mark.parametrize(
    ("host", "origin", "is_foreign"),
    [
        ("127.0.0.1:8700", None, False),
        ("localhost:8700", "http://localhost:8700", False),
        ("LOCALHOST:8700", "http://localhost:8700", False),
        ("[::1]:8700", "http://[::1]:8700", False),
        ("monitor.example.com", "https://monitor.example.com", False),
        ("127.0.0.1:8700", "https://wall.example.com", False),
        ("127.0.0.1:8700", "http://localhost:8700", True),
        ("127.0.0.1:8700", "http://127.0.0.1:3000", True),
        ("127.0.0.1:8700", "http://evil.example", True),
        ("127.0.0.1:8700", "null", True),
        ("evil.example:8700", "http://evil.example:8700", True),
        ("evil.example", None, True),
        ("[", None, True),
        ("", None, True),
        (None, None, True),
    ],
)
def test_pages_of_other_sites_are_told_apart(host, origin, is_foreign):
    origins = frozenset({"https://wall.example.com"})
    assert foreign(host, origin, hosts=HOSTS, origins=origins) is is_foreign


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("::", False),
        ("192.0.2.1", False),
        ("monitor.example.com", False),
    ],
)
def test_what_only_this_machine_reaches(host, loopback):
    assert is_loopback(host) is loopback
