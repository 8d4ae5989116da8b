"""Types that several shapes share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

__all__ = ["Instant"]

Instant = Annotated[int, Field(description="epoch milliseconds")]
