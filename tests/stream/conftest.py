"""A log to start from."""

from __future__ import annotations

import pytest

from tests.stream.logs import Log

_WHOLE_MINUTE_MS = 1_700_000_040_000


@pytest.fixture
def log():
    """Return a log with a live room, one minute old and on a whole ten seconds."""
    found = Log(_WHOLE_MINUTE_MS)
    found.put("rooms", room_id="r", state="live")
    found.wait(60_000)
    return found
