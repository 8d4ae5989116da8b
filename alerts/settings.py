"""Settings of the engine, beside those that every role shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from stream.settings import Settings

__all__ = ["DEFAULT_ROUTES", "DEFAULT_RULES", "EngineSettings"]

_DEPLOY: Final = Path(__file__).resolve().parent.parent / "deploy"
DEFAULT_RULES: Final = _DEPLOY / "rules" / "default.yaml"
"""The rule set that a deployment begins with, unless told otherwise."""
DEFAULT_ROUTES: Final = _DEPLOY / "routes" / "default.yaml"
"""The routes that a deployment begins with, unless told otherwise: nobody is told of anything."""


class EngineSettings(Settings):
    """What ``roomwatch engine`` needs to know."""

    rules_file: Path = Field(DEFAULT_RULES, description="first rule set, used while the store holds none")
    routes_file: Path = Field(DEFAULT_ROUTES, description="first routes, used while the store holds none")
    engine_stages: Literal["both", "rules", "incidents"] = Field(
        "both", description="stages that this process may run; large deployments run them apart"
    )
    engine_session_s: Annotated[float, Field(ge=0.5, le=60)] = Field(
        6.0,
        description="seconds after which the group takes a silent engine for dead; brokers allow 6 and more"
        " unless group.min.session.timeout.ms says less",
    )
    engine_patience_s: Annotated[float, Field(ge=1, le=300)] = Field(
        30.0, description="seconds that the store and the broker may be away before the process ends"
    )
    engine_stall_s: Annotated[float, Field(ge=2, le=3600)] = Field(
        60.0, description="seconds that a stage may stand still while its log grows before the process ends"
    )
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        0, description="port of /metrics of this process; 0 for none"
    )
