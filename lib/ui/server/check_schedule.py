"""Schedule of the gateway check: one of all processes of a team runs it, every so many hours."""

from __future__ import annotations

import logging
import threading
from urllib.parse import urlsplit

from lib.chat.gateway_check.estimate import plan_run
from lib.config.settings import CheckSchedule
from lib.core.errors import AntlerError
from lib.core.gateway_checks import DEFAULT_PROBES
from lib.core.target import WIRES, Target
from lib.core.user import User
from lib.ui.session import resources, services

INTERVAL = 60.0  # seconds between two looks at the schedule
TASK = "gateway_check"  # name of its lease
# Owner of the runs, whose requests count towards the limits of the team.
SCHEDULE_USER = User("antler:gateway-check", "Gateway check")
log = logging.getLogger(__name__)


class ScheduledChecks:
    """A thread that starts the checks of the schedule, where there is one."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

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
                run_if_due()
            except AntlerError as error:
                log.warning("a scheduled check could not be started: %s", error.code)
            except Exception:  # noqa: BLE001  the next check is due whatever this one met
                log.exception("a scheduled check could not be started")


def run_if_due() -> bool:
    """Start a check if it is due and no other process has it; returns True if it was started. Raises AntlerError."""
    schedule = resources.settings().check_schedule
    if not resources.store().gateway_checks.claim(TASK, schedule.hours * 3600.0):
        return False
    connection = resources.shared_connection()
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
    resources.gateway_checks().start(check, run)
    return True


def list_targets(schedule: CheckSchedule) -> tuple[Target, ...]:
    """Return the targets of a schedule, over both wires where it names none."""
    pairs = ((model, (wire,) if wire else WIRES) for model, wire in schedule.models)
    return tuple(dict.fromkeys(Target(model, wire) for model, wires in pairs for wire in wires))
