"""The settings of the ingest, on top of those that every role shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from stream.settings import Settings
from stream.words.matching import SHIPPED

__all__ = ["IngestSettings"]


class IngestSettings(Settings):
    """Settings of the ingest; times in milliseconds."""

    flush_ms: Annotated[int, Field(ge=10, le=10_000)] = Field(
        50,
        description="shortest time between two flushes; half of what a critical event may take",
    )
    settle_ms: Annotated[int, Field(ge=0, le=5_000)] = Field(
        30,
        description="how long an event waits for the room records that govern it; fixed for good",
    )
    align_ms: Annotated[int, Field(ge=1_000, le=60_000)] = Field(
        10_000, description="how far a feed may run ahead of the slowest feed of its partition"
    )
    session_timeout_ms: Annotated[int, Field(ge=1_000, le=300_000)] = Field(
        10_000,
        description="a member that is silent for so long is dead; the lease of a partition is twice that",
    )
    catalogue: Literal["whole", "core"] = Field(
        "whole", description="core leaves out people, repeats, the busiest and words, at half the cost"
    )
    words_dir: Path = Field(
        SHIPPED, description="folder of the word files, one for each group; looked at once a second"
    )
    metrics_host: str = Field("127.0.0.1", description="address of our own metrics")
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        0, description="port of our own metrics; 0 shows none"
    )
