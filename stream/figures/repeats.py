"""What is said again: lines whose text was seen in the room within the last minute, and whose text many send.

A line is judged in the order of its log, by what is known of its text then: whose the text's newest mentions
are and when they were. That is kept in memory (``heard.hpp``), for at least the ``TEXTS_MAX`` texts that were
heard last, and made anew from the panes after a load. Panes here are of ten seconds and stand with the fine
pane of their first second; they keep at most ``PAIRS_MAX`` pairs of a text and a user, so that above some
twenty-five lines a second a new owner starts with a sample.
"""

from __future__ import annotations

from typing import Final

from stream.cells import Extra

__all__ = ["PAIRS_MAX", "SAID", "TEXTS_MAX"]

TEXTS_MAX: Final = 512
"""Texts of a room that are remembered at least; twice as many are at most, about 100 KB."""
PAIRS_MAX: Final = 256
"""Most pairs of a text and a user that a pane keeps: 2 KB."""
SAID: Final = Extra("said", "said", most=PAIRS_MAX, fine=True, coarse=False)
"""Who said what within ten seconds: pair of text and user -> in which of them last."""
