"""Settings of the recorder."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stream.settings import Settings

__all__ = ["RecorderSettings"]


class RecorderSettings(Settings):
    """What ``roomwatch recorder`` needs to know beyond what every role does."""

    archive_days: Annotated[int, Field(ge=1, le=36_500)] = Field(
        35, description="days that the archive keeps; older ones are deleted whole"
    )
    archive_flush_s: Annotated[float, Field(ge=0.1, le=600)] = Field(
        30.0, description="seconds after which what came is on the disk; Kafka keeps it meanwhile"
    )
    archive_settle_s: Annotated[float, Field(ge=1, le=3_600)] = Field(
        600.0, description="seconds after which it is put by session, and ended sessions into one file"
    )
    recorder_session_s: Annotated[float, Field(ge=0.5, le=60)] = Field(
        10.0, description="seconds after which the group takes a silent recorder for dead"
    )
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        0, description="port of /metrics of this process; 0 for none"
    )
