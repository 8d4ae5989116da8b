"""The archive of ``live.windows``: every entry that the rules were judged by, kept by session as Parquet.

Written by ``roomwatch recorder``; read by backtests. ``layout`` tells what is where, ``rows`` what a row is.
"""

from __future__ import annotations

from stream.archive.reader import Archive, Session

__all__ = ["Archive", "Session"]
