"""The list of what the demo runs fits the commands that exist."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

import roomwatch
from deploy.local import roles as roles_module
from deploy.local.roles import Places, left_out, roles


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(
        tmp_path, gateway=1, exporter=2, prometheus=3, ingest_metrics=4, engine_metrics=5, notifier_metrics=6
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
    names = ["ingest", "engine", "gateway", "notifier", "exporter", "simulate"]
    assert [role.name for role in roles(places)] == names
    assert len(left_out()) == 2


def test_prometheus_scrapes_the_ports_of_this_run(places, monkeypatch, tmp_path):
    program = tmp_path / "prometheus"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert roles(places)[-1].name == "prometheus"
    text = (tmp_path / "prometheus.yml").read_text()
    assert all(f"127.0.0.1:{port}" in text for port in (1, 2, 4, 5, 6))
