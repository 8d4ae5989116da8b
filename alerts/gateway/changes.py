"""What people ask for – acknowledge, resolve – checked against who they are, for sockets and HTTP alike."""

from __future__ import annotations

from typing import Final

from redis.exceptions import RedisError

from alerts.gateway.commands import Busy, Commands
from alerts.gateway.hub import Hub
from alerts.gateway.messages import Code
from alerts.gateway.tokens import Caller, allows
from alerts.model import Command, CommandName, Outcome
from alerts.store import IncidentsReader
from stream.errors import RoomwatchError, ServiceError, StoreError

__all__ = ["Changes", "Refused"]

_CODES: Final[dict[str, Code]] = {
    "not_found": "not_found",
    "conflict": "conflict",
    "unknown_command": "not_supported",
}
"""What the incidents stage says no with -> what the gateway says; anything else is ``unavailable``."""


class Refused(RoomwatchError):  # noqa: N818 - an outcome, not a failure
    """A change that is not made.

    Attributes:
        code: why, for programs.
        detail: what the stage that refused it said, if any.
    """

    def __init__(self, code: Code, detail: str | None = None) -> None:
        super().__init__(detail or code)
        self.code: Code = code
        self.detail = detail


class Changes:
    """Checks and sends changes.

    Args:
        hub: knows the newest alerts.
        reader: knows the others.
        commands: the way to the incidents stage.
    """

    def __init__(self, hub: Hub, reader: IncidentsReader, commands: Commands) -> None:
        self._hub = hub
        self._reader = reader
        self._commands = commands

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
    ) -> Outcome | str:
        """Make a change; return its outcome, or the command's id when it is not confirmed in time.

        Raises:
            Refused: the caller may not, the alert is not there for it, or the stage said no.
        """
        if not allows(caller.role, "oncall"):
            raise Refused("forbidden")
        try:
            await self._must_see(caller, alert_id)
            answer = await self._commands.send(
                Command(
                    command_id="",
                    do=do,
                    by=caller.name,
                    role=caller.role,
                    origin=origin,
                    comment=comment,
                    id=alert_id,
                    for_s=for_s,
                    verdict=verdict,
                )
            )
        except Busy as error:
            raise Refused("busy") from error
        except (ServiceError, StoreError, RedisError) as error:
            raise Refused("unavailable", str(error)) from error
        if isinstance(answer, Outcome) and answer.status == "error":
            known = _CODES.get(answer.code or "")
            raise Refused(known) if known else Refused("unavailable", answer.message)
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
