"""What the gateway tells people, in their language; codes are for programs and the same in every locale."""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["Code", "Locale", "message"]

Locale = Literal["zh", "en"]
Code = Literal[
    "bad_frame",
    "busy",
    "conflict",
    "forbidden",
    "not_found",
    "not_supported",
    "unavailable",
]

_MESSAGES: Final[dict[Code, dict[Locale, str]]] = {
    "bad_frame": {"zh": "无法识别的消息", "en": "this frame is not understood"},
    "busy": {"zh": "操作过多，请稍后再试", "en": "too many changes are under way, try again later"},
    "conflict": {"zh": "该告警已恢复", "en": "the alert is already resolved"},
    "forbidden": {"zh": "当前令牌的角色无权执行此操作", "en": "the role of this token does not allow it"},
    "not_found": {"zh": "没有这条告警", "en": "there is no such alert"},
    "not_supported": {"zh": "暂不支持此操作", "en": "this is not supported yet"},
    "unavailable": {"zh": "暂时无法处理，请稍后再试", "en": "this cannot be done right now, try again later"},
}


def message(code: Code, locale: Locale) -> str:
    """Return the sentence for a code."""
    return _MESSAGES[code][locale]
