"""What a backtest says on the screen, in both languages. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["WORDS"]

WORDS: Final[dict[str, dict[str, str]]] = {
    "zh": {
        "range": "{begin} 至 {end}：{rooms} 个直播间，{sessions} 场，{hours} 小时",
        "counts": "候选规则 {candidate} 条告警，对照 {against} 条："
        "一致 {same}，变动 {moved}，新增 {added}，消失 {gone}",
        "verdicts": "有结论的告警：确认 {real_kept} 条保留、{real_lost} 条丢失；误报 {false_spared} 条避免、"
        "{false_kept} 条仍在；{unjudged} 条无结论",
        "rule": "规则",
        "same": "一致",
        "moved": "变动",
        "added": "新增",
        "gone": "消失",
        "open": "告警时长",
        "when": "时间",
        "change": "变化",
        "alert": "告警",
        "lasted": "持续",
        "was": "原为",
        "more": "另有 {count} 条，用 --json 查看",
        "none": "没有差别",
        "value": "取值",
        "alerts": "告警数",
        "lost": "丢失确认",
        "spared": "避免误报",
        "refused": "不成立：{why}",
        "still": "未结束",
        "playing": "回放",
        "note": "说明",
    },
    "en": {
        "range": "{begin} to {end}: {rooms} rooms, {sessions} sessions, {hours} hours",
        "counts": "{candidate} alerts with the candidate, {against} against: {same} the same, {moved} moved,"
        " {added} added, {gone} gone",
        "verdicts": "judged alerts: of the confirmed {real_kept} kept and {real_lost} lost, of the false"
        " {false_spared} spared and {false_kept} kept; {unjudged} without a verdict",
        "rule": "rule",
        "same": "same",
        "moved": "moved",
        "added": "added",
        "gone": "gone",
        "open": "open for",
        "when": "when",
        "change": "change",
        "alert": "alert",
        "lasted": "lasted",
        "was": "was",
        "more": "{count} more, see --json",
        "none": "no difference",
        "value": "value",
        "alerts": "alerts",
        "lost": "confirmed lost",
        "spared": "false spared",
        "refused": "refused: {why}",
        "still": "still open",
        "playing": "playing",
        "note": "note",
    },
}
