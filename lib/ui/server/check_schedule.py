"""Schedule of the gateway check: one of all processes of a team runs it, every so many hours."""

from __future__ import annotations

import logging
import threading
from urllib.parse import urlsplit

from lib.chat.gateway_check.estimate import plan_run
from lib.chat.gateway_check.runner import CheckJob
from lib.config.settings import CheckSchedule
from lib.core.errors import AntlerError
from lib.core.gateway_checks import DEFAULT_PROBES, CheckRun
from lib.core.target import WIRES, Target
from lib.core.user import User
from lib.ui.session import resources, services

INTERVAL = 60.0  # seconds between two looks at the schedule
FIRST_BACKOFF, MAX_BACKOFF = 300.0, 3600.0  # seconds until a check that could not begin is tried again
TASK = "gateway_check"  # name of its lease
# Owner of the runs, whose requests count towards the limits of the team.
SCHEDULE_USER = User("antler:gateway-check", "Gateway check")
log = logging.getLogger(__name__)


class ScheduledChecks:
    """A thread that starts the checks of the schedule, where there is one."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._job: CheckJob | None = None
        self._attempts = 0  # since the last check that began

    def start(self) -> None:
        threading.Thread(target=self._run, name="check-schedule", daemon=True).start()

    def stop(self) -> None:
        """End the thread, and the runs of this process."""
        self._stopped.set()
        resources.gateway_checks().stop()

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL):
            try:
                if not resources.settings().check_schedule.hours:
                    return
                self.start_if_due()
            except AntlerError as error:
                log.warning("a scheduled check could not be started: %s", error.code)
            except Exception:  # noqa: BLE001  the next check is due whatever this one met
                log.exception("a scheduled check could not be started")

    def start_if_due(self) -> CheckJob | None:
        """Start a check if it is due and no other process has it. Raises AntlerError.

        One that does not begin is due again after a backoff, and any other one after the period of the schedule.
        """
        schedule = resources.settings().check_schedule
        period, checks = schedule.hours * 3600.0, resources.store().gateway_checks
        if self._job and not self._job.is_running:
            self._attempts = 0 if _has_begun(self._job.run) else self._attempts
            if self._attempts:
                checks.postpone(TASK, self._backoff(period))
            self._job = None
        if not checks.claim(TASK, self._backoff(period)):
            return None
        self._attempts += 1
        self._job = _start_check(schedule)
        checks.postpone(TASK, period)
        return self._job

    def _backoff(self, period: float) -> float:
        return min(FIRST_BACKOFF * (1 << self._attempts), MAX_BACKOFF, period)


def _has_begun(run: CheckRun) -> bool:
    """Tell if a request of a run was answered. A limit or a rejected key ends a run before that."""
    return run.state != "failed" or run.step > 0


def _start_check(schedule: CheckSchedule) -> CheckJob:
    connection = resources.shared_connection()
    connection.gateway.ping()
    connection.catalog.model_list_with_prices(services.MODEL_LIST_TIMEOUT)
    check = services.build_check_services(SCHEDULE_USER, connection, is_user_choice=False)
    run = plan_run(
        list_targets(schedule),
        DEFAULT_PROBES,
        urlsplit(connection.gateway.base_url).netloc,
        check.capabilities_lookup,
        check.price_lookup,
        is_team=True,
        is_scheduled=True,
    )
    return resources.gateway_checks().start(check, run)


def list_targets(schedule: CheckSchedule) -> tuple[Target, ...]:
    """Return the targets of a schedule, over both wires where it names none."""
    pairs = ((model, (wire,) if wire else WIRES) for model, wire in schedule.models)
    return tuple(dict.fromkeys(Target(model, wire) for model, wires in pairs for wire in wires))
