"""Settings that every role shares: where Kafka and the store are, and what the deployment agreed on.

Each field is read once from ``ROOMWATCH_<NAME>`` at the start of a process and passed down; a wrong one
ends the process with a sentence that names it. Roles add their own fields by subclassing ``Settings``.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from stream.errors import SettingsError
from stream.model import FEEDS, Feed

__all__ = ["Settings", "load"]

SettingsT = TypeVar("SettingsT", bound="Settings")


class Settings(BaseSettings):
    """What every role needs to know; each role's own settings extend it."""

    model_config = SettingsConfigDict(env_prefix="ROOMWATCH_", frozen=True, extra="forbid")

    kafka_bootstrap: str = Field("127.0.0.1:9092", description="brokers, comma separated host:port")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_user: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca_file: Path | None = Field(None, description="PEM of the authority that signed the brokers")
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        description="redis:// or rediss:// URL, with ACL user and password where needed",
    )
    redis_cluster: bool = Field(default=False, description="the URL names a node of a Redis Cluster")
    partitions: Annotated[int, Field(ge=1, le=1024)] = 4
    topic_prefix: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{0,64}$")] = Field(
        "", description="put before every topic and group name, so that deployments can share a broker"
    )
    lateness_ms: Annotated[int, Field(ge=0, le=600_000)] = 30_000
    user_key: SecretStr | None = Field(
        None, description="key of the hash of user ids; made and kept when unset"
    )
    data_dir: Path = Path("var")
    archive_dir: Path | None = Field(
        None, description="folder of the archive of live.windows; unset: archive in the data folder"
    )
    locale: Literal["zh", "en"] = "zh"
    timezone: str = "Asia/Shanghai"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError) as error:
            raise ValueError("not an IANA time zone such as Asia/Shanghai") from error
        return name

    def topic(self, name: Feed | str) -> str:
        """Return the topic of a feed (``danmaku``) or of a log of our own (``alerts``), prefix included."""
        return f"{self.topic_prefix}live.{name}"

    def group(self, role: str) -> str:
        """Return the consumer group of a role, prefix included."""
        return f"{self.topic_prefix}roomwatch-{role}"

    @property
    def archive(self) -> Path:
        """The folder of the archive."""
        return self.archive_dir or self.data_dir / "archive"

    def feed_topics(self) -> dict[str, Feed]:
        """Return topic -> feed for all feeds."""
        return {self.topic(feed): feed for feed in FEEDS}

    def kafka_options(self) -> dict[str, Any]:
        """Return the connection options that aiokafka's clients take."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.kafka_bootstrap.split(","),
            "security_protocol": self.kafka_security,
        }
        if self.kafka_security.endswith("SSL"):
            options["ssl_context"] = ssl.create_default_context(cafile=self.kafka_ca_file)
        if self.kafka_security.startswith("SASL"):
            options["sasl_mechanism"] = self.kafka_sasl_mechanism
            options["sasl_plain_username"] = self.kafka_user
            options["sasl_plain_password"] = self.kafka_password and self.kafka_password.get_secret_value()
        return options


def load(kind: type[SettingsT], **overrides: Any) -> SettingsT:
    """Read the settings of a role from the environment; ``overrides`` come from the command line.

    Raises:
        SettingsError: names each wrong setting, what is wrong with it and what it was.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return kind(**given)
    except ValidationError as error:
        faults = "; ".join(
            f"ROOMWATCH_{'.'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError(faults) from error
