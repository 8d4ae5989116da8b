"""What the incidents stage goes by at an instant, out of rule set and routes in force. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from alerts.model import SEVERITY_RANK, Alert, Severity
from alerts.routing.calendar import active_mutes, local
from alerts.routing.plan import muted_by
from alerts.routing.routeset import RouteSet
from alerts.ruleset import Escalation, Grouping, Inhibition, RuleSet

__all__ = ["NO_POLICY", "Policy"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The parts of the two sets that decide about suppression and escalation.

    Attributes:
        versions: of the rule set and of the routes; another pair is another policy.
        zone: the deployment's time zone, for mute times.
    """

    inhibit: tuple[Inhibition, ...] = ()
    group: tuple[Grouping, ...] = ()
    escalate: tuple[Escalation, ...] = ()
    routes: RouteSet | None = None
    versions: tuple[int, int] = (0, 0)
    zone: ZoneInfo | None = None

    @classmethod
    def of(cls, rules: RuleSet, routes: RouteSet, zone: ZoneInfo) -> Policy:
        """Return the policy of two sets."""
        versions = (rules.version, routes.version)
        return cls(rules.inhibit, rules.group, rules.escalate, routes, versions, zone)

    def ladder(self, severity: Severity) -> list[Escalation]:
        """Return the steps for an alert, soonest first; a step is for its severity and worse ones."""
        rank = SEVERITY_RANK[severity]
        steps = [step for step in self.escalate if SEVERITY_RANK[step.severity] <= rank]
        return sorted(steps, key=lambda step: step.after_s)

    def mutes(self, at_ms: int) -> tuple[int, ...]:
        """Return the indices of the mute times that hold at an instant."""
        if self.routes is None or self.zone is None:
            return ()
        return active_mutes(self.routes, local(at_ms, self.zone))

    def muted_by(self, alert: Alert, active: tuple[int, ...], at_ms: int) -> tuple[str, ...]:
        """Return the names of the active mute times that are meant for an alert."""
        if self.routes is None or self.zone is None or not active:
            return ()
        return muted_by(self.routes, alert.to_record(), active=active, at_ms=at_ms, zone=self.zone)


NO_POLICY: Final = Policy()
"""Nothing is suppressed but by silences, nothing escalates."""
