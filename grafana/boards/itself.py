"""The dashboard "Roomwatch itself": can the figures be believed, and what is the next thing to run short."""

from __future__ import annotations

from typing import Final

from grafana.boards.texts import NO_SCRAPE
from grafana.colours import SOME_IS_BAD, bounds
from grafana.spec import BoardSpec, PanelSpec, Query, Shelf, Step, Words

__all__ = ["ITSELF"]

_FEED: Final = Words("{{feed}}", "{{feed}}")
_PARTITION: Final = Words("{{partition}}", "{{partition}}")
_JOB: Final = Words("{{job}}", "{{job}}")
_STAGE: Final = Words("{{stage}}", "{{stage}}")
_AGE: Final = bounds("reach_age", "warning_s", "critical_s")
_DEAD: Final = bounds("dead_letters", "warning_ratio")
_DEAD_SHARE: Final = (
    "sum(rate(roomwatch_ingest_dead_letters_total[5m])) / "
    "(sum(rate(roomwatch_ingest_dead_letters_total[5m])) + sum(rate(roomwatch_ingest_events_total[5m])) > 0)"
)
_FULL: Final = (Step(None, "green"), Step(0.8, "orange"), Step(0.95, "red"))
"""The bounds of RoomwatchStoreFull: the rest is for the peak of a big show."""
_STOOD_STILL: Final = (Step(None, "red"), Step(1, "green"))


def _p99(metric: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile(0.99, sum by ({labels}) (rate({metric}_bucket[5m])))"


_STATS: Final = (
    PanelSpec(
        kind="stat",
        title=Words("数据新鲜", "Figures fresh"),
        description=Words(
            "1: 每个分区都在 15 秒内写过; 0: 有分区停了, 屏上的数据是旧的。看采集日志。",
            "1: every partition was written within 15 s; 0: one stands still and figures are old. See "
            "ingest's log.",
        ),
        no_data=NO_SCRAPE,
        unit="bool_yes_no",
        queries=[Query("min(roomwatch_up)", Words("新鲜", "fresh"))],
        steps=_STOOD_STILL,
    ),
    PanelSpec(
        kind="stat",
        title=Words("不应答的角色", "Roles that do not answer"),
        description=Words(
            "Prometheus 抓不到的进程数。看下方的抓取用时与该进程日志。",
            "Processes that Prometheus cannot scrape. See their logs.",
        ),
        no_data=NO_SCRAPE,
        unit="locale",
        queries=[
            Query('count(up{job=~"roomwatch-.+"}) - sum(up{job=~"roomwatch-.+"})', Words("角色", "roles"))
        ],
        steps=SOME_IS_BAD,
        decimals=0,
    ),
    PanelSpec(
        kind="stat",
        title=Words("读取延迟", "Behind now"),
        description=Words(
            "最慢的分区落后现在多久。橙色起告警会晚; 所有流都落后时加采集进程。",
            "How far the slowest partition is behind. From orange on alerts are late; if all feeds are "
            "behind, "
            "add ingest processes.",
        ),
        no_data=NO_SCRAPE,
        unit="s",
        queries=[Query("max(roomwatch_reach_age_seconds)", Words("延迟", "age"))],
        steps=_AGE,
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("采集吞吐", "Ingest"),
        description=Words("每秒折叠的记录数。", "Records folded a second."),
        no_data=NO_SCRAPE,
        unit="suffix:/s",
        queries=[Query("sum(rate(roomwatch_ingest_events_total[1m]))", Words("记录", "records"))],
        decimals=0,
    ),
    PanelSpec(
        kind="stat",
        title=Words("死信占比", "Dead letters"),
        description=Words(
            "5 分钟内被拒绝的记录占比。看 live.deadletter 的 reason, 找上报方。",
            "Share of records of 5 min that were refused. live.deadletter tells the reason; ask the sender.",
        ),
        no_data=NO_SCRAPE,
        unit="percentunit",
        queries=[Query(_DEAD_SHARE, Words("死信", "dead letters"))],
        steps=_DEAD,
        decimals=2,
    ),
    PanelSpec(
        kind="stat",
        title=Words("存储内存", "Store memory"),
        description=Words(
            "存储已用内存占上限的比例。到顶后写入失败: 提前加内存或加节点。",
            "Memory of the store by its limit. At the top writes fail: add memory or nodes before.",
        ),
        no_data=NO_SCRAPE,
        unit="percentunit",
        queries=[
            Query("max(roomwatch_store_used_bytes / roomwatch_store_limit_bytes)", Words("已用", "used"))
        ],
        steps=_FULL,
        decimals=1,
    ),
)

_INGEST: Final = (
    PanelSpec(
        kind="series",
        title=Words("记录, 按数据流", "Records by feed"),
        description=Words("每秒折叠的记录数, 按数据流。", "Records folded a second, by feed."),
        no_data=NO_SCRAPE,
        unit="suffix:/s",
        queries=[Query("sum by (feed) (rate(roomwatch_ingest_events_total[1m]))", _FEED)],
    ),
    PanelSpec(
        kind="series",
        title=Words("未读记录, 按数据流", "Records not read yet, by feed"),
        description=Words(
            "持续上升: 采集跟不上, 加进程(至多等于分区数)。",
            "Rising for minutes: ingest is too slow; add processes, at most one a partition.",
        ),
        no_data=NO_SCRAPE,
        unit="short",
        queries=[Query("sum by (feed) (roomwatch_ingest_lag_records)", _FEED)],
        decimals=0,
    ),
    PanelSpec(
        kind="series",
        title=Words("读取延迟, 按分区", "Behind now, by partition"),
        description=Words(
            "各分区最慢的流落后现在多久。", "How far the slowest feed of each partition is behind."
        ),
        no_data=NO_SCRAPE,
        unit="s",
        queries=[Query("max by (partition) (roomwatch_reach_age_seconds)", _PARTITION)],
        steps=_AGE,
    ),
    PanelSpec(
        kind="series",
        title=Words("写入与事件循环", "Flush and event loop"),
        description=Words(
            "99% 不超过的时间: 存储收下一次写入, 事件循环迟到。",
            "What 99 of 100 did not exceed: the store taking a flush, the event loop being late.",
        ),
        no_data=NO_SCRAPE,
        unit="s",
        queries=[
            Query(_p99("roomwatch_ingest_flush_seconds"), Words("写入", "flush")),
            Query(_p99("roomwatch_ingest_loop_lag_seconds"), Words("事件循环", "event loop")),
        ],
    ),
)

_ALERTS: Final = (
    PanelSpec(
        kind="series",
        title=Words("引擎未折叠的记录", "Engine's backlog"),
        description=Words(
            "规则与事件阶段还没处理的记录数。持续上升: 告警变晚, 加引擎进程。",
            "Records that rules and incidents have not folded. Rising: alerts are late; add engine "
            "processes.",
        ),
        no_data=NO_SCRAPE,
        unit="short",
        queries=[Query("sum by (stage) (roomwatch_engine_lag_records)", _STAGE)],
        decimals=0,
    ),
    PanelSpec(
        kind="series",
        title=Words("沉默的阶段", "Silent stages"),
        description=Words(
            "1: 网关背后的这个阶段不再前进, 告警不可信。重启它。",
            "1: this stage behind the gateway stands still and alerts cannot be relied on. Restart it.",
        ),
        no_data=NO_SCRAPE,
        unit="short",
        queries=[Query("max by (stage) (roomwatch_gateway_stage_silent)", _STAGE)],
        decimals=0,
    ),
    PanelSpec(
        kind="series",
        title=Words("网关客户端与被断开", "Clients and those cut off"),
        description=Words(
            "已连接的客户端, 以及每分钟因读得太慢被断开的。",
            "Clients connected, and those cut off a minute because they read too slowly.",
        ),
        no_data=NO_SCRAPE,
        unit="short",
        queries=[
            Query("sum(roomwatch_gateway_clients)", Words("客户端", "clients")),
            Query(
                'sum(rate(roomwatch_gateway_closes_total{code="4008"}[5m])) * 60',
                Words("被断开/分钟", "cut off a minute"),
            ),
        ],
    ),
    PanelSpec(
        kind="series",
        title=Words("推送用时", "Time to push"),
        description=Words(
            "从变化的原因写入日志到推给客户端, 一半与 99% 不超过的时间。",
            "From the append of what caused a change to the clients: what half and 99 of 100 did not exceed.",
        ),
        no_data=Words("5 分钟内没有推送; 可发测试告警", "Nothing was pushed for 5 min; send a test alert"),
        unit="s",
        queries=[
            Query(
                "histogram_quantile(0.5, sum by (le) (rate(roomwatch_gateway_push_seconds_bucket[5m])))",
                Words("一半", "half"),
            ),
            Query(_p99("roomwatch_gateway_push_seconds"), Words("99%", "99 of 100")),
        ],
    ),
)

_SHOWING: Final = (
    PanelSpec(
        kind="series",
        title=Words("抓取用时", "Time of a scrape"),
        description=Words(
            "Prometheus 抓取各角色的用时。exporter 接近 5 秒: 再加一个, 分区会平分。",
            "How long Prometheus needs for each role. The exporter near 5 s: start another, they share.",
        ),
        no_data=NO_SCRAPE,
        unit="s",
        queries=[Query('max by (job) (scrape_duration_seconds{job=~"roomwatch-.+"})', _JOB)],
    ),
    PanelSpec(
        kind="series",
        title=Words("序列数与直播间数", "Series and rooms"),
        description=Words(
            "导出的序列、直播间, 以及超出上限未单独导出的直播间。",
            "Series and rooms that are exported, and live rooms above the cap without series of their own.",
        ),
        no_data=NO_SCRAPE,
        unit="short",
        queries=[
            Query("sum(roomwatch_scrape_series)", Words("序列", "series")),
            Query("sum(roomwatch_rooms)", Words("直播间", "rooms")),
            Query("sum(live_rooms_not_exported)", Words("未导出", "not exported")),
        ],
        decimals=0,
    ),
    PanelSpec(
        kind="series",
        title=Words("各角色内存", "Memory by role"),
        description=Words("各进程占用的内存。", "Resident memory of the processes."),
        no_data=NO_SCRAPE,
        unit="bytes",
        queries=[Query("sum by (job) (roomwatch_process_resident_memory_bytes)", _JOB)],
    ),
    PanelSpec(
        kind="series",
        title=Words("各角色 CPU", "Processor time by role"),
        description=Words(
            "占用的核数。一个采集进程到 1 就满了, 加进程。",
            "Cores in use. An ingest process at 1 is full: add another.",
        ),
        no_data=NO_SCRAPE,
        unit="short",
        queries=[Query("sum by (job) (rate(roomwatch_process_cpu_seconds_total[1m]))", _JOB)],
        decimals=2,
    ),
)

ITSELF: Final = BoardSpec(
    uid="roomwatch-itself",
    title=Words("Roomwatch 自身", "Roomwatch itself"),
    description=Words(
        "屏上的数据可不可信, 接下来什么会不够。",
        "Can the figures be believed, and what runs short next.",
    ),
    since="now-1h",
    shelves=(
        Shelf(None, 5, _STATS),
        Shelf(Words("采集", "Ingest"), 8, _INGEST),
        Shelf(Words("告警", "Alerts"), 8, _ALERTS),
        Shelf(Words("导出与资源", "Export and resources"), 8, _SHOWING),
    ),
)
