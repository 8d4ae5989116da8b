"""Texts get one form, word files are read whole, and the shipped lists find what they should and no more."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from stream.errors import SettingsError, WordsError
from stream.ingest.settings import IngestSettings
from stream.settings import load
from stream.sources.texts import CATEGORIES, CHAT, COMPLAINTS, SPEECH, TITLES
from stream.telemetry import IngestTelemetry
from stream.words import COMPLAINTS as COMPLAINT_GROUPS
from stream.words import (
    GROUPS,
    GROUPS_OF,
    PROHIBITED,
    SHIPPED,
    SOURCES,
    TROUBLES,
    Words,
    WordsFile,
    normalise,
)
from stream.words.alternatives import BraceError, TooManyError, expand
from stream.words.folding import origins, spell

LABELLED = Path(__file__).with_name("words_labelled.tsv")
AD_LAW = Path(__file__).resolve().parents[3] / "shared" / "data" / "ad_law"
CHAT_DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "chat_bilibili"


@pytest.fixture(scope="module")
def shipped() -> Words:
    return Words.load(SHIPPED)


def files(**lists: str) -> dict[str, bytes]:
    """Return a file for each group, empty but for the lists given; without a severity they are warnings."""
    texts = {group: lists.get(group, "") for group in GROUPS} | lists
    return {
        f"{group}.txt": (text if "severity" in text else f"severity: warning\n{text}").encode()
        for group, text in texts.items()
    }


def folder_of(path: Path, **lists: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, content in files(**lists).items():
        (path / name).write_bytes(content)
    return path


def said(words: Words, text: str, source: str = "danmaku") -> list[str]:
    assert source in SOURCES
    return [hit.word for hit in words.match(text, source)]


def faults(given_files: dict[str, bytes]) -> tuple[str, ...]:
    with pytest.raises(WordsError) as caught:
        Words(given_files)
    return caught.value.faults


# -- one form of a text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("加微信", "加微信"),
        ("ＡＢＣ１２３", "abc123"),
        ("加 微-信。", "加微信"),
        ("哈哈哈哈", "哈"),
        ("666", "6"),
        ("傳說對決", "传说对决"),
        ("①②Ⅴ", "12v"),
        ("＋V➕v", "加v加v"),
        ("微❤️", "微心"),
        ("🐧群", "q群"),
        ("100%", "10%"),
        ("好\u200b卡\ufe0f", "好卡"),
        ("？？！", "？！"),
        ("😍😍", "😍"),
        ("  ", ""),
        ("𠀀𠀀", "𠀀"),
    ],
)
def test_texts_that_mean_the_same_have_one_form(text, wanted):
    assert normalise(text) == wanted


@given(st.text())
def test_a_normalised_text_is_normalised(text):
    once = normalise(text)
    assert normalise(once) == once
    assert all(left != right for left, right in pairwise(once))


@given(st.text(alphabet="加微信 vV１1。哈😍裏➕🧧"))
def test_origins_lead_back_to_what_was_written(text):
    at = origins(text)
    if spell(text):
        assert len(at.starts) == len(at.ends) == len(at.runs) == len(normalise(text))
        assert sum(at.runs) == len(spell(text))
    for character, start, end in zip(normalise(text), at.starts, at.ends, strict=False):
        assert character in normalise(text[start:end])


# -- where an entry hits


def test_a_hit_says_what_was_said_where():
    words = Words(files(diversion="severity: warning\n加微信"))
    (hit,) = words.match("来，加 Ｖ 加微--信哦", "danmaku")
    assert (hit.group, hit.severity, hit.word, hit.start, hit.end) == (
        "diversion",
        "warning",
        "加微信",
        6,
        11,
    )
    assert words.match("来了", "danmaku") == ()


def test_at_most_one_hit_of_a_group_the_leftmost_then_the_longest():
    words = Words(files(fraud="刷单\n刷单返利\n套现", vulgar="返利"))
    assert said(words, "套现和刷单返利") == ["套现", "返利"]
    assert said(words, "刷单返利和套现") == ["刷单返利", "返利"]


def test_a_severe_word_goes_before_a_mild_one_on_its_left():
    words = Words(files(ad_law="severity: info\n爆款\nseverity: critical\n最佳"))
    (hit,) = words.match("爆款最佳", "item_title")
    assert (hit.word, hit.severity) == ("最佳", "critical")
    assert words.severities["ad_law"] == "critical"
    assert words.severities["vulgar"] == "warning"


def test_an_exception_passes_what_it_covers_and_nothing_beside():
    words = Words(files(ad_law="第一\n!第一次\n", fraud="第一次"))
    assert said(words, "第一次来", "transcript") == ["第一次"]
    assert said(words, "第一次就是第一", "transcript") == ["第一次", "第一"]
    assert [hit.start for hit in words.match("第一次就是第一", "transcript")] == [0, 5]


def test_an_exception_alone_is_no_hit():
    assert said(Words(files(vulgar="笨蛋\n!聪明")), "聪明") == []


def test_a_whole_message_is_nothing_but_the_entry():
    words = Words(files(picture="=卡"))
    assert said(words, "卡卡卡！") == ["卡"]
    assert said(words, "银行卡") == []


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("微 abc123", True),
        ("微：12345", True),
        ("微微微 12345", True),
        ("微abc", False),
        ("微 abcde", False),
        ("微 1234", False),
        ("微笑12345", False),
        ("微", False),
        ("微。", False),
        ("13812345678", True),
        ("打 139 1234 5678 找我", True),
        ("13333333333", True),
        ("138123456789", False),
        ("1381234567", False),
        ("13812345a78", False),
        ("213812345678", False),
    ],
)
def test_an_account_must_follow_where_the_entry_says_so(text, hits):
    words = Words(files(diversion="微#\n1{3|4}#"))
    assert bool(said(words, text)) == hits


@pytest.mark.parametrize(
    ("entry", "text", "hits"),
    [
        ("天天", "天天特价", True),
        ("天天", "今天特价", False),
        ("100%", "100%有效", True),
        ("100%", "10%有效", False),
        ("100%", "1000%有效", False),
        ("12315", "打12315！", True),
        ("12315", "312315", False),
        ("12315", "微信abc12315", False),
        ("12315", "1231 5", True),
        ("sb", "SB主播", True),
        ("sb", "usb接口", False),
        ("sb", "it's better", False),
        ("sb", "ssbb", True),
        ("sb", "sb250", True),
        ("no1", "No.1", True),
        ("no1", "no10", False),
        ("加v", "加vabc", True),
    ],
)
def test_numbers_words_and_doubled_characters_are_taken_as_written(entry, text, hits):
    assert bool(said(Words(files(vulgar=entry)), text)) == hits


def test_each_source_is_searched_for_its_own_groups():
    words = Words(files(**dict.fromkeys(GROUPS, "暗号")))
    for source in SOURCES:
        assert {hit.group for hit in words.match("暗号", source)} == set(GROUPS_OF[source])
    assert "ad_law" not in GROUPS_OF["danmaku"]
    for source in ("transcript", "room_title", "item_title"):
        assert set(GROUPS_OF[source]) == set(PROHIBITED)
    assert {*PROHIBITED, *COMPLAINT_GROUPS} == set(GROUPS)
    assert set(TROUBLES) == set(COMPLAINT_GROUPS) - {"question"}


def test_half_a_character_does_no_harm():
    words = Words(files(picture="卡了"))
    assert said(words, "\ud800卡\udc00了") == ["卡了"]
    assert said(words, "\ud800") == []


def test_a_chat_line_is_read_once():
    words = Words(files(picture="卡了"))
    first = words.read("卡 了")
    assert first[0] == "卡了"
    assert [hit.word for hit in first[1]] == ["卡了"]
    assert words.read("卡 了") is first
    assert words.read("来了") == ("来了", ())


@given(st.text(alphabet="加微信v1 。，第一次卡了", max_size=40))
def test_the_same_text_has_the_same_hits_and_they_lie_in_it(text):
    words = _SMALL
    hits = words.match(text, "transcript")
    assert hits == words.match(text, "transcript")
    assert len({hit.group for hit in hits}) == len(hits)
    for hit in hits:
        assert 0 <= hit.start < hit.end <= len(text)
        assert hit.word in {"加微信", "第一"}


_SMALL = Words(files(diversion="加微信", ad_law="第一\n!第一次"))


# -- word files


def test_alternatives_stand_for_every_choice():
    assert expand("加{我|}{v|微{信|x}}", at_most=6) == [
        "加我v",
        "加我微信",
        "加我微x",
        "加v",
        "加微信",
        "加微x",
    ]
    with pytest.raises(TooManyError):
        expand("{a|b}{c|d}", at_most=3)
    for text in ("{a", "a}", "a|b", "{{a}", "{a}}"):
        with pytest.raises(BraceError):
            expand(text, at_most=10)


def test_comments_blank_lines_and_bom_are_no_entries():
    given_files = files()
    given_files["vulgar.txt"] = b"\xef\xbb\xbf# note\r\n\r\nseverity: info\r\n  \xe6\xbb\x9a\xe8\x9b\x8b \r\n"
    (hit,) = Words(given_files).match("滚蛋", "danmaku")
    assert (hit.word, hit.severity) == ("滚蛋", "info")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "has no line 'severity: …'; allowed: info, warning, critical"),
        ("severity: high\n笨蛋", ":1: severity 'high' is not known; allowed: info, warning, critical"),
        (
            "severity: info\n{傻|笨",
            ":2: has a brace without its partner, or a bar outside of braces; allowed: {a|b}",
        ),
        (
            "severity: info\n" + "{a|b}" * 13,
            ":2: stands for more than 5000 entries; split it over several lines",
        ),
        ("severity: info\n!！？", ":2: '！？' has no letter and no digit; nothing would ever match it"),
        ("severity: info\n滚", ":2: '滚' has a single character; allowed: 2 or more, =滚 or 滚#"),
        ("severity: info\n" + "长" * 41, "has 41 characters; at most 40 are allowed"),
        ("severity: info\n笨蛋\n!笨蛋", ":3: passes '笨蛋', which line 2 forbids; keep one"),
        (
            "笨蛋\n傻瓜\nseverity: info",
            ":1: stands above the first line 'severity: …', which says how bad it is",
        ),
        (b"severity: info\n\xff\xfe", ":2: is not UTF-8"),
        (b"#" * 1_100_000, "has 1100000 bytes; at most 1048576 are allowed"),
    ],
)
def test_a_fault_says_file_line_what_and_allowed(content, fault):
    given_files = files()
    given_files["vulgar.txt"] = content if isinstance(content, bytes) else content.encode()
    (found,) = faults(given_files)
    assert found.startswith("vulgar.txt")
    assert fault in found


def test_a_group_has_a_bound_on_entries():
    lines = "severity: info\n" + "\n".join(
        f"{a}{{0|1|2|3|4}}{{0|1|2|3|4}}{b}x" for a in range(50) for b in range(50)
    )
    found = faults(files(vulgar=lines))
    assert "is beyond the 50000 entries that a group may have" in found[0]


def test_every_fault_of_every_file_is_named_at_once():
    given_files = files(vulgar="severity: info\n滚", fraud="severity: bad\n刷单\n{")
    del given_files["sound.txt"]
    given_files["music.txt"] = b""
    found = faults(given_files)
    assert [fault.partition(":")[0] for fault in found] == [
        "music.txt",
        "vulgar.txt",
        "fraud.txt",
        "fraud.txt",
        "sound.txt",
    ]
    assert "no group is called 'music'; allowed: ad_law, vulgar, fraud" in found[0]


def test_a_line_with_many_contradictions_is_one_fault():
    assert len(faults(files(vulgar="笨蛋\n傻瓜\n!{笨蛋|傻瓜}"))) == 1


def test_the_error_is_a_settings_error_that_joins_the_faults():
    error = WordsError(["a.txt:1: bad", "b.txt: missing"])
    assert isinstance(error, SettingsError)
    assert str(error) == "a.txt:1: bad; b.txt: missing"


def test_the_version_tells_sets_apart():
    one, other = files(vulgar="笨蛋"), files(vulgar="傻瓜")
    assert Words(one).version == Words(dict(reversed(one.items()))).version
    assert Words(one).version != Words(other).version


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WordsError, match=r"cannot read .*nowhere"):
        Words.load(tmp_path / "nowhere")


# -- changed files


def test_a_changed_file_is_taken(tmp_path):
    watched = WordsFile(folder_of(tmp_path / "words", vulgar="笨蛋"))
    assert watched.refresh() is False
    (tmp_path / "words" / "notes.md").write_text("ops notes")
    (tmp_path / "words" / ".vulgar.txt").write_text("an editor's copy")
    assert watched.refresh() is False
    folder_of(tmp_path / "words", vulgar="傻瓜一个")
    before = watched.words
    assert watched.refresh() is True
    assert watched.words is not before
    assert said(watched.words, "傻瓜一个") == ["傻瓜一个"]


def test_a_bad_set_leaves_the_good_one_in_force_until_it_is_mended(tmp_path):
    folder = folder_of(tmp_path / "words", vulgar="笨蛋")
    watched = WordsFile(folder)
    good = watched.words
    (folder / "vulgar.txt").write_text("severity: loud\n")
    assert watched.refresh() is False
    assert watched.words is good
    assert "vulgar.txt:1: severity 'loud'" in str(watched.fault)
    assert watched.refresh() is False
    folder_of(folder, vulgar="severity: warning\n笨蛋")
    assert watched.refresh() is False, "the set is the one in force again"
    assert watched.fault is None
    assert watched.words is good


def test_a_folder_that_vanishes_is_a_bad_set(tmp_path):
    folder = folder_of(tmp_path / "words")
    watched = WordsFile(folder)
    folder.rename(tmp_path / "elsewhere")
    assert watched.refresh() is False
    assert "cannot read" in str(watched.fault)


def test_a_bad_set_at_the_start_is_an_error(tmp_path):
    with pytest.raises(WordsError):
        WordsFile(folder_of(tmp_path / "words", vulgar="severity: loud"))


def test_the_folder_is_a_setting_and_a_refused_set_is_told(monkeypatch, tmp_path):
    assert load(IngestSettings).words_dir == SHIPPED
    monkeypatch.setenv("ROOMWATCH_WORDS_DIR", str(tmp_path))
    assert load(IngestSettings).words_dir == tmp_path
    registry = CollectorRegistry()
    IngestTelemetry(registry).words_refused.set(1)
    assert registry.get_sample_value("roomwatch_ingest_words_refused") == 1


# -- the shipped lists


def labelled() -> list[tuple[str, set[str], str]]:
    lines = [line for line in LABELLED.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    rows = [line.split("\t") for line in lines]
    return [(source, set(groups.split(",")) - {"-"}, text) for source, groups, text in rows]


def test_the_labelled_texts_cover_every_group_and_are_half_innocent():
    rows = labelled()
    counts = Counter(group for _, groups, _ in rows for group in groups)
    innocent = sum(1 for _, groups, _ in rows if not groups)
    assert set(counts) == set(GROUPS)
    assert min(counts.values()) >= 15
    assert len(rows) >= 240
    assert 0.4 < innocent / len(rows) < 0.6


def test_the_shipped_lists_catch_what_they_should(shipped):
    wanted = [row for row in labelled() if row[1]]
    missed = [
        text
        for source, groups, text in wanted
        if not groups <= {hit.group for hit in shipped.match(text, source)}
    ]
    assert len(missed) <= 0.05 * len(wanted), missed


def test_the_shipped_lists_leave_the_innocent_alone(shipped):
    innocent = [row for row in labelled() if not row[1]]
    hits = [(text, said(shipped, text, source)) for source, _, text in innocent]
    wrong = [(text, words) for text, words in hits if words]
    assert len(wrong) <= 0.01 * len(innocent), wrong


@pytest.mark.parametrize(
    "text", ["第一次", "最近", "最后", "第一波", "第一时间", "最早", "最多", "第一步", "最后一天", "第一个"]
)
def test_ordinals_and_time_words_pass(shipped, text):
    assert said(shipped, f"{text}来的宝宝", "transcript") == []
    assert said(shipped, text, "room_title") == []


@pytest.mark.parametrize(
    "text", ["加微信", "加 微 信", "加，微。信", "加加微信信", "加微Ｘin", "➕v", "+V", "加薇", "加葳❤"]
)
def test_evasions_of_a_contact_are_seen(shipped, text):
    assert [hit.group for hit in shipped.match(text, "danmaku")] == ["diversion"]


def test_severities_of_the_shipped_groups(shipped):
    assert {group: shipped.severities[group] for group in PROHIBITED} == {
        "ad_law": "critical",
        "fraud": "critical",
        "vulgar": "warning",
        "diversion": "warning",
    }
    assert {shipped.severities[group] for group in COMPLAINT_GROUPS} == {"info"}


def test_the_simulated_rooms_break_no_rule_and_complain_only_of_the_picture(shipped):
    goods = [item.name for category in CATEGORIES.values() for item in category.goods]
    for item in goods:
        spoken = [(text.format(item), "transcript") for text in SPEECH]
        spoken += [(text.format(item), "room_title") for text in TITLES] + [(item, "item_title")]
        assert [said(shipped, text, source) for text, source in spoken if said(shipped, text, source)] == []
        chat = {hit.group for text in CHAT for hit in shipped.match(text.format(item), "danmaku")}
        assert chat & set(PROHIBITED) == set()
    assert all("picture" in {hit.group for hit in shipped.match(text, "danmaku")} for text in COMPLAINTS)


def test_the_shipped_lists_survive_a_hostile_text(shipped):
    text = "加微信最好第一傻逼" * 55
    assert {hit.group for hit in shipped.match(text[:500], "transcript")} == {"ad_law", "vulgar", "diversion"}


def test_examples_of_banned_words_are_caught_and_the_innocent_words_of_the_statutes_pass(shipped):
    if not AD_LAW.exists():
        pytest.skip("the advertising-law data is not there")
    banned = {
        entry["word"]
        for name in ("words.json", "words_extended.json")
        for entry in json.loads((AD_LAW / name).read_text(encoding="utf-8"))["words"]
    }
    missed = [
        word for word in banned if "ad_law" not in {hit.group for hit in shipped.match(word, "transcript")}
    ]
    assert missed == []
    clauses = [
        clause
        for path in AD_LAW.glob("*.md")
        for clause in re.split(r"[。；\n，、：:（）()]", path.read_text(encoding="utf-8"))
    ]
    found = {
        hit.word for clause in clauses for hit in shipped.match(clause, "transcript") if hit.group == "ad_law"
    }
    forbidden = {"国家级", "最高级", "最佳", "治疗", "治愈", "保证", "承诺", "无风险"}
    assert found <= forbidden, "what is left are the words that the statutes themselves forbid"


def test_viewers_are_not_held_to_advertising_law_and_seldom_to_the_rest(shipped):
    if not CHAT_DATA.exists():
        pytest.skip("the recorded chat is not there")
    counts: Counter[str] = Counter()
    lines = 0
    for path in CHAT_DATA.glob("*/*.txt"):
        for line in path.read_text(encoding="utf-8", errors="ignore").splitlines():
            if not re.match(r"TIME\d+:\d+ONLINE|SPEAKERNUM", line):
                lines += 1
                counts.update(hit.group for hit in shipped.read(line)[1])
    assert lines > 150_000
    assert counts["ad_law"] == 0
    assert counts["fraud"] + counts["diversion"] <= 0.0002 * lines
    assert counts["vulgar"] <= 0.001 * lines
