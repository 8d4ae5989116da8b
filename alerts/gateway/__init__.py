"""The gateway: alerts to people over WebSocket and HTTP, and what they ask for back into the stages.

Read ``shell`` (the process), ``sockets`` and ``client`` (one WebSocket), ``hub`` (who gets which record),
``alertlog`` (where records come from), ``changes`` and ``commands`` (acknowledge, resolve), ``api`` (HTTP).
"""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command(name="gateway")
@click.option("--host", help="address to listen on; default ROOMWATCH_GATEWAY_HOST or 127.0.0.1")
@click.option("--port", type=int, help="port; default ROOMWATCH_GATEWAY_PORT or 8700; 0 takes any free one")
def command(host: str | None, port: int | None) -> int:
    """Push alerts to WebSocket clients and serve the HTTP interface and the console."""
    from alerts.gateway.settings import GatewaySettings  # noqa: PLC0415 - `--help` answers without loading servers
    from alerts.gateway.shell import read_tokens, serve  # noqa: PLC0415
    from stream.runtime import run  # noqa: PLC0415
    from stream.settings import load  # noqa: PLC0415

    settings = load(GatewaySettings, gateway_host=host, gateway_port=port)
    read_tokens(settings)
    return run("gateway", lambda stop: serve(settings, stop), log_level=settings.log_level)
