"""Runs of a check, each on a thread of its own that outlives the page; one at a time for each owner."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from lib.chat.gateway_check.evidence import Evidence, EvidenceCollector
from lib.chat.gateway_check.judges import TargetVerdicts
from lib.chat.gateway_check.requests import ProbeRequest, build_requests
from lib.chat.turns.ports import UsageWriter
from lib.chat.turns.request_params import CapabilitiesLookup, unknown_capabilities
from lib.chat.usage.limits import NO_LIMITS, NoLimits
from lib.chat.usage.recorder import PriceLookup, RequestInfo, RequestOutcome, UsageRecorder, unknown_price
from lib.core import errors
from lib.core.conversation import Outcome, Timing, new_id
from lib.core.events import Event
from lib.core.exchanges import Exchange
from lib.core.gateway_checks import CheckInProgress, CheckRun, RunState
from lib.core.target import Target
from lib.core.usage import UsageRecord, failed_before_output
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.recorder import ExchangeRecorder

log = logging.getLogger(__name__)

_STOP_SECONDS = 2.0  # that the server waits for a cancelled run
EVIDENCE_BYTES = 512 * 1024  # recorded of a request whose exchange is not stored
# Errors after which no further request of a run makes sense.
_FATAL = (errors.KeyRejected, errors.QuotaExhausted)


class ExchangeWriter(Protocol):
    """Storage of recorded exchanges."""

    def save(self, owner: str, exchange: Exchange) -> None: ...


class CheckStore(Protocol):
    """Storage of runs; each method may raise StoreError."""

    def start(self, owner: str, run: CheckRun) -> None:
        """Insert a run. Raises CheckInProgress while another one of the owner is running, in any process."""

    def save(self, owner: str, run: CheckRun) -> bool:
        """Save the progress or the end of a run, and that it is alive; returns False if it was deleted."""


@dataclass(frozen=True)
class CheckServices:
    """Dependencies of a run; the limits are those at the time of a request.

    With `is_user_choice`, the owner needs permission for the models. Exchanges are stored up to `max_recorded_bytes`,
    0 for none.
    """

    owner: str
    gateway: Gateway
    store: CheckStore
    usage: UsageWriter
    exchanges: ExchangeWriter
    price_lookup: PriceLookup = unknown_price
    capabilities_lookup: CapabilitiesLookup = unknown_capabilities
    get_limits: Callable[[], NoLimits] = lambda: NO_LIMITS
    uses_personal_key: bool = False
    is_user_choice: bool = True
    max_recorded_bytes: int = 0
    on_request_finished: Callable[[RequestOutcome], object] = lambda _: None


class CheckJob:
    """A run in progress. Thread-safe; `run` is its newest state."""

    def __init__(self, services: CheckServices, run: CheckRun) -> None:
        self.run = run
        self._services = services
        self._gateway = services.gateway.without_repairs()
        self._cancel = CancelToken()
        self._done = threading.Event()

    @property
    def owner(self) -> str:
        return self._services.owner

    @property
    def is_running(self) -> bool:
        return not self._done.is_set()

    def cancel(self) -> None:
        """End the run, and its request upstream."""
        self._cancel.cancel()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; returns True once it is reached."""
        return self._done.wait(seconds)

    def execute(self) -> None:
        """Send all requests, judge their answers, and save what is found as it is found."""
        state: RunState = "failed"
        error_code = errors.UnexpectedError.code
        try:
            for target in self.run.targets:
                self._check_target(target)
            state, error_code = "done", ""
        except errors.AntlerError as error:
            error_code = error.code
        except Exception as error:  # noqa: BLE001  whatever it is, the page gets an end
            log.warning("a check of the gateway failed: %s", type(error).__name__)
        finally:
            if self._cancel.cancelled:
                state, error_code = "cancelled", ""
            self._save(state=state, error_code=error_code, finished_at=time.time())
            self._done.set()

    def _check_target(self, target: Target) -> None:
        capabilities = self._services.capabilities_lookup(target.model)
        requests = build_requests(target, capabilities, self.run.probes, self.run.id)
        verdicts = TargetVerdicts(target, capabilities, self.run.probes, requests)
        self._save(results=(*self.run.results, *verdicts.skip()))
        for name, request in requests.items():
            found = None if self._cancel.cancelled else self._send(target, request)
            if found is None or self._cancel.cancelled:  # what was cut short is no evidence
                return
            new_results = tuple(verdicts.add(name, found))
            self._save(results=(*self.run.results, *new_results), step=self.run.step + 1)

    def _save(self, **changes: object) -> None:
        self.run = replace(self.run, **changes)  # type: ignore[arg-type]  # fields of CheckRun
        try:
            if not self._services.store.save(self.owner, self.run):
                self._cancel.cancel()
        except errors.StoreError:
            log.warning("a check of the gateway could not be saved")

    def _send(self, target: Target, request: ProbeRequest) -> Evidence:
        """Send a request as a row of the ledger. Raises what the limits refuse, and errors that end the run."""
        services, id_ = self._services, new_id()
        usage_bound = request.max_usage(target)
        services.get_limits().reserve(id_, target.model, usage_bound, is_user_choice=services.is_user_choice)
        info = RequestInfo(id_, None, "check", target, None, services.uses_personal_key)
        usage, collector = UsageRecorder(info, services.price_lookup), EvidenceCollector()
        recorder = ExchangeRecorder(services.max_recorded_bytes or EVIDENCE_BYTES, purpose="probe")
        outcome, failure = Outcome.FAILED, None
        try:
            for event in self._open_stream(target, request, recorder):
                usage.add_event(event)
                collector.add(event)
            outcome = Outcome.STOPPED if self._cancel.cancelled else Outcome.COMPLETE
        except errors.AnswerError as error:
            failure = error
            collector.fail(error)
            outcome = Outcome.STOPPED if self._cancel.cancelled else Outcome.FAILED
        finally:
            records = usage.finish(outcome, failure.request_id if failure else "")
            self._record(records, failure)
        exchange = recorder.finish()
        is_kept = bool(exchange and self._keep(exchange))
        if isinstance(failure, _FATAL):
            raise failure
        found = collector.finish(records[-1].timing if records else Timing(), exchange)
        if request.is_counted and not failure:
            found = replace(found, counted_tokens=self._count(target, request))
        return found if is_kept else replace(found, exchange_id="")

    def _count(self, target: Target, request: ProbeRequest) -> int | None:
        capabilities = self._services.capabilities_lookup(target.model)
        return self._gateway.count_tokens(target, request.messages, request.params, self._cancel, capabilities)

    def _open_stream(self, target: Target, request: ProbeRequest, recorder: ExchangeRecorder) -> Iterator[Event]:
        capabilities = self._services.capabilities_lookup(target.model)
        messages, params, files = request.messages, request.params, request.files
        return self._gateway.stream(target, messages, params, self._cancel, "", capabilities, files, recorder)

    def _keep(self, exchange: Exchange) -> bool:
        """Store an exchange for the inspector, where that is on; returns False without one."""
        if not self._services.max_recorded_bytes:
            return False
        try:
            self._services.exchanges.save(self.owner, exchange)
        except errors.StoreError:
            log.warning("an exchange of a check could not be saved")
            return False
        return True

    def _record(self, records: Sequence[UsageRecord], failure: errors.AnswerError | None) -> None:
        services, costs = self._services, [record.cost for record in records]
        known = sum(cost for cost in costs if cost is not None)
        total = self.run.cost
        has_unknown = any(record.cost is None and not failed_before_output(record) for record in records)
        self.run = replace(self.run, cost=None if total is None or has_unknown else total + known)
        try:
            services.usage.record(self.owner, *records)
        except errors.StoreError:
            log.warning("a request of a check could not be counted")
        code = failure.code if failure else ""
        services.on_request_finished(RequestOutcome(self.owner, records, code, failure.status if failure else None))


class CheckRegistry:
    """The runs of this process, the last one of each owner. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, CheckJob] = {}

    def start(self, services: CheckServices, run: CheckRun) -> CheckJob:
        """Save a run and start it. Raises CheckInProgress and StoreError."""
        job = CheckJob(services, run)
        with self._lock:
            running = self._jobs.get(services.owner)
            if running and running.is_running:
                raise CheckInProgress
            services.store.start(services.owner, run)
            self._jobs[services.owner] = job
        threading.Thread(target=job.execute, name="gateway-check", daemon=True).start()
        return job

    def stop(self, owner: str | None = None) -> None:
        """Cancel the runs of an owner, by default of all, and wait a moment until they are saved as such."""
        jobs = [job for job in list(self._jobs.values()) if job.is_running and owner in (None, job.owner)]
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.wait(_STOP_SECONDS)

    def find(self, owner: str) -> CheckJob | None:
        """Return the owner's run while it is in progress."""
        job = self._jobs.get(owner)
        return job if job and job.is_running else None
