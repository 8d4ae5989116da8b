"""What can be wrong with a set of rules or routes, and what is allowed instead, in Chinese and English. Pure.

The one place of these sentences: who finds a fault names its sentence and gives what stands in it. Names of
the format (`warning`, `live_viewers`) and what people wrote stay as they are in both languages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from alerts.wording import Wording

__all__ = ["NOTHING", "names", "said"]

NOTHING: Final = Wording("", "")

_SAID: Final[dict[str, tuple[str, str]]] = {
    # texts
    "faulty_rules": ("规则有 {count} 处错误：{told}", "the rule set has {faults}: {told}"),
    "faulty_routes": ("路由有 {count} 处错误：{told}", "the routes have {faults}: {told}"),
    "and_more": ("；另有 {count} 处", "; and {count} more"),
    "size": ("共 {size} 字节", "has {size} bytes"),
    "not_yaml": ("不是 YAML：{why}", "is not YAML: {why}"),
    "alias": ("不允许别名（*name）", "aliases (*name) are not allowed"),
    "too_deep": ("嵌套超过 {most} 层", "nested deeper than {most}"),
    "twice_in_object": ("在同一对象中出现两次", "stands twice in the same object"),
    "twice": ("重复出现", "stands twice"),
    "has_not_finite": ("含有非有限的数", "has a number that is not finite"),
    "not_finite": ("不是有限的数", "is not a finite number"),
    "finite": ("有限的数", "finite numbers"),
    "key_no_text": ("有的键不是文本", "has a key that is no text"),
    "format_names": ("格式规定的名称", "names of the format"),
    "scalars": ("文本、数字、true、false", "text, numbers, true, false"),
    "unreadable": ("无法读取：{error}", "cannot be read: {error}"),
    "values": ("文本、数字、true、false、列表、映射", "text, numbers, true, false, lists, mappings"),
    # forms
    "is": ("是 {value}", "is {value}"),
    "missing": ("缺失", "is missing"),
    "unknown_key": ("不是已知的键", "is not a known key"),
    "no_mapping": ("不是映射", "is not a mapping"),
    "no_list": ("不是列表", "is not a list"),
    "list_up_to": ("最多 {most} 项的列表", "a list of up to {most} entries"),
    "empty_list": ("缺失或为空", "is missing or empty"),
    "to_rules": ("1 到 {most} 条规则", "1 to {most} rules"),
    "entries": ("有 {count} 项", "has {count} entries"),
    "at_most": ("最多 {most}", "at most {most}"),
    "no_conditions": ("缺失、为空或不是列表", "is missing, empty or no list"),
    "to_conditions": ("1 到 {most} 个条件", "1 to {most} conditions"),
    # names
    "name_of": ("{name!r} 也是 {other} 的名称", "{name!r} is the name of {other} too"),
    "name_twice": ("{name!r} 也是另一项的名称", "{name!r} is the name of another entry too"),
    "new_name": ("一个新名称", "a new one"),
    "names_nothing": ("没有指定任何内容", "names nothing"),
    "no_rule": ("没有规则 {name!r}", "no rule {name!r}"),
    "no_such": ("没有 {name!r}", "no {name!r}"),
    "no_person": ("没有人员 {name!r}", "no person {name!r}"),
    "no_receiver": ("没有其他接收方 {name!r}", "no other receiver {name!r}"),
    "none_defined": ("尚未定义", "none is defined"),
    "no_placeholder": ("含有 {{{name}}}", "has {{{name}}}"),
    # rules
    "two_scopes": ("同时监视 {scopes}", "watches {scopes} at once"),
    "one_scope": ("只含其中一类的条件", "conditions of one of them"),
    "same_figure": ("与另一条件看的是同一指标", "looks at the same figure as another condition"),
    "one_condition": ("每个指标一个条件", "one condition per figure"),
    "nothing_to_count": (
        "没有可计数的样本：条件都不带样本数",
        "there is nothing to count: no condition has a number of samples",
    ),
    "addresses": ("以 / 或 http(s):// 开头的地址", "an address that begins with / or http(s)://"),
    "not_settable": ("不是可设置的键", "is not a key that can be set"),
    "rule_has_no": ("规则中没有 {name!r}", "the rule has no {name!r}"),
    "has_no": ("{head} 没有 {name!r}", "{head} has no {name!r}"),
    "makes_wrong": ("会使 {path} 有误：{problem}", "makes {path} wrong: {problem}"),
    "together": (
        "与 overrides[{first}] 一起会使 {path} 有误：{problem}",
        "together with overrides[{first}] makes {path} wrong: {problem}",
    ),
    # metrics and bounds
    "no_metric": ("没有可监视的指标 {name!r}", "no metric {name!r} that rules can watch"),
    "metrics": ("目录中的 {count} 个指标", "the {count} metrics of the catalogue"),
    "no_windows": ("{metric} 没有窗口", "{metric} has no windows"),
    "no_window": ("不写 window", "no window"),
    "no_label": ("{metric} 没有标签 {name!r}", "{metric} has no label {name!r}"),
    "no_where": ("不写 where", "no where"),
    "open_label": ("取值不固定的标签不能监视", "open labels cannot be watched"),
    "must_name": ("必须指定 {name}", "must name the {name}"),
    "lower_bound": (
        "只用于带样本数、以 `>` 比较的比率",
        "is for ratios with a number of samples and `>`",
    ),
    "no_lower_bound": ("此处不写 lower_bound", "no lower_bound here"),
    "no_meaning_for": ("对 {metric} 没有意义", "has no meaning for {metric}"),
    "no_bound": ("没有阈值", "has no bound"),
    "some_bound": ("info、warning、critical 至少一个", "at least one of info, warning, critical"),
    "not_with_compare": ("与 compare {compare!r} 不符", "does not go with compare {compare!r}"),
    "low_and_high": ("[下限, 上限]", "[low, high]"),
    "one_number": ("一个数", "one number"),
    "low_first": ("先下限，后上限", "the low end first, then the high one"),
    "not_beyond": ("{bound} 没有超出 {name} 的 {other}", "{bound} is not beyond {name} {other}"),
    "beyond": ("{bound} 超出了 {name} 的 {other}", "{bound} is beyond {name} {other}"),
    "good_side": ("正常的一侧", "the good side of it"),
    "no_total": ("此处不写 total", "no total here"),
    "higher": ("更大的数", "a higher number"),
    "lower": ("更小的数", "a lower number"),
    "wider": ("更宽的范围", "a wider band"),
    # detectors
    "no_detector": ("没有检测器 {name!r}", "no detector {name!r}"),
    "no_parameter": ("不是它的参数", "is not a parameter"),
    "below": ("{bound} 低于 {name}", "{bound} is below {name}"),
    "or_more": ("不低于 {name}", "{name} or more"),
    "own_figures": ("{detector} 自己选择指标", "{detector} chooses its figures itself"),
    "no_own_metric": ("不写 metric", "no metric"),
    "no_meaning": ("在此没有意义", "has no meaning here"),
    # routes
    "circle": ("绕成一圈：{way}", "goes round: {way}"),
    "no_circle": ("有尽头的备用接收方", "fallbacks that end somewhere"),
    "action_fallback": (
        "动作没有备用接收方，也不能作备用接收方",
        "an action neither has nor is a fallback",
    ),
    "none": ("不写", "none"),
    "hours_in_match": ("写在 match 中", "stands in match"),
    "own_times": ("静默时段自身的 times", "times of the mute time itself"),
}


def said(name: str, /, **values: object) -> Wording:
    """Return a sentence with what stands in it; a wording among the values is told in each language."""
    zh, en = _SAID[name]
    return Wording(zh.format_map(_in("zh", values)), en.format_map(_in("en", values)))


def names(found: Iterable[object], otherwise: str = "") -> Wording:
    """Return names with commas between them, or a sentence where there is none."""
    listed = ", ".join(map(str, found))
    if not listed:
        return said(otherwise) if otherwise else NOTHING
    return Wording(listed, listed)


def _in(language: str, values: dict[str, object]) -> dict[str, object]:
    return {
        name: getattr(value, language) if isinstance(value, Wording) else value
        for name, value in values.items()
    }
