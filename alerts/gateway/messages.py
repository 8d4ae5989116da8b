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
    "invalid",
    "not_found",
    "not_supported",
    "too_large",
    "too_many",
    "unavailable",
]

_MESSAGES: Final[dict[Code, dict[Locale, str]]] = {
    "bad_frame": {"zh": "无法识别的消息", "en": "this frame is not understood"},
    "busy": {"zh": "操作过多，请稍后再试", "en": "too many changes are under way, try again later"},
    "conflict": {"zh": "已经结束，或已被他人修改", "en": "it has ended already, or somebody else changed it"},
    "forbidden": {"zh": "当前令牌的角色无权执行此操作", "en": "the role of this token does not allow it"},
    "invalid": {"zh": "内容有误", "en": "this is not as it must be"},
    "not_found": {
        "zh": "不存在，或不在此令牌的可见范围内",
        "en": "it does not exist, or this token does not see it",
    },
    "not_supported": {"zh": "暂不支持此操作", "en": "this is not supported yet"},
    "too_large": {"zh": "消息过大", "en": "this frame is too large"},
    "too_many": {"zh": "请求过于频繁，请稍后再试", "en": "too many frames, try again later"},
    "unavailable": {"zh": "暂时无法处理，请稍后再试", "en": "this cannot be done right now, try again later"},
}


def message(code: Code, locale: Locale) -> str:
    """Return the sentence for a code."""
    return _MESSAGES[code][locale]
