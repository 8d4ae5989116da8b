"""Write the dashboards: ``python -m grafana.generate`` makes ``grafana/dashboards/*.json`` anew.

The files are committed, so that Grafana can be provisioned without Python; a test keeps them equal to this.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, get_args

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.boards.business import BUSINESS
from grafana.boards.itself import ITSELF
from grafana.boards.oncall import ONCALL
from grafana.boards.room import ROOM
from grafana.boards.wall import WALL
from grafana.panels import board
from grafana.spec import BoardSpec, Locale

__all__ = ["BOARDS", "DASHBOARDS", "files", "main"]

DASHBOARDS: Final = Path(__file__).parent / "dashboards"
BOARDS: Final[dict[str, BoardSpec]] = {
    "wall": WALL,
    "room": ROOM,
    "oncall": ONCALL,
    "business": BUSINESS,
    "itself": ITSELF,
}


def files() -> dict[str, bytes]:
    """Return the name and the bytes of every file."""
    made: dict[str, bytes] = {}
    for name, spec in BOARDS.items():
        for locale in get_args(Locale):
            text = json.dumps(
                board(spec, locale).build(), cls=JSONEncoder, indent=2, ensure_ascii=False, sort_keys=True
            )
            made[f"{name}.{locale}.json"] = f"{text}\n".encode()
    return made


def main() -> None:
    """Write every file."""
    for name, content in files().items():
        (DASHBOARDS / name).write_bytes(content)


if __name__ == "__main__":
    main()
