"""What people ask for, checked against who they are, for sockets and HTTP alike."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace
from redis.exceptions import RedisError

from alerts.gateway.commands import Busy, Commands
from alerts.gateway.hub import Hub
from alerts.gateway.messages import Code, needs
from alerts.gateway.tokens import Caller, Role, allows
from alerts.incidents.silences import Refusal, checked
from alerts.model import Command, CommandName, Outcome
from alerts.store import IncidentsReader
from alerts.wording import Wording
from stream.errors import RoomwatchError, ServiceError, StoreError
from stream.runtime import Clock

__all__ = ["Changes", "Refused"]

_CODES: Final[dict[str, Code]] = {
    "not_found": "not_found",
    "conflict": "conflict",
    "bad_request": "invalid",
    "unknown_command": "not_supported",
}
"""What the incidents stage says no with -> what the gateway says; anything else is ``unavailable``."""


_WITHIN: Final = Wording(
    "此令牌只能按名称静默其可见的直播间或品类",
    "this token silences only rooms or categories that it sees, by name",
)


class Refused(RoomwatchError):  # noqa: N818 - an outcome, not a failure
    """A change that is not made.

    Attributes:
        code: why, for programs.
        detail: what is known beyond the code; a text without languages is what a stage or a service said.
    """

    def __init__(self, code: Code, detail: Wording | str | None = None) -> None:
        super().__init__(detail.en if isinstance(detail, Wording) else detail or code)
        self.code: Code = code
        self.detail = detail


class Changes:
    """Checks and sends changes.

    Args:
        hub: knows the newest alerts.
        reader: knows the others.
        commands: the way to the incidents stage.
        clock: the time.
    """

    def __init__(self, hub: Hub, reader: IncidentsReader, commands: Commands, clock: Clock) -> None:
        self._hub = hub
        self._reader = reader
        self._commands = commands
        self._clock = clock

    async def ask(
        self,
        caller: Caller,
        do: CommandName,
        alert_id: str,
        *,
        comment: str,
        origin: str,
        for_s: int | None = None,
        verdict: str | None = None,
        owner: str | None = None,
    ) -> Outcome | str:
        """Make a change; return its outcome, or the command's id when it is not confirmed in time.

        Raises:
            Refused: the caller may not, the alert is not there for it, or the stage said no.
        """
        _must(caller, "oncall")
        try:
            await self._must_see(caller, alert_id)
        except RedisError as error:
            raise Refused("unavailable", str(error)) from error
        command = _command(caller, do, comment, origin)
        return await self._send(replace(command, id=alert_id, for_s=for_s, verdict=verdict, owner=owner))

    async def silence(self, caller: Caller, body: dict[str, Any], *, origin: str) -> Outcome | str:
        """Keep alerts quiet; return the outcome, or the command's id when it is not confirmed in time.

        Raises:
            Refused: the caller may not, or the silence is not as it must be.
        """
        _must(caller, "oncall")
        if caller.scope.limited and not any(_within(caller, one) for one in body["matchers"]):
            raise Refused("forbidden", _WITHIN)
        rest = {name: value for name, value in body.items() if name != "comment"}
        try:
            checked(rest, now_ms=self._clock.now_ms())
        except Refusal as refusal:
            raise Refused("invalid", refusal.said) from refusal
        command = _command(caller, "silence", body.get("comment") or "", origin)
        return await self._send(replace(command, body=rest))

    async def unsilence(
        self, caller: Caller, silence_id: str, *, origin: str, comment: str = ""
    ) -> Outcome | str:
        """End a silence.

        Raises:
            Refused: the caller may not, or there is no such silence for it.
        """
        _must(caller, "oncall")
        if caller.scope.limited:
            try:
                found = [one for one in await self._reader.silences() if one["id"] == silence_id]
            except RedisError as error:
                raise Refused("unavailable", str(error)) from error
            if not any(_within(caller, one) for silence in found for one in silence["matchers"]):
                raise Refused("not_found")
        return await self._send(replace(_command(caller, "unsilence", comment, origin), id=silence_id))

    async def test(self, caller: Caller, body: dict[str, Any], *, origin: str) -> Outcome | str:
        """Send a test alert.

        Raises:
            Refused: the caller may not, or the stage said no.
        """
        _must(caller, "ops")
        if caller.scope.limited and not caller.scope.sees(body.get("room_id") or "", None):
            raise Refused(
                "forbidden", Wording("只能测试此令牌可见的直播间", "only rooms that this token sees")
            )
        rest = {name: value for name, value in body.items() if name not in ("comment", "for_s")}
        command = _command(caller, "test", body.get("comment") or "", origin)
        return await self._send(replace(command, for_s=body.get("for_s"), body=rest))

    async def note(self, caller: Caller, do: CommandName, what: str, *, origin: str) -> None:
        """Take a change that was made here into the audit; one that the broker does not take is logged."""
        await self._commands.post(_command(caller, do, what, origin))

    async def _send(self, command: Command) -> Outcome | str:
        try:
            answer = await self._commands.send(command)
        except Busy as error:
            raise Refused("busy") from error
        except (ServiceError, StoreError, RedisError) as error:
            raise Refused("unavailable", str(error)) from error
        if isinstance(answer, Outcome) and answer.status == "error":
            known = _CODES.get(answer.code or "")
            detail = answer.message if known in ("invalid", None) else None
            raise Refused(known or "unavailable", detail)
        return answer

    async def _must_see(self, caller: Caller, alert_id: str) -> None:
        record = self._hub.newest(alert_id)
        if record is not None:
            place = (record.room_id, record.category)
        else:
            episode = await self._reader.episode(alert_id)
            if episode is None:
                raise Refused("not_found")
            place = (episode[0]["room_id"], episode[0].get("labels", {}).get("category"))
        if not caller.scope.sees(*place):
            raise Refused("not_found")


def _must(caller: Caller, role: Role) -> None:
    if not allows(caller.role, role):
        raise Refused("forbidden", needs(role))


def _command(caller: Caller, do: CommandName, comment: str, origin: str) -> Command:
    return Command("", do, caller.name, caller.role, origin, comment)


def _within(caller: Caller, matcher: dict[str, str]) -> bool:
    """Return whether a matcher keeps a silence within what a token sees."""
    if matcher["op"] != "=":
        return False
    if matcher["label"] == "room_id":
        return bool(matcher["value"]) and caller.scope.sees(matcher["value"], None)
    return matcher["label"] == "category" and matcher["value"] in (caller.scope.categories or ())
