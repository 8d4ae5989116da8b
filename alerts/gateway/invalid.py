"""What is wrong with a field of a request, in Chinese and English. Pure.

Pydantic says it in English only; its types of faults that requests of ours can have are told in Chinese here,
any other one as Pydantic says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from alerts.wording import Wording

__all__ = ["told"]

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
    "greater_than_equal": "不能小于 {ge}",
    "less_than_equal": "不能大于 {le}",
    "literal_error": "只能是 {expected}",
    "list_type": "必须是列表",
    "too_short": "至少 {min_length} 项",
    "too_long": "最多 {max_length} 项",
    "dict_type": "必须是对象",
    "model_attributes_type": "必须是对象",
}
"""Pydantic's type of a fault -> sentence, with the names of its context."""


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
