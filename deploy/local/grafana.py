"""Grafana beside the demo, where a program of it is installed: provisioned, read only, without an account."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from deploy.local.process import LOOPBACK
from deploy.local.supervisor import Role

__all__ = ["PROVISIONING", "grafana", "program"]

_ROOT: Final = Path(__file__).resolve().parents[2] / "grafana"
PROVISIONING: Final = _ROOT / "provisioning"
"""Datasource, folder and dashboards, for any Grafana."""
_DASHBOARDS: Final = _ROOT / "dashboards"
_HOMES: Final = (Path("/usr/share/grafana"), Path("/usr/local/share/grafana"))
"""Where packages put its own files; an unpacked archive has them beside ``bin``."""


def program() -> str | None:
    """Return the path of the program, or None when none is installed."""
    return shutil.which("grafana") or shutil.which("grafana-server")


def grafana(folder: Path, *, port: int, prometheus: str, locale: str) -> Role:
    """Return the role of an installed Grafana.

    Args:
        folder: where it keeps its data.
        port: of the loopback address.
        prometheus: URL of Prometheus.
        locale: language of the dashboard that it opens with.
    """
    found = program()
    assert found, "no Grafana is installed"
    server = ("server",) if Path(found).name == "grafana" else ()
    url = f"http://{LOOPBACK}:{port}"
    settings = {
        "GF_PATHS_PROVISIONING": PROVISIONING,
        "GF_PATHS_DATA": folder / "grafana",
        "GF_PATHS_LOGS": folder / "grafana" / "log",
        "GF_PATHS_PLUGINS": folder / "grafana" / "plugins",
        "GF_SERVER_HTTP_ADDR": LOOPBACK,
        "GF_SERVER_HTTP_PORT": port,
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": _DASHBOARDS / f"wall.{locale}.json",
        "ROOMWATCH_PROMETHEUS_URL": prometheus,
        "ROOMWATCH_DASHBOARDS": _DASHBOARDS,
    }
    env = {name: str(value) for name, value in settings.items()}
    argv = (found, *server, "--homepath", str(_home(Path(found))))
    return Role("grafana", argv, f"{url}/api/health", f"Grafana     {url}/ ({PROVISIONING})", env=env)


def _home(found: Path) -> Path:
    """Return the folder of Grafana's own files."""
    if given := os.environ.get("GF_PATHS_HOME"):
        return Path(given)
    return next((home for home in _HOMES if home.is_dir()), found.resolve().parent.parent)
