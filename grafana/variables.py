"""What people choose at the top: datasource, category, room; and, unseen, the console's address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from grafana.spec import Locale, Variable, Words

__all__ = ["DATASOURCE", "variables"]

DATASOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")

_DATASOURCE: Final = Words("数据源", "Data source")
_CATEGORY: Final = Words("类目", "Category")
_ROOM: Final = Words("直播间", "Room")
_ANY: Final = ".*"
"""Every category, no category included."""


def variables(wanted: Sequence[Variable], locale: Locale) -> Iterator[Any]:
    """Yield the variables of a dashboard in the order in which they depend on each other."""
    yield (
        build.DatasourceVariable("datasource")
        .label(_DATASOURCE.of(locale))
        .type("prometheus")
        .allow_custom_value(False)
    )
    yield _asked("console", "label_values(roomwatch_console, url)").hide(model.VariableHide.HIDE_VARIABLE)
    for variable in wanted:
        if variable == "category":
            yield _category(locale)
        else:
            yield _room(locale, all_of_them=variable == "rooms")


def _category(locale: Locale) -> build.QueryVariable:
    return (
        _asked("category", "label_values(live_room_info, category)")
        .label(_CATEGORY.of(locale))
        .multi(True)
        .include_all(True)
        .all_value(_ANY)
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )


def _room(locale: Locale, *, all_of_them: bool) -> build.QueryVariable:
    """Let people choose a live room by its title; the value is its id."""
    made = (
        _asked("room", 'query_result(live_room_info{category=~"$category"})')
        .label(_ROOM.of(locale))
        .regex('/[{,]room_id="(?<value>[^"]+)"|[{,]title="(?<text>[^"]+)"/g')
    )
    if all_of_them:
        chosen = model.VariableOption(selected=True, text="All", value="$__all")
        made.multi(True).include_all(True).all_value(_ANY).current(chosen)
    return made


def _asked(name: str, query: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .datasource(DATASOURCE)
        .query({"qryType": 3 if query.startswith("query_result") else 1, "query": query, "refId": name})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )
