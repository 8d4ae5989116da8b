"""Settings of the exporter."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stream.settings import Settings

__all__ = ["ExporterSettings"]


class ExporterSettings(Settings):
    """Where the exporter listens, and how much it shows."""

    exporter_host: str = Field(
        "127.0.0.1", description="address to listen on; the page has turnover on it and no access control"
    )
    exporter_port: Annotated[int, Field(ge=0, le=65_535)] = Field(9700, description="0 takes a free port")
    public_url: str = Field(
        "http://127.0.0.1:8700", description="where people reach the gateway, for links on dashboards"
    )
    export_rooms_max: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        20_000, description="live rooms with series of their own; the counters of the rest are summed"
    )
