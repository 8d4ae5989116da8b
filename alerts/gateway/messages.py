"""What the gateway tells people, in their language; codes are for programs and the same in every locale."""

from __future__ import annotations

from typing import Final, Literal

from alerts.wording import Wording

__all__ = ["Code", "Locale", "at_most", "language_of", "message", "needs", "no_cursor", "with_detail"]

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

_SPOKEN: Final[dict[str, Locale]] = {"zh": "zh", "en": "en"}
_MESSAGES: Final[dict[Code, Wording]] = {
    "bad_frame": Wording("无法识别的消息", "this frame is not understood"),
    "busy": Wording("操作过多，请稍后再试", "too many changes are under way, try again later"),
    "conflict": Wording("已经结束，或已被他人修改", "it has ended already, or somebody else changed it"),
    "forbidden": Wording("当前令牌的角色无权执行此操作", "the role of this token does not allow it"),
    "invalid": Wording("内容有误", "this is not as it must be"),
    "not_found": Wording(
        "不存在，或不在此令牌的可见范围内", "it does not exist, or this token does not see it"
    ),
    "not_supported": Wording("暂不支持此操作", "this is not supported yet"),
    "too_large": Wording("消息过大", "this frame is too large"),
    "too_many": Wording("请求过于频繁，请稍后再试", "too many frames, try again later"),
    "unavailable": Wording("暂时无法处理，请稍后再试", "this cannot be done right now, try again later"),
}


def message(code: Code) -> Wording:
    """Return the sentence for a code."""
    return _MESSAGES[code]


def with_detail(said: Wording, detail: Wording | str | None) -> Wording:
    """Return a sentence with what is known beyond it; a text without languages is for those who maintain."""
    if not detail:
        return said
    more = detail if isinstance(detail, Wording) else Wording(detail, detail)
    return Wording(f"{said.zh}：{more.zh}", f"{said.en}: {more.en}")


def needs(role: str) -> Wording:
    """Return that a role is needed."""
    return Wording(f"需要 {role} 角色", f"the role {role} is needed")


def at_most(size: int) -> Wording:
    """Return how many bytes a body may have."""
    return Wording(f"最多 {size} 字节", f"at most {size} bytes")


def no_cursor(cursor: str) -> Wording:
    """Return that a list has no such cursor."""
    return Wording(f"{cursor!r} 不是此列表的游标", f"{cursor!r} is no cursor of this list")


def language_of(accepted: str | None, default: Locale) -> Locale:
    """Return the language that ``Accept-Language`` puts first of those that we speak, else the default."""
    wanted: list[tuple[float, Locale]] = []
    for part in (accepted or "").split(","):
        tag, _, weight = part.partition(";")
        if (language := _SPOKEN.get(tag.strip()[:2].lower())) is not None:
            wanted.append((_weight(weight), language))
    return max(wanted, key=lambda one: one[0], default=(0.0, default))[1]


def _weight(written: str) -> float:
    try:
        return float(written.strip().removeprefix("q="))
    except ValueError:
        return 1.0
