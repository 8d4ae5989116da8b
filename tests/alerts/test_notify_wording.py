"""Templates in both languages, changed by file, previewed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as some

from alerts.model import KINDS
from alerts.notify import command
from alerts.notify.model import Item
from alerts.notify.templates import SHIPPED, read_templates
from alerts.notify.wording import TEMPLATES, fill, weight
from alerts.wording import KIND_NAMES
from stream.errors import SettingsError
from tests.alerts.notified import NOW_MS, PUBLIC_URL, WORDS, alert


def _item(number: int = 1, occasion: str = "firing", **fields: object) -> Item:
    return Item(f"i{number}", "chat", alert(number, **fields), occasion, NOW_MS)  # type: ignore[arg-type]


@pytest.mark.parametrize("locale", ["zh", "en"])
@pytest.mark.parametrize("occasion", ["firing", "severity", "escalated", "again", "resolved"])
def test_every_message_links_to_the_alert_and_its_runbook_and_has_its_id(locale, occasion):
    title, body = WORDS.one(_item(occasion=occasion), "m" * 20, locale=locale, bytes_max=20_000)
    assert f"{PUBLIC_URL}/?alert={alert(1)['id']}" in body
    assert f"{PUBLIC_URL}/runbooks/stutter" in body
    assert alert(1)["summary"][locale] in body
    assert "m" * 20 in body
    assert KIND_NAMES["stutter"].of(locale) in title


def test_what_an_alert_does_not_have_leaves_no_empty_line():
    _, body = WORDS.one(_item(), "m", locale="zh", bytes_max=20_000)
    assert "供应商" not in body
    assert "事件" not in body
    vendor = _item(room_id=None, labels={"vendor": "pay"}, incident_id="inc1")
    _, body = WORDS.one(vendor, "m", locale="zh", bytes_max=20_000)
    assert "供应商 pay" in body
    assert "事件 inc1" in body


def test_times_are_told_on_the_clocks_of_the_deployment():
    _, body = WORDS.one(_item(), "m", locale="en", bytes_max=20_000)
    assert "Since 2025-10-09 16:53:21" in body


def test_a_title_can_bring_no_link_no_tag_and_no_line_of_its_own():
    labels = {"title": "[点我](http://evil)\n<at id=all></at>"}
    title, body = WORDS.one(_item(labels=labels), "m", locale="zh", bytes_max=20_000)
    assert "](http://evil" not in title + body
    assert "<at" not in title + body
    assert "\n" not in title


def test_a_test_alert_is_marked():
    title, _ = WORDS.one(_item(labels={"test": "true"}), "m", locale="zh", bytes_max=20_000)
    assert title.startswith("【测试】")


@given(
    title=some.text(max_size=300), summary=some.text(max_size=3_000), bytes_max=some.integers(1_500, 4_000)
)
def test_one_alert_fits_whatever_people_typed(title, summary, bytes_max):
    item = _item(labels={"title": title}, summary={"zh": summary, "en": summary})
    head, body = WORDS.one(item, "m" * 20, locale="zh", bytes_max=bytes_max)
    assert weight(head) * 2 + weight(body) <= bytes_max
    assert f"/?alert={alert(1)['id']}" in body


@given(count=some.integers(1, 200), bytes_max=some.integers(1_000, 20_000))
def test_a_digest_fits_and_says_how_many_and_which(count, bytes_max):
    items = [_item(number) for number in range(count)]
    fit = WORDS.fitting(items, locale="zh", bytes_max=bytes_max)
    title, body = WORDS.many(items[:fit], "m" * 20, total=count, locale="zh")
    assert 1 <= fit <= count
    if fit > 1:
        assert weight(title) + weight(body.replace("\n", "  \n")) <= bytes_max
    assert title == f"{fit} 条告警（共 {count} 条待发）"
    assert all(item.alert["id"] in body for item in items[:fit])
    assert (f"还有 {count - fit} 条" in body) == (fit < count)


def test_a_line_with_only_empty_placeholders_goes_and_others_stay():
    words = {"a": "", "b": "x"}
    assert fill("{a}{b}\n{a}\n\nplain", words) == "x\n\nplain"


def test_a_folder_replaces_templates_by_name(tmp_path):
    (tmp_path / "alert.zh.md").write_text("换了 {title}\n{summary}")
    words = replace(WORDS, templates=read_templates(tmp_path))
    assert words.one(_item(), "m", locale="zh", bytes_max=20_000)[0] == "换了 直播间 1"
    assert words.one(_item(), "m", locale="en", bytes_max=20_000)[0].startswith("[warning] stutter")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("alert.zh.md", "{nonsense}", r"alert.zh.md: \{nonsense\} is no placeholder; allowed: advice"),
        ("alert.zh.md", "{title.__class__}", "is no placeholder"),
        ("alert.zh.md", "{title!r}", "is no placeholder"),
        ("digest.en.md", "{title}", "is no placeholder; allowed: count"),
        ("digest.en.md", "{", "digest.en.md: "),
        ("other.zh.md", "x", "other.zh.md is no template; there are alert.en.md"),
    ],
)
def test_a_template_that_is_wrong_is_refused_with_what_is_allowed(tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=told):
        read_templates(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="is no folder"):
        read_templates(tmp_path / "none")


def test_there_is_a_file_for_each_template():
    assert {file.name for file in SHIPPED.glob("*.md")} == {
        f"{name}.{locale}.md" for name in TEMPLATES for locale in ("zh", "en")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_preview_shows_an_alert_and_its_end(kind):
    shown = CliRunner().invoke(command, ["preview", "--kind", kind, "--locale", "en"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.count(f"/runbooks/{kind}") == 2
    assert f"[resolved] {KIND_NAMES[kind].en}" in shown.output


def test_the_preview_shows_a_digest_in_a_small_channel():
    shown = CliRunner().invoke(
        command, ["preview", "--digest", "500", "--bytes-max", "2048", "--locale", "zh"]
    )
    assert shown.exit_code == 0, shown.output
    assert "共 500 条待发" in shown.output
