"""The groups of words, and in which sources each is looked for."""

from __future__ import annotations

from typing import Final, Literal, get_args

__all__ = ["COMPLAINTS", "GROUPS", "GROUPS_OF", "PROHIBITED", "SOURCES", "TROUBLES", "Group", "Source"]

Group = Literal[
    "ad_law", "vulgar", "fraud", "diversion", "picture", "sound", "buying", "after_sales", "question"
]
Source = Literal["danmaku", "transcript", "room_title", "item_title"]
"""Where a text comes from: viewers' chat, the host's speech, titles."""

GROUPS: Final[tuple[Group, ...]] = get_args(Group)
SOURCES: Final[tuple[Source, ...]] = get_args(Source)

PROHIBITED: Final[tuple[Group, ...]] = ("ad_law", "vulgar", "fraud", "diversion")
"""Counted in ``live_prohibited_total``."""
COMPLAINTS: Final[tuple[Group, ...]] = ("picture", "sound", "buying", "after_sales", "question")
"""Counted in ``live_complaints_total``."""
TROUBLES: Final[tuple[Group, ...]] = ("picture", "sound", "buying", "after_sales")
"""Complaints that something does not work. Who asks for the price waits for an answer, and most of a healthy
room does: counting them as trouble would raise a room's normal until nothing stands out."""

GROUPS_OF: Final[dict[Source, tuple[Group, ...]]] = {
    "danmaku": ("vulgar", "fraud", "diversion", *COMPLAINTS),
    "transcript": PROHIBITED,
    "room_title": PROHIBITED,
    "item_title": PROHIBITED,
}
"""The groups that a source is searched for. Advertising law binds who advertises, not the viewer who praises;
complaints are the viewers'. Hosts and titles are held to every prohibited group: the law and the platforms
fine the room for its own words first."""
