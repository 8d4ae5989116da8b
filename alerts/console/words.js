// Every word that the console shows, in Chinese and English.

const WORDS = {
  zh: {
    lang: "zh-CN", other: "English", title: "直播告警台", skip: "跳到告警列表", theme: "切换深浅色",
    critical: "严重", warning: "警告", info: "提示",
    open: "未恢复告警", resolved_lately: "最近恢复", more: "还有 {n} 条未显示",
    live: "实时", connecting: "连接中…", catching: "补齐中…", lost: "连接断开，{s} 秒后重连", refused: "未登录",
    empty_says: "目前没有未恢复的告警",
    empty_means: "连接正常，所有监控规则均未触发。有新告警会立即出现在这里。",
    empty_lost_says: "暂时看不到告警",
    empty_lost_means: "与告警服务的连接已断开。此处为空不代表直播间没有问题。",
    empty_degraded_means: "监控后台有环节无响应。此处为空不代表直播间没有问题。",
    empty_loading_says: "正在加载…", empty_loading_means: "正在读取当前告警。",
    degraded: "监控后台无响应：{stages}。在恢复之前，可能收不到新的告警。",
    stage_incidents: "告警处理", stage_rules: "规则判定", stage_store: "存储", stage_broker: "消息队列",
    heard: "最近一次收到消息：{ago}前", heard_never: "尚未收到消息",
    firing: "告警中", acknowledged: "已认领", escalated: "已升级", suppressed: "已抑制", resolved: "已恢复",
    value: "当前", threshold: "阈值", expected: "平时", samples: "样本", owner: "负责人",
    since: "已持续 {ago}", lasted: "持续 {ago}", ended: "{ago}前恢复", advice: "处理建议", runbook: "处理手册",
    no_room: "平台", ack: "认领", resolve: "关闭", ack_title: "认领告警", resolve_title: "关闭告警",
    comment: "备注", ack_for: "认领时长", verdict: "结论", cancel: "取消", m15: "15 分钟", h1: "1 小时", h4: "4 小时",
    verdict_none: "暂不判断", verdict_real: "真实问题", verdict_false_alarm: "误报", verdict_expected: "预期之内",
    verdict_duplicate: "重复告警",
    done_ack: "已认领", done_resolve: "已关闭", pending: "已提交，正在等待确认", failed: "操作失败：{why}",
    not_connected: "未连接，请稍后再试", new_alert: "新告警：{text}",
    login: "需要访问令牌", login_about: "请输入值班负责人发给你的访问令牌。令牌只保存在本标签页。",
    token: "访问令牌", enter: "进入", load_failed: "读取告警失败，正在重试",
    s: "{n} 秒", m: "{n} 分钟", h: "{h} 小时 {n} 分", d: "{n} 天",
    only_room: "只显示直播间 {room} 的告警。", show_all: "显示全部",
    named_alert: "链接中的告警", named_silence: "链接中的静默", named_close: "收起", named_failed: "暂时读取不到，正在重试",
    missing_alert: "找不到这条告警（{id}）：编号有误，已超过 35 天保留期，或当前令牌无权查看。",
    missing_silence: "找不到这条静默（{id}）：编号有误，已超过 35 天保留期，或当前令牌无权查看。",
    began: "开始", over: "结束", reason: "原因", action: "动作", number: "编号", by: "创建人", hidden: "已屏蔽告警",
    timeline: "时间线", deliveries: "通知记录", nothing: "无",
    silence_pending: "未开始", silence_active: "生效中", silence_ended: "已结束",
    reasons: {
      recovered: "指标恢复", room_ended: "直播结束", rule_removed: "规则已删除", flapping: "反复触发", manual: "人工关闭",
      severity_rose: "级别上升", severity_fell: "级别下降", ack_expired: "认领到期", ack_ending: "认领即将到期",
      assigned: "已转派", not_acknowledged: "无人认领", test_ended: "测试结束", silenced: "静默", inhibited: "被抑制",
      grouped: "已归并", muted: "免打扰时段", silence_ended: "静默结束", inhibition_ended: "抑制结束",
      ungrouped: "不再归并", mute_ended: "免打扰结束", expired: "到期", unmatched: "长时间没有匹配", by_hand: "手动结束",
    },
    occasions: {
      firing: "告警", severity: "级别上升", escalated: "升级", again: "仍在持续", resolved: "恢复", assigned: "已转派",
      ack_ending: "认领即将到期", ack_expired: "认领到期", silence_started: "静默开始", silence_ended: "静默结束",
    },
    statuses: {
      sent: "已发送", digested: "已合并发送", dry_run: "演练", failed: "失败", superseded: "被后续变化取代",
      unrouted: "无接收方",
    },
    kinds: {
      stutter: "卡顿", av_desync: "音画不同步", feed_lost: "断流", fps_low: "帧率过低", bitrate_low: "码率过低",
      viewer_complaints: "观众抱怨", traffic_spike: "流量突增", traffic_drop: "流量骤降", conversion_drop: "商品点击-成交率下降",
      payment_failure: "支付失败", vendor_slow: "供应商接口变慢", retention_drop: "直播间留存下降", refund_surge: "退款激增",
      price_error: "价格异常", sold_out: "讲解商品售罄", suspect_interaction: "可疑互动", prohibited_words: "违禁词",
      capacity_risk: "容量风险", monitor_degraded: "监控降级",
    },
  },
  en: {
    lang: "en", other: "中文", title: "live alerts", skip: "Skip to the alerts", theme: "Switch dark and light",
    critical: "Critical", warning: "Warning", info: "Info",
    open: "Open alerts", resolved_lately: "Resolved lately", more: "{n} more are not shown",
    live: "Live", connecting: "Connecting…", catching: "Catching up…", lost: "Connection lost, again in {s} s",
    refused: "Not signed in",
    empty_says: "No open alerts",
    empty_means: "The connection works and no rule is breached. A new alert appears here at once.",
    empty_lost_says: "Alerts cannot be seen right now",
    empty_lost_means: "The connection to the gateway is lost. An empty list does not mean that the rooms are fine.",
    empty_degraded_means: "A stage of the monitoring is silent. An empty list does not mean that the rooms are fine.",
    empty_loading_says: "Loading…", empty_loading_means: "Reading the current alerts.",
    degraded: "The monitoring does not answer: {stages}. Until it does, new alerts may not arrive.",
    stage_incidents: "incidents", stage_rules: "rules", stage_store: "store", stage_broker: "broker",
    heard: "Last heard from the gateway: {ago} ago", heard_never: "Nothing heard yet",
    firing: "Firing", acknowledged: "Acknowledged", escalated: "Escalated", suppressed: "Suppressed",
    resolved: "Resolved",
    value: "Now", threshold: "Bound", expected: "Normal", samples: "Samples", owner: "Owner",
    since: "for {ago}", lasted: "lasted {ago}", ended: "{ago} ago", advice: "What to do", runbook: "Runbook",
    no_room: "Platform", ack: "Acknowledge", resolve: "Resolve", ack_title: "Acknowledge the alert",
    resolve_title: "Resolve the alert",
    comment: "Comment", ack_for: "For how long", verdict: "Verdict", cancel: "Cancel",
    m15: "15 minutes", h1: "1 hour", h4: "4 hours",
    verdict_none: "Not judged yet", verdict_real: "Real", verdict_false_alarm: "False alarm",
    verdict_expected: "Expected", verdict_duplicate: "Duplicate",
    done_ack: "Acknowledged", done_resolve: "Resolved", pending: "Sent, waiting for confirmation",
    failed: "This did not work: {why}", not_connected: "not connected, try again shortly",
    new_alert: "New alert: {text}",
    login: "A token is needed", login_about: "Enter the access token that you were given. It stays in this tab only.",
    token: "Token", enter: "Enter", load_failed: "The alerts could not be read, trying again",
    s: "{n} s", m: "{n} min", h: "{h} h {n} min", d: "{n} d",
    only_room: "Only alerts of room {room} are shown.", show_all: "Show all",
    named_alert: "The alert of this link", named_silence: "The silence of this link", named_close: "Close",
    named_failed: "It cannot be read right now, trying again",
    missing_alert: "There is no such alert ({id}): the number is wrong, it is older than 35 days, or this token may not see it.",
    missing_silence: "There is no such silence ({id}): the number is wrong, it is older than 35 days, or this token may not see it.",
    began: "Began", over: "Ends", reason: "Reason", action: "Action", number: "Number", by: "By", hidden: "Alerts hidden",
    timeline: "Timeline", deliveries: "Who was told", nothing: "Nothing",
    silence_pending: "Pending", silence_active: "Active", silence_ended: "Ended",
    reasons: {
      recovered: "recovered", room_ended: "the room ended", rule_removed: "rule removed", flapping: "flapping",
      manual: "by hand", severity_rose: "severity rose", severity_fell: "severity fell",
      ack_expired: "acknowledgement ended", ack_ending: "acknowledgement ends soon", assigned: "assigned",
      not_acknowledged: "not acknowledged", test_ended: "test ended", silenced: "silenced", inhibited: "inhibited",
      grouped: "grouped", muted: "mute time", silence_ended: "silence ended", inhibition_ended: "inhibition ended",
      ungrouped: "no longer grouped", mute_ended: "mute time ended", expired: "its time was over",
      unmatched: "hid nothing for long", by_hand: "by hand",
    },
    occasions: {
      firing: "alert", severity: "severity rose", escalated: "escalated", again: "goes on", resolved: "resolved",
      assigned: "assigned", ack_ending: "acknowledgement ends soon", ack_expired: "acknowledgement ended",
      silence_started: "silence began", silence_ended: "silence ended",
    },
    statuses: {
      sent: "sent", digested: "digested", dry_run: "dry run", failed: "failed", superseded: "superseded",
      unrouted: "nobody to tell",
    },
    kinds: {
      stutter: "Stutter", av_desync: "A/V desync", feed_lost: "Feed lost", fps_low: "Low frame rate",
      bitrate_low: "Low bit rate", viewer_complaints: "Viewer complaints", traffic_spike: "Traffic spike",
      traffic_drop: "Traffic drop", conversion_drop: "Conversion drop", payment_failure: "Payment failure",
      vendor_slow: "Vendor slow", retention_drop: "Retention drop", refund_surge: "Refund surge",
      price_error: "Price error", sold_out: "Sold out", suspect_interaction: "Suspect interaction",
      prohibited_words: "Prohibited words", capacity_risk: "Capacity risk",
      monitor_degraded: "Monitoring degraded",
    },
  },
};

// How the figures of a kind are written: a share as percent, a time in ms or s, anything else as a number.
const SHARES = new Set(["stutter", "conversion_drop", "payment_failure", "retention_drop", "capacity_risk",
  "suspect_interaction", "refund_surge"]);
const TIMES = new Set(["av_desync", "feed_lost", "monitor_degraded"]);

let locale = "zh";

/** Choose the language of everything that follows. */
export function choose(name) {
  locale = name === "en" ? "en" : "zh";
}

export function current() {
  return locale;
}

/** Return a word or sentence, its {fields} filled in. */
export function word(key, fields = {}) {
  const text = WORDS[locale][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(fields[name] ?? ""));
}

export function kindWord(kind) {
  return wordOf("kinds", kind);
}

/** Return the word for a value of a closed list; one that is not known stands for itself. */
export function wordOf(list, value) {
  return WORDS[locale][list][value] ?? value;
}

/** Return a sentence of an alert in the language chosen. */
export function sentence(texts) {
  return texts?.[locale] || texts?.zh || texts?.en || "";
}

/** Return a length of time, as coarse as people need it. */
export function ago(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return word("s", { n: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return word("m", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return word("h", { h: hours, n: minutes % 60 });
  return word("d", { n: Math.floor(hours / 24) });
}

/** Return a figure of an alert in the unit of its kind. */
export function figure(kind, value) {
  if (value === null || value === undefined) return "–";
  if (SHARES.has(kind)) return `${trim(value * 100)}%`;
  if (TIMES.has(kind)) return Math.abs(value) < 1 ? `${trim(value * 1000, 0)} ms` : `${trim(value)} s`;
  return trim(value);
}

function trim(value, digits = Math.abs(value) < 10 ? 2 : 1) {
  return Number(value.toFixed(digits)).toLocaleString(locale === "zh" ? "zh-CN" : "en-GB");
}
