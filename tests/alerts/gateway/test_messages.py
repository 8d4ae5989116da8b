"""The language of an answer, and what is wrong with a request in it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alerts.gateway.messages import language_of, with_detail
from alerts.invalid import told
from alerts.wording import Wording


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "zh"),
        ("", "zh"),
        ("en", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,zh;q=0.5", "en"),
        ("fr, en;q=0.7, zh;q=0.3", "en"),
        ("en;q=0.2,zh;q=0.9", "zh"),
        ("fr,de", "zh"),
        ("*", "zh"),
        ("en;q=nonsense", "en"),
        (";;,q=;=", "zh"),
    ],
)
def test_the_language_is_the_first_of_those_asked_for_that_we_speak(accepted, language):
    assert language_of(accepted, "zh") == language


def test_a_detail_without_languages_stands_in_both():
    said = Wording("出错了", "it failed")
    assert with_detail(said, "E1") == Wording("出错了：E1", "it failed: E1")
    assert with_detail(said, Wording("甲", "a")).zh == "出错了：甲"
    assert with_detail(said, None) is said


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: Annotated[str, Field(min_length=2, max_length=3)]
    limit: Annotated[int, Field(ge=1, le=9)] = 1
    verdict: Literal["real", "expected", "duplicate"] = "real"
    rooms: Annotated[list[str], Field(min_length=1)] = ["a"]
    label: Annotated[str, Field(pattern="^[a-z]+$")] = "a"


@pytest.mark.parametrize(
    ("given", "chinese"),
    [
        ({}, "缺少此项"),
        ({"comment": "a"}, "至少 2 个字符"),
        ({"comment": "aaaa"}, "最多 3 个字符"),
        ({"comment": 7}, "必须是文本"),
        ({"comment": "aa", "limit": 0}, "不能小于 1"),
        ({"comment": "aa", "limit": 10}, "不能大于 9"),
        ({"comment": "aa", "limit": "x"}, "必须是整数"),
        ({"comment": "aa", "verdict": "maybe"}, "只能是 'real'、'expected'、'duplicate'"),
        ({"comment": "aa", "rooms": []}, "至少 1 项"),
        ({"comment": "aa", "label": "A"}, "必须符合 ^[a-z]+$"),
        ({"comment": "aa", "other": 1}, "没有这个字段"),
    ],
)
def test_what_is_wrong_with_a_request_is_told_in_chinese(given, chinese):
    with pytest.raises(ValidationError) as caught:
        _Request.model_validate(given)
    (fault,) = caught.value.errors()
    assert told(fault).zh == chinese
    assert not re.search(r"[\u4e00-\u9fff]", told(fault).en)
