"""A channel: where messages go, how they are worded for it, and how much it takes. Pure.

A receiver of the routes names an address. Its scheme says what kind of channel it is: chat robots whose
answer of 200 may hold an error code, Alertmanager, signed webhooks and actions are ours to post; everything
else is apprise's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

from alerts.model import ActionName
from alerts.notify.budget import Budget, Mode
from alerts.routing import Receiver
from stream.errors import SettingsError

__all__ = ["Channel", "ChannelKind", "channel", "channels"]

ChannelKind = Literal[
    "dingtalk", "feishu", "wecom", "webhook", "alertmanager", "action", "log", "apprise", "broken"
]
Locale = Literal["zh", "en"]

_MINUTE_MS: Final = 60_000
_MODES: Final[dict[ChannelKind, Mode]] = {"webhook": "batch", "alertmanager": "batch", "action": "single"}
_LIMITS: Final[dict[ChannelKind, Budget]] = {
    "dingtalk": Budget(20, _MINUTE_MS, 20_000),
    "feishu": Budget(100, _MINUTE_MS, 20_000, per_second=5),
    "wecom": Budget(20, _MINUTE_MS, 2_048),
    "webhook": Budget(600, _MINUTE_MS, 1_000_000),
    "alertmanager": Budget(600, _MINUTE_MS, 1_000_000),
    "action": Budget(60, _MINUTE_MS, 20_000),
    "log": Budget(6_000, _MINUTE_MS, 20_000),
    "broken": Budget(600, _MINUTE_MS, 20_000),  # takes nothing: every message to it fails at once
    "apprise": Budget(60, _MINUTE_MS, 20_000),  # nobody minds; what takes less is told in its receiver
}
"""What a channel takes, unless the receiver says otherwise; docs/notify.md names the sources."""
_SERVICES: Final[dict[str, Budget]] = {
    "slack": Budget(60, _MINUTE_MS, 20_000, per_second=1),
    "hooks.slack.com": Budget(60, _MINUTE_MS, 20_000, per_second=1),
}
"""The same for services behind apprise, by the scheme or the host of their address."""
_POSTED: Final[tuple[ChannelKind, ...]] = (
    "dingtalk", "feishu", "wecom", "webhook", "alertmanager", "action",
)  # fmt: skip
"""Kinds that are ours to post: ``KIND+https://…`` names an address of one."""
_HOSTS: Final[dict[str, ChannelKind]] = {
    "oapi.dingtalk.com": "dingtalk",
    "open.feishu.cn": "feishu",
    "open.larksuite.com": "feishu",
    "qyapi.weixin.qq.com": "wecom",
}
"""Hosts of the robots' own addresses, so that one copied from the chat works as it is."""
_ROBOTS: Final[dict[str, tuple[ChannelKind, str]]] = {
    "dingtalk": ("dingtalk", "https://oapi.dingtalk.com/robot/send?access_token="),
    "feishu": ("feishu", "https://open.feishu.cn/open-apis/bot/v2/hook/"),
    "wecombot": ("wecom", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="),
}
"""Apprise's schemes of the same robots: ``dingtalk://SECRET@TOKEN``, ``feishu://TOKEN``, ``wecombot://KEY``."""
_OWN_OPTIONS: Final[dict[ChannelKind, frozenset[str]]] = {
    "dingtalk": frozenset(("secret",)),
    "feishu": frozenset(("secret",)),
    "webhook": frozenset(("secret",)),
    "action": frozenset(("secret", "do", "target", "dry_run")),
}
_ACTIONS: Final = get_args(ActionName)


@dataclass(frozen=True, slots=True)
class Channel:
    """A receiver with its address and secret at hand.

    Attributes:
        url: where to post; of apprise, its address; empty for the log.
        secret: key of the signature; empty for none. Never logged.
        do: what an action asks for; empty for what the alert names.
        target: of an action, with ``{labels}`` of the alert in it.
        dry_run: an action is recorded, not posted.
        fault: why a broken one cannot be used.
    """

    name: str
    kind: ChannelKind
    url: str = field(repr=False)
    locale: Locale
    budget: Budget
    fallback: str | None = None
    send_resolved: bool = True
    send_notices: bool = True
    secret: str = field(default="", repr=False)
    do: str = ""
    target: str = ""
    dry_run: bool = False
    fault: str = ""

    @property
    def mode(self) -> Mode:
        """How it takes many."""
        return _MODES.get(self.kind, "digest")


def channels(
    receivers: Mapping[str, Receiver], environment: Mapping[str, str], *, locale: Locale
) -> dict[str, Channel]:
    """Return the channels of all receivers, by name.

    One that cannot be used is ``broken``: what is sent there fails at once, and its fallback tells it. So a
    variable that is not set silences nobody else.

    Raises:
        SettingsError: fallbacks lead nowhere, or round in a circle.
    """
    found = {receiver.name: _usable(receiver, environment, locale=locale) for receiver in receivers.values()}
    for name in found:
        way = [name]
        while (step := found[way[-1]].fallback) is not None:
            if step not in found:
                raise SettingsError(f"receiver {way[-1]}: its fallback {step!r} is no receiver")
            if step in way:
                raise SettingsError(f"receiver {name}: its fallbacks go round: {' > '.join([*way, step])}")
            if found[step].kind == "action" or found[way[-1]].kind == "action":
                raise SettingsError(f"receiver {way[-1]}: an action neither has nor is a fallback")
            way.append(step)
    return found


def channel(receiver: Receiver, environment: Mapping[str, str], *, locale: Locale) -> Channel:
    """Return the channel of a receiver.

    Args:
        receiver: as the routes have it; ``env:NAME`` stands for a variable's value.
        environment: the variables.
        locale: language of the deployment, for a receiver without one.

    Raises:
        SettingsError: a variable is not set, the address is none, or an option is unknown or wrong.
    """
    url = _value(receiver.name, receiver.url, environment)
    kind, address, secret = _address(receiver.name, url)
    options = dict(receiver.options)
    if unknown := options.keys() - _OWN_OPTIONS.get(kind, frozenset()):
        allowed = ", ".join(sorted(_OWN_OPTIONS.get(kind, ()))) or "none"
        raise SettingsError(
            f"receiver {receiver.name}: {kind} has no option {min(unknown)!r}; allowed: {allowed}"
        )
    return Channel(
        name=receiver.name,
        kind=kind,
        url=address,
        locale=receiver.locale or locale,
        budget=_budget(receiver, kind, url),
        fallback=receiver.fallback,
        send_resolved=receiver.send_resolved,
        send_notices=receiver.send_notices,
        secret=_value(receiver.name, str(options.get("secret", secret)), environment),
        **(_action(receiver.name, options) if kind == "action" else {}),
    )


def _usable(receiver: Receiver, environment: Mapping[str, str], *, locale: Locale) -> Channel:
    try:
        return channel(receiver, environment, locale=locale)
    except SettingsError as error:
        return Channel(
            receiver.name,
            "broken",
            "",
            receiver.locale or locale,
            _LIMITS["broken"],
            receiver.fallback,
            fault=str(error),
        )


def _budget(receiver: Receiver, kind: ChannelKind, url: str) -> Budget:
    """Return what a channel takes: what is known of its service, but for what the receiver says itself."""
    known = _LIMITS[kind]
    if kind == "apprise":
        parts = urlsplit(url)
        known = _SERVICES.get(parts.scheme) or _SERVICES.get(parts.hostname or "") or known
    said = {
        "messages": receiver.per_minute,
        "bytes_max": receiver.bytes_max,
        "per_second": receiver.per_second,
    }
    return replace(known, **{name: value for name, value in said.items() if value is not None})


def _action(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    do, dry_run = options.get("do", ""), options.get("dry_run", True)
    if do and do not in _ACTIONS:
        raise SettingsError(f"receiver {name}: do is {do!r}; allowed: {', '.join(_ACTIONS)}")
    if not isinstance(dry_run, bool):
        raise SettingsError(f"receiver {name}: dry_run is {dry_run!r}; allowed: true, false")
    if not dry_run and not options.get("secret"):
        raise SettingsError(f"receiver {name}: an action that is not a dry run needs a secret to sign with")
    return {"do": do, "target": str(options.get("target", "")), "dry_run": dry_run}


def _value(name: str, written: str, environment: Mapping[str, str]) -> str:
    if not written.startswith("env:"):
        return written
    variable = written.removeprefix("env:")
    if variable not in environment:
        raise SettingsError(f"receiver {name}: the variable {variable} is not set")
    return environment[variable]


def _address(name: str, url: str) -> tuple[ChannelKind, str, str]:
    """Return kind, address to post to, and the secret that the address itself holds."""
    parts = urlsplit(url)
    scheme, _, carrier = parts.scheme.partition("+")
    if parts.scheme == "log":
        return "log", "", ""
    if carrier in ("http", "https") and scheme in _POSTED and parts.hostname:
        return scheme, url.removeprefix(f"{scheme}+"), ""
    if scheme == "https" and parts.hostname in _HOSTS:
        return _HOSTS[parts.hostname], url, ""
    if scheme in _ROBOTS and parts.netloc:
        kind, address = _ROBOTS[scheme]
        return kind, address + parts.netloc.rpartition("@")[2], parts.username or ""
    if not scheme or not (parts.netloc or parts.path):
        raise SettingsError(f"receiver {name}: its url is no address such as dingtalk://TOKEN or log://")
    return "apprise", url, ""
