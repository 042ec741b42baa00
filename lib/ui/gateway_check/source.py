"""Source of a check: the team's gateway for administrators, or the gateway of a personal key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.chat.gateway_check.estimate import plan_run
from lib.chat.gateway_check.runner import CheckJob
from lib.core.gateway_checks import CheckRun
from lib.core.models import Capabilities, ModelList
from lib.core.pricing import ModelPrice
from lib.core.target import Target
from lib.core.user import User
from lib.ui.session import resources, services


@dataclass(frozen=True)
class CheckSource:
    """The gateway that is checked: with the team's key if `is_team`."""

    is_team: bool

    def key(self, name: str) -> str:
        """Return the key of a widget."""
        return f"check-{'team' if self.is_team else 'own'}-{name}"

    def model_list(self) -> ModelList:
        return services.check_connection(is_team=self.is_team).catalog.model_list(services.MODEL_LIST_WAIT)

    def capabilities(self, model_id: str) -> Capabilities:
        return services.capabilities_at(services.check_connection(is_team=self.is_team), model_id)

    def price_lookup(self, model_id: str) -> ModelPrice | None:
        return services.check_connection(is_team=self.is_team).prices.price_of(model_id)

    def list_runs(self, user: User) -> list[CheckRun]:
        """Return the saved runs, the newest first. Raises StoreError."""
        if self.is_team:
            return resources.store().gateway_checks.list_team()
        return [run for run in resources.store().gateway_checks.list_own(user.id) if not run.is_team]

    def find_job(self, user: User) -> CheckJob | None:
        """Return the user's run in this process while it is in progress."""
        job = resources.gateway_checks().find(user.id)
        return job if job and job.run.is_team == self.is_team else None

    def start(self, user: User, targets: Sequence[Target], probes: Sequence[str]) -> None:
        """Start a run. Raises CheckInProgress and StoreError."""
        host = services.check_host(is_team=self.is_team)
        run = plan_run(targets, probes, host, self.capabilities, self.price_lookup, is_team=self.is_team)
        resources.gateway_checks().start(services.check_services(is_team=self.is_team), run)


TEAM, PERSONAL = CheckSource(is_team=True), CheckSource(is_team=False)
