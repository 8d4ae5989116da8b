"""The list of what the demo runs fits the commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import roomwatch
from deploy.local import grafana
from deploy.local import roles as roles_module
from deploy.local.grafana import PROVISIONING
from deploy.local.roles import Places, left_out, roles


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(
        tmp_path,
        gateway=1,
        exporter=2,
        prometheus=3,
        ingest_metrics=4,
        engine_metrics=5,
        notifier_metrics=6,
        grafana=7,
    )


def test_every_role_is_called_with_options_that_it_has(places):
    context = click.Context(roomwatch.door, info_name="roomwatch")
    for role in roles(places):
        if role.argv[1:3] == ("-m", "roomwatch"):
            command = roomwatch.door.get_command(context, role.argv[3])
            assert command is not None, role.name
            command.make_context(role.name, list(role.argv[4:]), parent=context)


def test_the_demo_goes_on_without_data_and_prometheus(places, monkeypatch, tmp_path):
    monkeypatch.setattr(roles_module, "_CHAT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [role.name for role in roles(places)] == [
        "ingest", "engine", "gateway", "notifier", "exporter", "recorder", "simulate",
    ]  # fmt: skip
    assert len(left_out()) == 3
    assert str(PROVISIONING) in left_out()[-1]


def test_prometheus_scrapes_the_ports_of_this_run(places, monkeypatch, tmp_path):
    program = tmp_path / "prometheus"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert roles(places)[-1].name == "prometheus"
    text = (tmp_path / "prometheus.yml").read_text()
    assert all(f"127.0.0.1:{port}" in text for port in (1, 2, 4, 5, 6))


@pytest.mark.parametrize(("name", "first"), [("grafana", "server"), ("grafana-server", "--homepath")])
def test_an_installed_grafana_is_started_with_our_provisioning(
    places, monkeypatch, tmp_path, name: str, first: str
):
    home = tmp_path / "grafana-11"
    (home / "bin").mkdir(parents=True)
    program = home / "bin" / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(home / "bin"))
    monkeypatch.setattr(grafana, "_HOMES", ())
    role = roles(places)[-1]
    assert role.argv[:2] == (str(program), first)
    assert role.argv[-1] == str(home)
    assert role.env["GF_SERVER_HTTP_PORT"] == "7"
    assert role.env["ROOMWATCH_PROMETHEUS_URL"] == "http://127.0.0.1:3"
    assert Path(role.env["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]).is_file()
    for path in Path(role.env["GF_PATHS_PROVISIONING"]).glob("*/*.yaml"):
        for variable in re.findall(r"\$\{(\w+)\}", path.read_text()):
            assert variable in role.env
    assert not any("Grafana" in sentence for sentence in left_out())


def test_grafanas_own_files_may_be_named(places, monkeypatch, tmp_path):
    program = tmp_path / "grafana"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GF_PATHS_HOME", "/opt/grafana")
    assert roles(places)[-1].argv[-1] == "/opt/grafana"
