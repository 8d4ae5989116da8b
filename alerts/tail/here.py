"""Where the commands of this machine look, as its settings say: the gateway, and the clocks on the wall."""

from __future__ import annotations

import functools
import os
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stream.errors import SettingsError

__all__ = ["default_url", "local_zone"]


def default_url() -> str:
    """Return the address of this machine's gateway, as the settings name it."""
    host = os.environ.get("ROOMWATCH_GATEWAY_HOST", "127.0.0.1")
    if host in ("0.0.0.0", "::"):  # noqa: S104 - an address to listen on, reached by the loopback one
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{os.environ.get('ROOMWATCH_GATEWAY_PORT', '8700')}"


@functools.cache
def local_zone() -> ZoneInfo:
    """Return the time zone that times are shown in.

    Raises:
        SettingsError: there is none of that name.
    """
    name = os.environ.get("ROOMWATCH_TIMEZONE", "Asia/Shanghai")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(f"ROOMWATCH_TIMEZONE: {name!r} is no time zone such as Asia/Shanghai") from error
