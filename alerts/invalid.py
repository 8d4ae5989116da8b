"""What is wrong with a field of a request or of a set, in Chinese and English. Pure.

Pydantic says it in English only; its types of faults that requests, rules and routes can have are told in
Chinese here, any other one as Pydantic says it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from alerts.wording import Wording

__all__ = ["allowed", "told"]

_CHINESE: Final[dict[str, str]] = {
    "missing": "缺少此项",
    "extra_forbidden": "没有这个字段",
    "json_invalid": "不是 JSON",
    "string_type": "必须是文本",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "string_pattern_mismatch": "必须符合 {pattern}",
    "int_type": "必须是整数",
    "int_parsing": "必须是整数",
    "int_from_float": "必须是整数",
    "bool_type": "必须是 true 或 false",
    "bool_parsing": "必须是 true 或 false",
    "float_type": "必须是数",
    "float_parsing": "必须是数",
    "finite_number": "必须是有限的数",
    "greater_than": "必须大于 {gt}",
    "less_than": "必须小于 {lt}",
    "greater_than_equal": "不能小于 {ge}",
    "less_than_equal": "不能大于 {le}",
    "literal_error": "只能是 {expected}",
    "list_type": "必须是列表",
    "too_short": "至少 {min_length} 项",
    "too_long": "最多 {max_length} 项",
    "tuple_type": "必须是列表",
    "date_from_datetime_parsing": "必须是日期，如 2026-01-31",
    "date_parsing": "必须是日期，如 2026-01-31",
    "date_type": "必须是日期，如 2026-01-31",
    "dict_type": "必须是对象",
    "model_type": "必须是对象",
    "model_attributes_type": "必须是对象",
}
"""Pydantic's type of a fault -> sentence, with the names of its context."""
_BEGINS: Final = re.compile("^(必须是|只能是|必须) ?")


def told(fault: Mapping[str, Any]) -> Wording:
    """Return the sentence for a fault as Pydantic gives it."""
    english = str(fault["msg"])
    template = _CHINESE.get(fault["type"])
    if template is None:
        return Wording(english, english)
    context = {name: str(value) for name, value in (fault.get("ctx") or {}).items()}
    if "expected" in context:
        context["expected"] = context["expected"].replace(" or ", "、").replace(", ", "、")
    return Wording(template.format_map(context), english)


def allowed(fault: Mapping[str, Any]) -> Wording:
    """Return what is allowed where a fault was found; the sentence without its beginning."""
    sentence = told(fault)
    english = sentence.en.removeprefix("Input should be ").removeprefix("Value error, ")
    return Wording(_BEGINS.sub("", sentence.zh).replace("不能", "不"), english[:1].lower() + english[1:])
