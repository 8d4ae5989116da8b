"""`roomwatch backtest` over a small archive: what scripts get, what people see, what is told otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from alerts.backtest import command as backtest_command
from alerts.backtest.answer import Question, answer
from alerts.backtest.episodes import episodes
from alerts.backtest.sets import always
from alerts.rulecheck import load
from roomwatch import main
from stream.archive import Archive
from stream.errors import ArchiveError
from tests.alerts.backtest.history import RULES, T0, history
from tests.alerts.backtest.live import live
from tests.exporters.archive.recording import keep

pytestmark = pytest.mark.timeout(170)

CANDIDATE = RULES.replace("for_s: 3", "for_s: 8").replace(
    "warning: 0.02, critical: 0.1", "warning: 0.9, critical: 1"
)
LOG = history(60, ticks=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an archive of two partitions, a candidate and the rules in force."""
    folder = tmp_path_factory.mktemp("backtest")
    for partition in (0, 1):
        log = LOG if partition == 0 else history(61, ticks=300, partition=1, names="q")
        keep(folder / "archive", log, partition=partition, partitions=2, flush_every=200, settle_every=500)
    (folder / "candidate.yaml").write_text(CANDIDATE)
    (folder / "in_force.yaml").write_text(RULES)
    return folder


def ask(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, locale: str = "en") -> Result:
    """Run the command; the store is away."""
    monkeypatch.setenv("ROOMWATCH_ARCHIVE_DIR", str(folder / "archive"))
    monkeypatch.setenv("ROOMWATCH_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("ROOMWATCH_LOCALE", locale)
    monkeypatch.setenv("COLUMNS", "200")
    given = [
        "--rules",
        str(folder / "candidate.yaml"),
        "--against",
        str(folder / "in_force.yaml"),
        "--jobs",
        "1",
    ]
    return CliRunner().invoke(backtest_command, [*given, *arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    """Return the report on all of it, by two processes."""
    archive = Archive(folder / "archive")
    question = Question(candidate=load(CANDIDATE), against=always(load(RULES)))
    told: list[tuple[int, int]] = []
    found = answer(archive, question, jobs=2, progress=lambda done, total: told.append((done, total)))
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1] > 0
    return found


def test_the_report_tells_every_alert_of_both_sets_once(report):
    counts = report["counts"]
    assert counts["candidate"] == counts["same"] + counts["moved"] + counts["added"] == len(report["alerts"])
    assert counts["against"] == counts["same"] + counts["moved"] + counts["gone"]
    assert counts["gone"] == len(report["gone"]) > 0
    assert counts["moved"] > 0
    for each in report["alerts"]:
        assert (each["change"] == "moved") == ("was" in each)


def test_the_alerts_are_those_of_the_live_stage(folder, report):
    begin_ms, end_ms = Archive(folder / "archive").bounds_ms() or (0, 0)
    wanted = episodes(live(LOG, always(load(CANDIDATE))), begin_ms, end_ms + 1_000)
    found = [each for each in report["alerts"] if each["subject"] in {"r0", "r1", "r2", "r3"}]
    assert {(each["id"], each["fired_at_ms"], each["ended_at_ms"]) for each in found} == {
        (one.id, one.fired_at_ms, one.ended_at_ms) for one in wanted if "/" not in one.subject
    }


def test_it_says_what_it_cannot_know(report):
    told = " ".join(note["en"] for note in report["notes"])
    assert all(note["zh"] for note in report["notes"])
    for word in ("word lists", "manual ends", "no verdicts"):
        assert word in told


def test_scripts_get_the_whole_report(folder, monkeypatch, report):
    result = ask(folder, monkeypatch, "--json", "--progress", "json")
    assert result.exit_code == 0
    found = orjson.loads(result.stdout)
    assert found == orjson.loads(orjson.dumps(report))
    lines = [orjson.loads(line) for line in result.stderr.splitlines()]
    assert lines[-1]["done"] == lines[-1]["total"]


@pytest.mark.parametrize(
    ("locale", "words"), [("en", ("gone", "candidate", "sessions")), ("zh", ("消失", "候选规则"))]
)
def test_people_see_counts_differences_and_notes(folder, monkeypatch, report, locale, words):
    result = ask(folder, monkeypatch, "--progress", "none", locale=locale)
    assert result.exit_code == 0
    for word in (*words, "vendor_slow", report["notes"][0][locale][:20]):
        assert word in result.stdout
    assert str(report["counts"]["against"]) in result.stdout


def test_only_the_rooms_that_are_named_are_played(folder, monkeypatch, report):
    found = orjson.loads(ask(folder, monkeypatch, "--json", "--progress", "none", "--rooms", "r1,q2").stdout)
    assert {each["subject"] for each in (*found["alerts"], *found["gone"])} == {"r1", "q2"}
    assert found["extent"]["rooms"] == 2
    named = [each for each in report["alerts"] if each["subject"] in {"r1", "q2"}]
    assert found["alerts"] == named


def test_a_sweep_is_told_for_each_value(folder, monkeypatch):
    sweep = ("--sweep", "stutter.live_stall_ratio.warning=0.03..0.06:4")
    found = orjson.loads(ask(folder, monkeypatch, "--json", "--progress", "none", *sweep).stdout)["sweep"]
    assert found["name"] == "stutter.live_stall_ratio.warning"
    assert [each["value"] for each in found["values"]] == [0.03, 0.04, 0.05, 0.06]
    assert [("refused" in each) for each in found["values"]] == [False, False, True, True]
    alerts = [each["candidate"] for each in found["values"][:2]]
    assert alerts[0] >= alerts[1] > 0
    shown = ask(folder, monkeypatch, "--progress", "none", *sweep).stdout
    assert "█" in shown
    assert "refused: the rule set has" in shown
    assert "is not beyond warning" in found["values"][2]["refused"]["en"]
    assert "没有超出 warning" in found["values"][2]["refused"]["zh"]


def test_a_range_is_cut_to_what_is_kept(folder):
    archive = Archive(folder / "archive")
    rules = load(RULES)
    question = Question(rules, always(rules), from_ms=T0 + 60_000, to_ms=T0 + 120_000)
    found = answer(archive, question, jobs=1)
    assert (found["extent"]["from_ms"], found["extent"]["to_ms"]) == (T0 + 60_000, T0 + 120_000)
    assert found["counts"]["same"] == found["counts"]["candidate"] == found["counts"]["against"]
    with pytest.raises(ArchiveError, match="nothing of the range"):
        answer(archive, Question(rules, always(rules), from_ms=0, to_ms=T0), jobs=1)


def test_verdicts_are_counted(folder, report):
    gone, kept = report["gone"][0]["id"], next(e["id"] for e in report["alerts"] if e["change"] == "same")
    question = Question(load(CANDIDATE), always(load(RULES)), verdicts={gone: "real", kept: "false_alarm"})
    found = answer(Archive(folder / "archive"), question, jobs=1)
    judged = found["verdicts"]
    assert (judged["real_lost"], judged["false_kept"]) == (1, 1)
    assert next(each for each in found["gone"] if each["id"] == gone)["verdict"] == "real"


def told_by_the_front_door(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["backtest", *arguments])
    assert ended.value.code == 1
    told: str = capsys.readouterr().err
    return told


def test_without_a_store_the_rules_in_force_must_be_named(folder, monkeypatch, capsys):
    monkeypatch.setenv("ROOMWATCH_ARCHIVE_DIR", str(folder / "archive"))
    monkeypatch.setenv("ROOMWATCH_REDIS_URL", "redis://127.0.0.1:1/0")
    told = told_by_the_front_door(capsys, "--rules", str(folder / "candidate.yaml"))
    assert "to tell the rules in force then" in told
    assert "--against" in told


def test_without_an_archive_it_says_who_writes_one(tmp_path, folder, monkeypatch, capsys):
    monkeypatch.setenv("ROOMWATCH_ARCHIVE_DIR", str(tmp_path))
    told = told_by_the_front_door(capsys, "--rules", str(folder / "candidate.yaml"))
    assert "it is written by roomwatch recorder" in told


def test_a_candidate_with_faults_is_told_with_each_of_them(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ROOMWATCH_ARCHIVE_DIR", str(folder / "archive"))
    bad = tmp_path / "bad.yaml"
    bad.write_text(RULES.replace("for_s: 3", "for_s: soon"))
    assert "rules[0].for_s" in told_by_the_front_door(capsys, "--rules", str(bad))
