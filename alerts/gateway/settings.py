"""Settings of the gateway, and the check that it is not open to the world by mistake."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from stream.settings import Settings

__all__ = ["GatewaySettings", "is_loopback"]


class GatewaySettings(Settings):
    """What the gateway needs to know beyond what every role does."""

    gateway_host: str = Field("127.0.0.1", description="address to listen on; a public one needs tokens")
    gateway_port: Annotated[int, Field(ge=0, le=65_535)] = Field(8700, description="0 takes any free port")
    public_url: str | None = Field(
        None, description="where people reach the gateway, for links; its host is allowed besides localhost"
    )
    tokens_file: Path | None = Field(None, description="YAML or JSON, see docs/api.md; unset: loopback only")
    allowed_origins: str = Field("", description="origins of other sites that may call, comma separated")
    gateway_clients_max: Annotated[int, Field(ge=1, le=100_000)] = Field(
        10_000, description="WebSocket clients at once; more are told to try again later"
    )
    gateway_calls_per_s: Annotated[float, Field(gt=0, le=100_000)] = Field(
        100.0,
        description="HTTP calls, and likewise frames, a second of one token and address; more are refused",
    )
    gateway_calls_burst: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1_000, description="calls, and likewise frames, that one token and address may send at once"
    )
    gateway_tls_cert: Path | None = Field(
        None, description="PEM of the certificate chain; with it TLS is served"
    )
    gateway_tls_key: Path | None = Field(None, description="PEM of the certificate's key")
    gateway_records_held: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        50_000, description="newest records in memory; older ones are read from the log"
    )
    gateway_held_mib: Annotated[int, Field(ge=1, le=16_384)] = Field(
        256, description="most memory for them, whatever their number"
    )

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("not an address such as https://monitor.example.com")
        return url.rstrip("/")

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, text: str) -> str:
        for origin in filter(None, text.split(",")):
            parts = urlsplit(origin.strip())
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
                raise ValueError(f"{origin!r} is not an origin such as https://wall.example.com")
        return text

    @property
    def origins(self) -> frozenset[str]:
        """Origins of other sites that may call."""
        return frozenset(origin.strip().rstrip("/") for origin in self.allowed_origins.split(",") if origin)

    @property
    def hosts(self) -> frozenset[str]:
        """Host names by which a gateway without tokens may be called."""
        named = {urlsplit(self.public_url).hostname or ""} if self.public_url else set()
        return frozenset({"localhost", "127.0.0.1", "::1", self.gateway_host.lower()} | named)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
