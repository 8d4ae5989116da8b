"""Settings of the notifier, beside those that every role shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from alerts.notify.retry import Patience
from alerts.settings import DEFAULT_ROUTES
from stream.settings import Settings

__all__ = ["NotifierSettings"]


class NotifierSettings(Settings):
    """What ``roomwatch notifier`` needs to know."""

    routes_file: Path = Field(
        DEFAULT_ROUTES, description="routes, receivers and people; read anew when changed"
    )
    public_url: str = Field(
        "http://127.0.0.1:8700", description="where people reach the gateway, for links in messages"
    )
    notify_templates_dir: Path | None = Field(
        None, description="folder whose templates replace those of deploy/notify, by file name"
    )
    notify_attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        4, description="attempts at a message before the fallback gets it"
    )
    notify_pause_s: Annotated[float, Field(ge=0.05, le=60)] = Field(
        1.0, description="longest pause after a first failure, seconds; doubles with each further one"
    )
    notify_deadline_s: Annotated[float, Field(ge=1, le=86_400)] = Field(
        300.0, description="seconds after its first attempt from which on a message is tried no more"
    )
    notify_answer_s: Annotated[float, Field(ge=0.1, le=60)] = Field(
        10.0, description="seconds that a channel has to answer"
    )
    notify_begin_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        300.0, description="age in seconds of the oldest change that the first notifier of a deployment tells"
    )
    notify_lease_s: Annotated[float, Field(ge=1, le=60)] = Field(
        6.0, description="seconds after which a silent notifier may be replaced"
    )
    notify_refresh_s: Annotated[float, Field(ge=1, le=240)] = Field(
        60.0,
        description="how often Alertmanager is told again what is still open, seconds; it forgets after 300",
    )
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        0, description="port of /metrics of this process; 0 for none"
    )

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("not an address such as https://monitor.example.com")
        return url.rstrip("/")

    @property
    def patience(self) -> Patience:
        """How long a message is tried."""
        return Patience(
            attempts=self.notify_attempts,
            base_ms=int(1_000 * self.notify_pause_s),
            deadline_ms=int(1_000 * self.notify_deadline_s),
        )
