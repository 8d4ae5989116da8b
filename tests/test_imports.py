"""Imports run one way, and a file is free of I/O unless it is listed here as a shell.

A new file is pure by default: it decides, and time comes in as an argument. Whoever writes a shell adds it to
``SHELLS``, which is a decision worth a line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("stream", "alerts", "exporters", "deploy")

ALLOWED = {
    "stream": {"stream"},
    "alerts": {"alerts", "stream"},
    "exporters": {"exporters", "alerts", "stream"},
    "deploy": {"deploy", "stream"},
}
"""Package -> packages of ours that it may import."""

IO = {
    "aiokafka", "asyncio", "fastapi", "faust", "mode", "os", "random", "redis", "secrets", "signal", "socket",
    "starlette", "subprocess", "threading", "time", "uvicorn", "uvloop", "websockets",
}  # fmt: skip
"""What a pure file never imports."""

SHELLS = (
    "stream.runtime", "stream.topics", "stream.ingest*", "stream.store*", "stream.sources.*",
    "stream.archive*", "alerts.backtest", "alerts.backtest.answer", "alerts.backtest.command",
    "alerts.backtest.inputs", "alerts.backtest.pool", "alerts.backtest.screen", "alerts.backtest.work",
    "alerts.explain", "alerts.explain.command", "alerts.explain.kept", "alerts.explain.past",
    "alerts.explain.screen", "alerts.shadow", "alerts.shadow.command", "alerts.shadow.feed",
    "alerts.commands*", "alerts.fold", "alerts.inbox", "alerts.store*", "alerts.engine*", "alerts.tail*",
    "alerts.notify*",
    "alerts.gateway", "alerts.gateway.alertlog", "alerts.gateway.api", "alerts.gateway.app",
    "alerts.gateway.backtests", "alerts.gateway.calls", "alerts.gateway.sets", "alerts.gateway.silences",
    "alerts.gateway.tokenfile", "alerts.gateway.oncall",
    "alerts.gateway.changes", "alerts.gateway.client", "alerts.gateway.commands", "alerts.gateway.pages",
    "alerts.gateway.problems", "alerts.gateway.shell", "alerts.gateway.sockets", "alerts.gateway.stages",
    "alerts.gateway.store", "alerts.gateway.wire",
    "exporters.http", "exporters.rooms", "exporters.scrape", "exporters.store", "exporters.archive*",
    "deploy.local.*",
)  # fmt: skip
"""Files that do I/O: everything else is pure."""

PURE_ANYWAY = (
    "stream.archive.columns", "stream.archive.layout", "stream.archive.rows", "exporters.archive.settings",
    "stream.ingest.settings", "stream.sources.scenario",
    "stream.sources.texts", "stream.store.keys", "stream.store.packing",
    "alerts.notify.budget", "alerts.notify.channels", "alerts.notify.desk", "alerts.notify.intake",
    "alerts.notify.model", "alerts.notify.posts", "alerts.notify.preview", "alerts.notify.records",
    "alerts.notify.retry", "alerts.notify.settings", "alerts.notify.telemetry", "alerts.notify.wording",
    "stream.store.values", "alerts.engine.rules_stage", "alerts.tail.board", "alerts.tail.words",
)  # fmt: skip
"""Pure files that a pattern of ``SHELLS`` would let off."""

ONLY_IN = {
    "faust": ("alerts.engine*",),
    "mode": ("alerts.engine*",),
    "aiokafka": (
        "stream.topics", "stream.ingest*", "stream.sources.*", "alerts.engine*", "alerts.gateway.*",
        "alerts.notify*", "alerts.shadow.feed", "exporters.archive*", "deploy.local.*",
    ),
    "apprise": ("alerts.notify.sending",),
    "fastapi": ("alerts.gateway.*",),
    "websockets": ("alerts.gateway.*", "alerts.tail*", "deploy.local.*"),
}  # fmt: skip
"""Library -> the only files that know it."""


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _matches(module: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(module, pattern) for pattern in patterns)


def _is_shell(module: str) -> bool:
    return _matches(module, SHELLS) and not _matches(module, PURE_ANYWAY)


MODULES = {
    _module(path): sorted(set(_imports(path)))
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}


def _home(name: str) -> str:
    """Return the module of ours that an imported name lies in."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module):
    package = module.partition(".")[0]
    ours = {name.partition(".")[0] for name in MODULES[module]} & {*PACKAGES, "tests", "roomwatch"}
    assert ours <= ALLOWED[package], f"{module} imports {sorted(ours - ALLOWED[package])}"


@pytest.mark.parametrize("module", [name for name in MODULES if not _is_shell(name)])
def test_a_pure_file_does_no_io(module):
    found = sorted({name.partition(".")[0] for name in MODULES[module]} & IO)
    assert not found, f"{module} imports {found}; a file that must is listed in SHELLS"


@pytest.mark.parametrize("module", [name for name in MODULES if not _is_shell(name)])
def test_a_pure_file_imports_no_shell(module):
    found = [home for name in MODULES[module] if (home := _home(name)) and _is_shell(home)]
    assert not found, f"{module} imports {found}"


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_known_to_few(library):
    users = [
        name for name, wanted in MODULES.items() if library in {item.partition(".")[0] for item in wanted}
    ]
    assert [name for name in users if not _matches(name, ONLY_IN[library])] == []


def test_the_front_door_imports_no_role():
    ours = {name for name in _imports(ROOT / "roomwatch.py") if name.partition(".")[0] in PACKAGES}
    assert ours == {"stream.errors.RoomwatchError"}
