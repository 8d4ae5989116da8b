"""`roomwatch explain`: the figures that decided, what is drawn, and what is said where none are kept."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from click.testing import CliRunner, Result
from redis.asyncio import Redis
from rich.console import Console

from alerts.backtest.sets import always
from alerts.explain import command as explain_command
from alerts.explain.chart import Line, chart
from alerts.explain.past import trace_of
from alerts.explain.screen import show
from alerts.explain.story import span_of, story
from alerts.model import Transition
from alerts.rulecheck import load
from alerts.store.episodes import NEWEST, STARTED, episode_key
from alerts.store.rule_sets import RuleSetStore
from roomwatch import main
from stream.archive import Archive
from tests.alerts.backtest.history import RULES, history
from tests.alerts.backtest.live import live
from tests.exporters.archive.recording import keep

pytestmark = pytest.mark.timeout(120)

LOG = history(60, ticks=300)
TOLD = live(LOG, always(load(RULES)))
ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return keep(tmp_path_factory.mktemp("explain") / "archive", LOG, flush_every=200, settle_every=500)


def changes(alert_id: str) -> list[dict[str, Any]]:
    """Return the records of an alert as the incidents stage makes them."""
    own = [one for one in TOLD if one.alert_id == alert_id]
    return [
        {
            **one.to_record(),
            "id": alert_id,
            "change": number,
            "at_ms": one.tick_ms,
            "state": "resolved" if one.to == "resolved" else "firing",
            "severity_max": one.severity,
        }
        for number, one in enumerate(own, 1)
    ]


def ended() -> list[str]:
    """Return the alerts that ended by recovery, of whatever kind and subject."""
    return [one.alert_id for one in TOLD if one.to == "resolved" and one.reason == "recovered"]


def of_kind(kind: str) -> str:
    return next(one.alert_id for one in TOLD if one.kind == kind and one.alert_id in ended())


def test_the_figures_are_those_that_decided(archive):
    """Every rule of the history: what is drawn at the second of a change is what the change said."""
    seen = set()
    for alert_id in ended():
        timeline = changes(alert_id)
        kind = (timeline[-1]["kind"], "/" in timeline[-1]["subject"])
        if kind in seen:
            continue
        seen.add(kind)
        begin_ms, end_ms = span_of(timeline[-1], around_ms=30_000, now_ms=0)
        trace = trace_of(archive, timeline[-1], always(load(RULES)), from_ms=begin_ms, to_ms=end_ms)
        assert trace is not None, kind
        told = [one for one in trace.told if one.alert_id == alert_id]
        assert [(one.to, one.tick_ms) for one in told] == [(one["to"], one["tick_ms"]) for one in timeline], (
            kind
        )
        assert all(begin_ms <= point.at_ms < end_ms for point in trace.points)
        fired = told[0]
        values = {point.value for point in trace.points if abs(point.at_ms - fired.tick_ms) <= 1_000}
        assert fired.value is None or fired.value in values, kind
    assert len(seen) > 8
    assert ("vendor_slow", True) in seen


def test_of_another_time_or_of_the_monitoring_nothing_is_kept(archive):
    alert = changes(of_kind("stutter"))[-1]
    sets = always(load(RULES))
    assert trace_of(archive, {**alert, "room_id": "r9", "subject": "r9"}, sets, from_ms=0, to_ms=1) is None
    monitor = {**alert, "room_id": None, "subject": "partition-0"}
    assert trace_of(archive, monitor, sets, from_ms=0, to_ms=2**45) is None


def test_a_rule_that_raises_nothing_today_is_said(archive):
    alert = changes(of_kind("stutter"))[-1]
    begin_ms, end_ms = span_of(alert, around_ms=10_000, now_ms=0)
    milder = always(load(RULES.replace("for_s: 3", "for_s: 60").replace("total: 1", "total: 99")))
    trace = trace_of(archive, alert, milder, from_ms=begin_ms, to_ms=end_ms)
    told = story(alert, changes(alert["id"]), [], trace, span=(begin_ms, end_ms), why_not=None)
    assert "do not raise this alert again" in told["notes"][0]["en"]


def test_an_alert_that_is_open_is_shown_up_to_now():
    alert = {"started_at_ms": 1_000_000, "at_ms": 1_005_000, "state": "firing"}
    assert span_of(alert, around_ms=10_000, now_ms=1_090_000) == (990_000, 1_100_000)


def drawn(lines: Sequence[Line]) -> list[str]:
    rows = chart(lines, from_ms=0, to_ms=100, low=0.0, high=1.0, width=10, height=2)
    return [row.plain for row in rows]


def test_a_line_goes_from_edge_to_edge_and_leaves_holes_open():
    assert drawn([]) == [" " * 10] * 2
    top = drawn([Line([(0, 1.0), (95, 1.0)], "red", 1_000)])
    assert top == ["⠉" * 10, " " * 10]
    hole = drawn([Line([(0, 0.0), (5, 0.0), (90, 0.0), (95, 0.0)], "red", 10)])
    assert hole == [" " * 10, "⣀" + " " * 8 + "⣀"]
    step = drawn([Line([(0, 0.0), (50, 1.0), (99, 1.0)], "red", 1_000)])
    assert step == [" " * 5 + "⡏" + "⠉" * 4, "⣀" * 5 + "⡇" + " " * 4]


def test_what_lies_outside_the_range_is_left_out():
    assert drawn([Line([(-5, 1.0), (100, 1.0)], "red", 1_000)]) == [" " * 10] * 2
    assert drawn([Line([(50, 9.0)], "red", 1_000)])[0][5] == "⠁"


async def _put(url: str, records: list[list[dict[str, Any]]]) -> None:
    async with Redis.from_url(url) as redis:
        await redis.flushdb()
        await RuleSetStore(redis).begin(RULES)
        for timeline in records:
            newest = timeline[-1]
            fields: dict[Any, Any] = {str(one["change"]): orjson.dumps(one) for one in timeline}
            await redis.hset(episode_key(newest["id"]), mapping={**fields, NEWEST: orjson.dumps(newest)})
            await redis.zadd(STARTED, {newest["id"]: newest["started_at_ms"]})


@pytest.fixture
def kept(valkey: str, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every alert of the history in a real store, with the rules and the archive at hand."""
    asyncio.run(_put(valkey, [changes(alert_id) for alert_id in dict.fromkeys(ended())]))
    monkeypatch.setenv("ROOMWATCH_REDIS_URL", valkey)
    monkeypatch.setenv("ROOMWATCH_ARCHIVE_DIR", str(archive.folder))


def ask(monkeypatch: pytest.MonkeyPatch, *arguments: str, locale: str = "en") -> Result:
    monkeypatch.setenv("ROOMWATCH_LOCALE", locale)
    return CliRunner().invoke(explain_command, arguments, catch_exceptions=False)


@pytest.mark.services
@pytest.mark.usefixtures("kept")
def test_scripts_get_everything(monkeypatch):
    alert_id = of_kind("stutter")
    found = orjson.loads(ask(monkeypatch, alert_id, "--json", "--around", "20").stdout)
    assert (found["alert"]["id"], found["source"], found["notes"]) == (alert_id, "archive", [])
    assert found["condition"]["metric"].startswith("live_stall")
    assert found["to_ms"] - found["from_ms"] >= 40_000
    assert [mark["what"] for mark in found["marks"]] == ["began", "firing", "resolved"]
    assert any(point["level"] for point in found["points"])
    assert all(one["id"] != alert_id for one in found["beside"])
    room, vendors = found["alert"]["room_id"], {"vendor_slow"}
    assert all(one["room_id"] == room or one["kind"] in vendors for one in found["beside"])


@pytest.mark.services
@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", ("rule stutter", "warning bound", "firing", "resolved")),
        ("zh", ("规则 stutter", "警告界限", "恢复")),
    ],
)
def test_people_see_a_chart_with_its_marks(monkeypatch, locale, words):
    shown = ask(monkeypatch, of_kind("stutter"), locale=locale).stdout
    for word in (*words, "▲", "▼", "┤"):
        assert word in shown
    assert any("\u2801" <= sign <= "\u28ff" for sign in shown)


@pytest.mark.services
@pytest.mark.usefixtures("kept")
def test_without_an_archive_the_changes_are_drawn_and_it_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("ROOMWATCH_ARCHIVE_DIR", str(tmp_path))
    found = orjson.loads(ask(monkeypatch, of_kind("stutter"), "--json").stdout)
    assert found["source"] == "changes"
    assert "roomwatch recorder" in found["notes"][0]["en"]
    assert [point["value"] for point in found["points"]] == [
        one.value for one in TOLD if one.alert_id == found["alert"]["id"] and one.value is not None
    ]
    assert "roomwatch recorder" in ask(monkeypatch, of_kind("stutter"), locale="zh").stdout


def told_by_the_front_door(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(["explain", *arguments])
    assert stopped.value.code == 1
    return capsys.readouterr().err


@pytest.mark.services
@pytest.mark.usefixtures("kept")
def test_an_unknown_alert_is_one_sentence(capsys):
    assert "no alert 0123" in told_by_the_front_door(capsys, "0123")


def test_a_store_that_is_away_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setenv("ROOMWATCH_REDIS_URL", "redis://127.0.0.1:1/0")
    assert "no store at ROOMWATCH_REDIS_URL" in told_by_the_front_door(capsys, "0123")


def test_a_monitor_alert_without_any_value_says_that_there_is_nothing_to_draw():
    told: Transition = TOLD[0]
    alert = {**changes(told.alert_id)[0], "value": None}
    written = io.StringIO()
    found = story(alert, [alert], [], None, span=(told.tick_ms - 1, told.tick_ms + 1), why_not=None)
    show(found, Console(file=written), locale="en", zone=ZONE)
    assert "there are no figures to draw" in written.getvalue()


def test_titles_cannot_steer_the_terminal(archive: Archive, tmp_path: Path):
    assert archive.folder != tmp_path
    alert = {**changes(of_kind("stutter"))[-1], "summary": {"zh": "坏\x1b[31m", "en": "bad\x1b[31m"}}
    written = io.StringIO()
    found = story(alert, [alert], [alert], None, span=(0, 1), why_not=None)
    show(found, Console(file=written), locale="en", zone=ZONE)
    assert "\x1b" not in written.getvalue()
