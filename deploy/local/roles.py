"""What ``make demo`` runs, as a list; a new role of the system is a line here."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local import grafana
from deploy.local.process import LOOPBACK
from deploy.local.supervisor import Role
from deploy.prometheus import RECORDS, RULES, render

__all__ = ["Places", "left_out", "roles"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_SCENARIO: Final = _ROOT / "deploy" / "scenarios" / "demo.yaml"
_ROUTES: Final = _ROOT / "deploy" / "routes" / "demo.yaml"
_CHAT: Final = _ROOT.parent / "shared" / "data" / "chat_bilibili"
_ROOMS: Final = "20"
_SEED: Final = "1"
_ARCHIVE_FLUSH_S: Final = "10"
"""So that a backtest can be tried within the first minute."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of one demo listen (ports of the loopback address) and write."""

    folder: Path
    gateway: int
    exporter: int
    prometheus: int
    ingest_metrics: int
    engine_metrics: int
    notifier_metrics: int
    grafana: int
    locale: str = "zh"

    def env(self) -> dict[str, str]:
        """Return the variables that every role and everybody outside needs."""
        return {
            "ROOMWATCH_GATEWAY_HOST": LOOPBACK,
            "ROOMWATCH_GATEWAY_PORT": str(self.gateway),
            "ROOMWATCH_EXPORTER_HOST": LOOPBACK,
            "ROOMWATCH_EXPORTER_PORT": str(self.exporter),
            "ROOMWATCH_PUBLIC_URL": f"http://{LOOPBACK}:{self.gateway}",
            "ROOMWATCH_ROUTES_FILE": str(_ROUTES),
        }


def roles(places: Places) -> list[Role]:
    """Return the roles in the order of their start."""
    gateway, exporter = f"http://{LOOPBACK}:{places.gateway}", f"http://{LOOPBACK}:{places.exporter}"
    found = [
        Role("ingest", _roomwatch("ingest"), env=_metrics(places.ingest_metrics)),
        Role("engine", _roomwatch("engine"), env=_metrics(places.engine_metrics)),
        Role("gateway", _roomwatch("gateway"), f"{gateway}/readyz", f"console     {gateway}/"),
        Role(
            "notifier",
            _roomwatch("notifier"),
            address=f"messages    {places.folder / 'notifier.log'}",
            env=_metrics(places.notifier_metrics),
        ),
        Role("exporter", _roomwatch("exporter"), f"{exporter}/metrics", f"metrics     {exporter}/metrics"),
        Role("recorder", _roomwatch("recorder"), env={"ROOMWATCH_ARCHIVE_FLUSH_S": _ARCHIVE_FLUSH_S}),
        Role(
            "simulate",
            _roomwatch("simulate", "--rooms", _ROOMS, "--scenario", str(_SCENARIO), "--seed", _SEED),
        ),
    ]
    if chat := _recorded_day():
        archive = _roomwatch("replay", "--format", "bilibili-archive", str(chat), "--speed", "1")
        found.append(Role("replay", archive, may_end=True))
    if shutil.which("prometheus"):
        found.append(_prometheus(places))
    if grafana.program():
        found.append(
            grafana.grafana(
                places.folder, port=places.grafana, prometheus=_prometheus_url(places), locale=places.locale
            )
        )
    return found


def left_out() -> list[str]:
    """Return a sentence for each optional part that this machine lacks."""
    told = []
    if not _recorded_day():
        told.append("no recorded chat is replayed: ../shared/data is not there")
    if not shutil.which("prometheus"):
        told.append("no Prometheus is started: install the Debian package prometheus")
    if not grafana.program():
        told.append(f"no Grafana is started: none is installed; its provisioning is {grafana.PROVISIONING}")
    return told


def _roomwatch(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "roomwatch", *arguments)


def _metrics(port: int) -> Mapping[str, str]:
    return {"ROOMWATCH_METRICS_PORT": str(port)}


def _recorded_day() -> Path | None:
    """Return the largest recorded day of chat: something happens in it."""
    days = sorted(_CHAT.glob("*/*.txt"), key=lambda path: (path.stat().st_size, path.name))
    return days[-1] if days else None


def _prometheus(places: Places) -> Role:
    config = places.folder / "prometheus.yml"
    ports = {
        "exporter": places.exporter,
        "gateway": places.gateway,
        "ingest": places.ingest_metrics,
        "engine": places.engine_metrics,
        "notifier": places.notifier_metrics,
    }
    targets = {role: f"{LOOPBACK}:{port}" for role, port in ports.items()}
    config.write_text(render(targets, rule_files=[RECORDS, RULES]))
    url = _prometheus_url(places)
    argv = (
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={places.folder / 'prometheus'}",
        f"--web.listen-address={LOOPBACK}:{places.prometheus}",
    )
    return Role("prometheus", argv, f"{url}/-/ready", f"Prometheus  {url}/")


def _prometheus_url(places: Places) -> str:
    return f"http://{LOOPBACK}:{places.prometheus}"
