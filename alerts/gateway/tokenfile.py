"""The tokens file while the gateway runs: read anew when it changes, so that a revoked token ends at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from alerts.gateway.tokens import LiveTokens, Tokens
from stream.errors import SettingsError
from stream.runtime import Clock

__all__ = ["follow", "read"]

_LOOK_S: Final = 1.0

_log = structlog.get_logger()


def read(file: Path) -> Tokens:
    """Return the tokens of a file.

    Raises:
        SettingsError: it cannot be read, or is no tokens file.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"ROOMWATCH_TOKENS_FILE: {file} cannot be read: {error}") from error
    return Tokens.parse(text, source=str(file))


async def follow(
    file: Path | None, tokens: LiveTokens, *, clock: Clock, on_change: Callable[[], None]
) -> None:
    """Take in each new state of the file, for ever; of one that is wrong the tokens before it stay."""
    if file is None:
        return
    told = ""
    while True:
        await clock.sleep(_LOOK_S)
        try:
            now = await asyncio.to_thread(read, file)
        except SettingsError as error:
            if str(error) != told:
                told = str(error)
                _log.error("tokens.refused", error=told)
            continue
        told = ""
        if now != tokens.now:
            tokens.now = now
            _log.info("tokens.read", tokens=len(now.callers))
            on_change()
