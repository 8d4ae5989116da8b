"""What ``roomwatch shadow`` says beside what a backtest says, in both languages. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["NOTES", "WORDS"]

WORDS: Final[dict[str, dict[str, str]]] = {
    "zh": {
        "so_far": "至 {at}：候选 {candidate} 条，现行 {against} 条；一致 {same}，变动 {moved}，新增 {added}，"
        "消失 {gone}",
    },
    "en": {
        "so_far": "up to {at}: {candidate} alerts with the candidate, {against} with the set in force;"
        " {same} the same, {moved} moved, {added} added, {gone} gone",
    },
}

NOTES: Final[dict[str, dict[str, str]]] = {
    "warm": {
        "zh": "候选规则从比较开始前半小时的窗口读起：更早开播的直播间，检测器只记得这半小时。",
        "en": "the candidate has read the windows from half an hour before the comparison on: of rooms that"
        " were on air before, detectors remember only that",
    },
    "silent": {
        "zh": "分区 {partitions} 没有引擎的心跳：不知道现行规则在那里告警了什么，比较停在原处。",
        "en": "no heartbeat of the engine in partition {partitions}: what the set in force tells there is not"
        " known, and the comparison stands still",
    },
}
