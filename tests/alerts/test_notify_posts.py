"""What is posted, how it is signed, and what an answer means."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from alerts.notify.channels import channel, channels
from alerts.notify.model import Item, Message
from alerts.notify.posts import judge, post
from alerts.routing import Receiver
from stream.errors import SettingsError
from tests.alerts.notified import KEY, NOW_MS, PUBLIC_URL, alert, chat


def _message(*numbers: int, mentions: tuple[str, ...] = (), **fields: object) -> Message:
    items = tuple(
        Item(f"i{n}", "chat", alert(n, **fields), "firing", NOW_MS, mentions=mentions, severity="warning")
        for n in numbers
    )
    return Message("m1", "chat", items, "标题", "第一行\n第二行", len(items))


def test_dingtalk_gets_markdown_a_signature_and_whom_to_mention():
    found = post(
        chat(secret=KEY), _message(1, mentions=("13000000000",)), now_ms=NOW_MS, public_url=PUBLIC_URL
    )
    query = parse_qs(urlsplit(found.url).query)
    digest = hmac.new(KEY.encode(), f"{NOW_MS}\n{KEY}".encode(), sha256).digest()
    assert query["sign"] == [base64.b64encode(digest).decode()]
    assert query["timestamp"] == [str(NOW_MS)]
    body = orjson.loads(found.body)
    assert body["at"] == {"atMobiles": ["13000000000"], "isAtAll": False}
    assert body["markdown"]["text"] == "### 标题\n\n第一行  \n第二行"


def test_feishu_gets_a_card_and_a_signature():
    found = post(
        chat(kind="feishu", secret=KEY), _message(1, mentions=("ou_1",)), now_ms=NOW_MS, public_url=PUBLIC_URL
    )
    body = orjson.loads(found.body)
    seconds = str(NOW_MS // 1_000)
    digest = hmac.new(f"{seconds}\n{KEY}".encode(), b"", sha256).digest()
    assert (body["timestamp"], body["sign"]) == (seconds, base64.b64encode(digest).decode())
    assert body["card"]["elements"][0]["content"].endswith("<at id=ou_1></at>")


def test_wecom_gets_text_and_whom_to_mention():
    found = post(chat(kind="wecom"), _message(1, mentions=("130",)), now_ms=NOW_MS, public_url=PUBLIC_URL)
    text = orjson.loads(found.body)["text"]
    assert text == {"content": "标题\n第一行\n第二行", "mentioned_mobile_list": ["130"]}


def test_a_webhook_gets_the_records_and_a_signature_over_timestamp_and_body():
    found = post(chat(kind="webhook", secret=KEY), _message(1, 2), now_ms=NOW_MS, public_url=PUBLIC_URL)
    signed = hmac.new(KEY.encode(), f"{NOW_MS}.".encode() + found.body, sha256).hexdigest()
    assert found.headers["Roomwatch-Signature"] == f"v1={signed}"
    assert found.headers["Roomwatch-Timestamp"] == str(NOW_MS)
    assert found.headers["Roomwatch-Message-Id"] == "m1"
    body = orjson.loads(found.body)
    assert [one["id"] for one in body["alerts"]] == [alert(1)["id"], alert(2)["id"]]


def test_an_action_asks_for_what_the_alert_wants_else_for_what_the_channel_does():
    hook = chat(kind="action", do="scale_out", target="{cdn}/{nothing}{room_id}", secret=KEY)
    asked = orjson.loads(post(hook, _message(1), now_ms=1, public_url="").body)
    assert (asked["do"], asked["target"], asked["undo"]) == ("scale_out", "cdn-a/room-1", False)
    wish = {"do": "enable_standby", "target": "b"}
    asked = orjson.loads(post(hook, _message(1, action=wish), now_ms=1, public_url="").body)
    assert (asked["do"], asked["target"]) == ("enable_standby", "b")


@pytest.mark.parametrize(
    ("kind", "status", "body", "ok", "final", "reason"),
    [
        ("dingtalk", 200, b'{"errcode":0,"errmsg":"ok"}', True, False, ""),
        ("dingtalk", 200, b'{"errcode":310000,"errmsg":"sign not match"}', False, True, "refused"),
        ("dingtalk", 200, b'{"errcode":130101,"errmsg":"send too fast"}', False, False, "rate_limited"),
        ("dingtalk", 200, b'{"errcode":-1,"errmsg":"busy"}', False, False, "error_inside"),
        ("dingtalk", 200, b"<html>proxy</html>", False, False, "error_inside"),
        ("dingtalk", 200, b"[]", False, False, "error_inside"),
        ("feishu", 200, b'{"code":0,"msg":"success"}', True, False, ""),
        ("feishu", 200, b'{"StatusCode":0,"StatusMessage":"success"}', True, False, ""),
        ("feishu", 200, b'{"code":19021,"msg":"sign match fail"}', False, True, "refused"),
        ("feishu", 200, b'{"code":11232,"msg":"frequency limited"}', False, False, "rate_limited"),
        ("feishu", 200, b'{"code":9499,"msg":"Bad Request","data":{}}', False, True, "refused"),
        ("feishu", 200, b'{"code":9499,"msg":"frequency limited psm"}', False, False, "rate_limited"),
        (
            "feishu",
            200,
            b'{"StatusCode":0,"code":9499,"msg":"too many request"}',
            False,
            False,
            "rate_limited",
        ),
        ("feishu", 200, b'{"code":19001,"msg":"access token invalid"}', False, True, "refused"),
        ("feishu", 200, b'{"code":19024,"msg":"Key Words Not Found"}', False, True, "refused"),
        ("wecom", 200, b'{"errcode":45009}', False, False, "rate_limited"),
        ("wecom", 200, b'{"errcode":93000}', False, True, "refused"),
        ("wecom", 200, b'{"errcode":40058,"errmsg":"content exceed max length"}', False, True, "refused"),
        ("dingtalk", 200, b'{"errcode":460101,"errmsg":"message too long"}', False, True, "refused"),
        ("dingtalk", 200, b'{"errcode":660026}', False, False, "error_inside"),
        ("webhook", 204, b"", True, False, ""),
        ("webhook", 302, b"", False, True, "refused"),
        ("webhook", 404, b"", False, True, "refused"),
        ("webhook", 429, b"", False, False, "rate_limited"),
        ("webhook", 503, b"", False, False, "server_error"),
        ("webhook", 408, b"", False, False, "server_error"),
        ("alertmanager", 400, b"bad", False, True, "refused"),
    ],
)
def test_what_an_answer_means(kind, status, body, ok, final, reason):
    found = judge(kind, status, body)
    assert (found.ok, found.final, found.reason) == (ok, final, reason)


def test_a_service_says_how_long_to_wait():
    assert judge("webhook", 429, b"", retry_after="7").pause_ms == 7_000
    assert judge("webhook", 429, b"", retry_after="99999").pause_ms == 600_000
    assert judge("dingtalk", 200, b'{"errcode":130101}').pause_ms == 60_000


@pytest.mark.parametrize(
    ("url", "kind", "address", "secret"),
    [
        ("dingtalk://SEC@tok", "dingtalk", "https://oapi.dingtalk.com/robot/send?access_token=tok", "SEC"),
        (
            "https://oapi.dingtalk.com/robot/send?access_token=t",
            "dingtalk",
            "https://oapi.dingtalk.com/robot/send?access_token=t",
            "",
        ),
        ("dingtalk+http://127.0.0.1:1/r?a=b", "dingtalk", "http://127.0.0.1:1/r?a=b", ""),
        ("feishu://tok", "feishu", "https://open.feishu.cn/open-apis/bot/v2/hook/tok", ""),
        ("wecombot://KeY", "wecom", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=KeY", ""),
        ("webhook+https://h.example.com/x", "webhook", "https://h.example.com/x", ""),
        ("alertmanager+http://am:9093", "alertmanager", "http://am:9093", ""),
        ("mailto://u:p@example.com", "apprise", "mailto://u:p@example.com", ""),
        ("slack://a/b/c", "apprise", "slack://a/b/c", ""),
        ("log://", "log", "", ""),
    ],
)
def test_the_scheme_says_what_kind_of_channel_it_is(url, kind, address, secret):
    found = channel(Receiver(name="r", url=url), {}, locale="zh")
    assert (found.kind, found.url, found.secret) == (kind, address, secret)
    assert "tok" not in repr(found)


def test_addresses_and_secrets_come_from_variables():
    receiver = Receiver(name="r", url="env:URL", options={"secret": "env:KEY"})
    found = channel(receiver, {"URL": "webhook+https://h/x", "KEY": "k"}, locale="en")
    assert (found.url, found.secret, found.locale) == ("https://h/x", "k", "en")


def test_limits_are_those_of_the_service_unless_the_receiver_says_otherwise():
    ding = channel(Receiver(name="r", url="dingtalk://t"), {}, locale="zh")
    assert (ding.budget.messages, ding.budget.span_ms, ding.budget.bytes_max) == (20, 60_000, 20_000)
    other = channel(Receiver(name="r", url="dingtalk://t", per_minute=5, bytes_max=900), {}, locale="zh")
    assert (other.budget.messages, other.budget.bytes_max) == (5, 900)


@pytest.mark.parametrize(
    ("url", "per_minute", "per_second"),
    [
        ("feishu://t", 100, 5),
        ("wecombot://k", 20, None),
        ("slack://a/b/c", 60, 1),
        ("https://hooks.slack.com/services/a/b/c", 60, 1),
        ("pagerduty://k@a", 60, None),
    ],
)
def test_a_service_that_counts_by_the_second_is_not_called_more_often(url, per_minute, per_second):
    found = channel(Receiver(name="r", url=url), {}, locale="zh").budget
    assert (found.messages, found.per_second) == (per_minute, per_second)
    slower = channel(Receiver(name="r", url=url, per_second=2), {}, locale="zh").budget
    assert (slower.messages, slower.per_second) == (per_minute, 2)


def test_an_action_is_a_dry_run_unless_told_otherwise():
    hook = Receiver(name="r", url="action+https://h/x")
    assert channel(hook, {}, locale="zh").dry_run
    real = hook.model_copy(update={"options": {"dry_run": False, "secret": "s"}})
    assert not channel(real, {}, locale="zh").dry_run


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"url": "env:NOT_SET"}, "the variable NOT_SET is not set"),
        ({"url": "nonsense"}, "is no address"),
        ({"url": "dingtalk://t", "options": {"tail": 1}}, "no option 'tail'; allowed: secret"),
        ({"url": "log://", "options": {"x": 1}}, "allowed: none"),
        ({"url": "action+http://h/x", "options": {"do": "explode"}}, "allowed: switch_vendor"),
        ({"url": "action+http://h/x", "options": {"dry_run": False}}, "needs a secret"),
        ({"url": "action+http://h/x", "options": {"dry_run": "no"}}, "allowed: true, false"),
    ],
)
def test_a_receiver_that_cannot_be_used_is_refused(fields, told):
    with pytest.raises(SettingsError, match=told):
        channel(Receiver(name="r", **fields), {}, locale="zh")


@pytest.mark.parametrize(
    ("fallbacks", "told"),
    [
        ({"a": "b", "b": "a"}, "go round: a > b > a"),
        ({"a": "gone"}, "its fallback 'gone' is no receiver"),
        ({"a": "act"}, "an action neither has nor is a fallback"),
    ],
)
def test_fallbacks_must_lead_somewhere(fallbacks, told):
    receivers = {
        name: Receiver(
            name=name,
            url="action+http://h/x" if name == "act" else "log://",
            fallback=fallbacks.get(name),
        )
        for name in ("a", "b", "act")
    }
    with pytest.raises(SettingsError, match=told):
        channels(receivers, {}, locale="zh")


def test_a_receiver_that_cannot_be_used_is_broken_and_the_others_are_not():
    receivers = {
        "a": Receiver(name="a", url="env:NOT_SET", fallback="b"),
        "b": Receiver(name="b", url="log://"),
    }
    found = channels(receivers, {}, locale="zh")
    assert [(one.kind, one.fallback) for one in found.values()] == [("broken", "b"), ("log", None)]
    assert found["a"].fault == "receiver a: the variable NOT_SET is not set"
