"""Lines that were said before are told in the order of their log, whoever owns the partition meanwhile."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.cells import FloodBatch
from stream.figures import FEED_FIGURES, new_tally
from stream.figures.repeats import PAIRS_MAX, SAID, TEXTS_MAX
from stream.model import Danmaku
from stream.native import Events
from tests.stream.logs import Log, extras_of, fields_of, fold_at_once, totals_of, unpacked
from tests.stream.plain_sets import rising

START_MS = 1_700_000_000_000
OLDEST = (0, 0, 0)
_lines = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from((0, 300, 1_000, 9_000, 31_000, 59_000, 61_000)),
        st.integers(0, 25_000),
        st.sampled_from(("a", "b", "c")),
        st.booleans(),
    ),
    max_size=60,
)


def line(at_ms, text="a", user="u"):
    return Danmaku("r", user, at_ms, text)


def add(tally, *lines):
    events = Events(len(lines))
    for at, one in enumerate(lines):
        events.put(at, one, int(one.user_id.removeprefix("u") or 0), one.at_ms, at)
    ((_, part),) = events.rooms()
    FEED_FIGURES["danmaku"].add(FloodBatch(tally, part, late=False))


def again(tally):
    totals = totals_of(tally)
    return totals.get("danmaku.again", 0), totals.get("suspect.repeat", 0)


def pairs_of(tally):
    """Return of each pane the pairs of text and user, and in which of its ten seconds each was last."""
    packed = (
        (number, kept[SAID.name])
        for number, kept in extras_of(tally, coarse=False).items()
        if SAID.name in kept
    )
    return {number: {entry >> 4: entry & 15 for entry in rising(raw)} for number, (raw,) in packed}


def told_plainly(events):
    """Return how many lines were said before, and how many were said by five within their minute."""
    before: list[tuple[str, int, str]] = []
    repeats, suspects = 0, 0
    for event in events:
        second = event.at_ms // 1_000
        minute = [user for text, at, user in before if text == event.text and at >= second - 60]
        repeats += bool(minute)
        suspects += len({*minute, event.user_id}) >= 5
        before.append((event.text, second, event.user_id))
    return repeats, suspects


@given(_lines)
def test_lines_are_told_as_a_plain_program_tells_them(drawn):
    """However the log is cut, and from whichever flush on a new owner goes on with the panes alone."""
    now_ms, events = START_MS, []
    tally, fields = new_tally(), dict[bytes, bytes]()
    for user, wait_ms, back_ms, text, flushed in drawn:
        now_ms += wait_ms
        events.append(line(now_ms - back_ms, text, f"u{user}"))
        add(tally, events[-1])
        if flushed:
            fields |= fields_of(tally)
            tally = unpacked(fields)
    assert again(tally) == told_plainly(events)


def test_of_very_many_texts_those_heard_last_are_remembered():
    tally = new_tally()
    texts = (f"{at:b}".replace("0", "ab").replace("1", "cd") for at in range(2 * TEXTS_MAX + 1))
    lines = [line(START_MS + at, text) for at, text in enumerate(texts)]
    add(tally, *lines)
    add(tally, *(line(START_MS + 2_000, event.text) for event in lines[-TEXTS_MAX // 2 :]))
    assert again(tally)[0] == TEXTS_MAX // 2
    add(tally, *(line(START_MS + 2_000, event.text) for event in lines[:100]))
    assert again(tally)[0] == TEXTS_MAX // 2, "the first ones are forgotten"


def test_a_pane_keeps_a_bounded_number_of_pairs():
    found = new_tally()
    for came in (dict.fromkeys(range(10 * PAIRS_MAX), 3), {0: 5, 1: 2}):
        found.take(20, {}, {SAID.name: came}, OLDEST)
    assert pairs_of(found) == {20: {0: 5} | dict.fromkeys(range(1, PAIRS_MAX), 3)}
    assert pairs_of(unpacked(fields_of(found))) == pairs_of(found)


@given(st.lists(st.dictionaries(st.integers(0, 12), st.integers(0, 9)), max_size=6))
def test_a_pane_keeps_when_a_pair_was_there_last(parts):
    found, wanted = new_tally(), dict[int, int]()
    for came in parts:
        found.take(20, {}, {SAID.name: came}, OLDEST)
        for pair, second in came.items():
            wanted[pair] = max(second, wanted.get(pair, 0))
    assert pairs_of(found).get(20, {}) == wanted
    assert pairs_of(unpacked(fields_of(found))).get(20, {}) == wanted


def test_a_text_that_many_send_in_one_second_needs_no_more_memory():
    tally = new_tally()
    add(tally, *(line(START_MS, "a", f"u{user}") for user in range(1_000)))
    assert again(tally) == (999, 996)
    ((_, pairs),) = pairs_of(tally).items()
    assert len(pairs) <= 10


def test_a_line_that_comes_long_after_its_time_is_neither_judged_nor_remembered():
    """The panes of its minute may be gone, so a new owner could not judge it."""
    log = Log()
    log.put("rooms", room_id="r", state="live")
    log.wait(200_000)
    for late_ms, text in ((49_999, "fresh"), (49_999, "fresh"), (50_000, "stale"), (50_000, "stale")):
        log.put("danmaku", room_id="r", user_id="u", text=text, at_ms=log.now_ms - late_ms)
    folding = fold_at_once(log.records, log.now_ms + 1_000)
    folding.flush()
    totals = totals_of(folding.partition.rooms["r"].sessions[0].tally)
    assert (totals["danmaku.count"], totals["danmaku.again"]) == (4, 1)
