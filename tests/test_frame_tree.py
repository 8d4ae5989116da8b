"""What must not be in the tree, and what every locked dependency must have."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REGISTRIES = [
    ("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"),
    ("registry", "yarnpkg", "com"), ("repo", "maven", "apache", "org"), ("repo1", "maven", "org"),
    ("deb", "debian", "org"), ("proxy", "golang", "org"), ("crates", "io"),
]  # fmt: skip
"""Public registries, in pieces, so that this file does not name one."""
CONFIGURED = [
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "UV_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "NPM_CONFIG_REGISTRY",
    "GOPROXY",
]
FILES = [".pip/pip.conf", ".config/pip/pip.conf", ".npmrc", ".m2/settings.xml", ".cargo/config.toml"]


def tracked() -> list[Path]:
    """Return the files that git knows; skip outside a checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout  # noqa: S607 - git is where it is
    return [ROOT / name for name in names.decode().split("\0") if name and (ROOT / name).is_file()]


def registry_hosts() -> set[str]:
    """Return the public registries and those that this machine is set up with."""
    texts = [os.environ.get(name, "") for name in CONFIGURED]
    texts += [path.read_text(errors="replace") for name in FILES if (path := Path.home() / name).is_file()]
    own = {host for text in texts for host in re.findall(r"https?://(?:[^/@\s]*@)?([\w.-]+)", text)}
    return {".".join(parts) for parts in REGISTRIES} | {
        host for host in own if "." in host and not host[0].isdigit()
    }


def places(pattern: re.Pattern[bytes]) -> list[str]:
    """Return file:line of every hit in the tracked files."""
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_registry():
    hosts = b"|".join(re.escape(host.encode()) for host in sorted(registry_hosts()))
    assert places(re.compile(rb"(?<![\w.-])(?:" + hosts + rb")(?![\w-])")) == []


def test_no_file_names_a_path_of_a_machine():
    homes = rb"/(?:home|root|Users)/\w"
    here = re.escape(f"{ROOT}/".encode())
    assert places(re.compile(rb"(?<![\w.~*-])(?:" + homes + rb"|" + here + rb")")) == []


def test_every_locked_dependency_has_a_hash():
    entries = re.split(r"\n(?=[a-zA-Z0-9])", (ROOT / "requirements.lock").read_text())[1:]
    assert len(entries) > 30
    assert [entry.partition(" ")[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_lock_names_no_address():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert [line for line in lines if "://" in line or line.startswith("-")] == []
