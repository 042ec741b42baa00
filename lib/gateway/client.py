"""Client for one gateway: streamed answers over either wire, models, prices and balance."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

from lib.config.caller import Caller, find_header_secrets
from lib.config.settings import Settings
from lib.core.conversation import Message
from lib.core.errors import AnswerError, EndpointNotFound
from lib.core.events import (
    Event,
    Restart,
    RetryScheduled,
    TurnContinued,
)
from lib.core.exchanges import HIDDEN_HEADER, KEY_PLACEHOLDER, Reason
from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities, ModelList
from lib.core.params import ParamAdjustment, Params
from lib.core.pricing import Balance, BillingUnit, Price
from lib.core.reconciliation import RequestLog
from lib.core.refused_params import NO_MEMORY, RefusedParamMemory
from lib.core.target import Target
from lib.gateway.attempts import run_attempts, schedule_retry
from lib.gateway.audio import AudioRoutes
from lib.gateway.catalog.balance import (
    STATUS_PATH,
    SUBSCRIPTION_PATH,
    USAGE_PATH,
    default_billing_unit,
    parse_balance,
    parse_billing_unit,
)
from lib.gateway.catalog.library import Library, package_library
from lib.gateway.catalog.models import fetch_all_pages
from lib.gateway.catalog.prices import PRICING_PATH, parse_price_list
from lib.gateway.catalog.request_log import REQUEST_LOG_PATH, parse_request_log
from lib.gateway.exchange_redactor import ExchangeRedactor
from lib.gateway.json_values import parse_data_list
from lib.gateway.key_redactor import KeyRedactor
from lib.gateway.repair import RequestRepair, UnchangedRequest
from lib.gateway.response_events import end_record, filter_events, read_events
from lib.gateway.stream_end import CONTENT_EVENTS
from lib.gateway.token_count import count_tokens
from lib.gateway.transport.body import MAX_BODY_BYTES
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.recorder import AttemptRecorder, ExchangeRecorder, Redact
from lib.gateway.transport.request import Route, Transport
from lib.gateway.wires import openai, paused_turn
from lib.gateway.wires.content.request_content import NO_CONTENTS, FileContents
from lib.gateway.wires.errors.responses import error_from_response, refusal_in_list
from lib.gateway.wires.request_body import build_body, dropped_params, wire_module

log = logging.getLogger(__name__)

_NO_RECORD = contextlib.nullcontext()


class Gateway:
    """A gateway and a key for it. Methods may be called from any thread.

    All methods that send a request raise an AnswerError, from which the key is redacted. `get_read_interval` returns
    the seconds between two reads of an answer.
    """

    def __init__(
        self,
        settings: Settings,
        get_library: Callable[[], Library] = package_library,
        refused_params: RefusedParamMemory = NO_MEMORY,
        get_read_interval: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._get_read_interval = get_read_interval
        self.refused_params = refused_params
        self._get_library = get_library
        self._price_group = settings.price_group
        self.base_url = settings.base_url
        self._api_key = settings.api_key
        secrets = (settings.api_key, *sorted(find_header_secrets(settings.caller_identity.header_templates)))
        self._redactor = KeyRedactor(*secrets)
        self._exchange_redactor = ExchangeRedactor(*secrets)
        self._max_retries = settings.retries
        self._max_answer_chars = settings.server.max_answer_chars
        self._transport = Transport(settings.base_url, settings.timeouts)
        self._caller = Caller()
        self._repairs_requests = True

    def with_caller(self, caller: Caller) -> Gateway:
        """Return a copy with the same connections that identifies `caller` in the requests of `stream`."""
        view = copy.copy(self)
        view._caller = caller
        return view

    def without_repairs(self) -> Gateway:
        """Return a copy with the same connections that reads at once, and sends and repeats requests as they are.

        What models refuse is neither left out nor learnt.
        """
        view = copy.copy(self)
        view._repairs_requests, view._get_read_interval = False, lambda: 0.0
        return view

    def stream(
        self,
        target: Target,
        messages: Sequence[Message],
        params: Params,
        cancel: CancelToken,
        conversation_id: str = "",
        capabilities: Capabilities = UNKNOWN_CAPABILITIES,
        files: FileContents = NO_CONTENTS,
        recorder: ExchangeRecorder | None = None,
    ) -> Iterator[Event]:
        """Send the path `messages` and yield the events of the answer.

        A request that fails before any text or thinking is retried if the error allows it; each backoff is
        preceded by Restart and RetryScheduled. One that is refused for a parameter or for earlier thinking is sent
        again without it, at once. A turn that the vendor pauses is continued by further requests, after TurnContinued.
        `conversation_id` is for team headers. `files` are sent as they are. `recorder` takes each request with its
        response, without the key. Raises AnswerError, before the first event or in the stream. After `cancel` it ends,
        or raises the same.
        """
        headers, request = self._build_request(target, messages, params, conversation_id, capabilities, files)
        if recorder:
            adjustments = dropped_params(target, params, capabilities)
            adjustments += [
                ParamAdjustment("refused", refused.param_name or refused.field) for refused in request.left_out
            ]
            recorder.open(target, self._redactor.redact_value(adjustments))
        yield from self._stream_turn(headers, request, cancel, recorder)

    def stream_body(
        self,
        target: Target,
        body: Mapping[str, Any],
        cancel: CancelToken,
        conversation_id: str = "",
        recorder: ExchangeRecorder | None = None,
    ) -> Iterator[Event]:
        """Send a body as it is, but for the field that identifies the caller, and yield the events of the answer.

        No refusal changes it. Otherwise it does and raises what `stream` does.
        """
        headers, body = self._identify(target, dict(body), conversation_id)
        if recorder:
            recorder.open(target, ())
        yield from self._stream_turn(headers, UnchangedRequest(target, body), cancel, recorder)

    def _stream_turn(
        self,
        headers: Mapping[str, str],
        request: RequestRepair,
        cancel: CancelToken,
        recorder: ExchangeRecorder | None,
    ) -> Iterator[Event]:
        """Send the request, and further ones for the rest of a turn that the vendor pauses, and yield the events."""
        yield from self._stream_request(headers, request, cancel, recorder)
        for _ in range(paused_turn.MAX_CONTINUATIONS):
            if cancel.cancelled or not request.continue_turn():
                return
            yield TurnContinued()
            yield from self._stream_request(headers, request, cancel, recorder, "continuation")

    def _stream_request(
        self,
        headers: Mapping[str, str],
        request: RequestRepair,
        cancel: CancelToken,
        recorder: ExchangeRecorder | None,
        reason: Reason = "first",
    ) -> Iterator[Event]:
        """Send the request until it is answered or finally refused, and yield the events."""
        wire = wire_module(request.target.wire)

        def attempt() -> Iterator[Event]:
            if recorder is None:
                events = self._attempt_request(wire, headers, request, cancel)
                return filter_events(events, self._redactor, self._max_answer_chars)
            observer = self._redactor.observe()
            record = recorder.begin(reason, self._build_redact(request.target, observer))
            end = end_record(record, observer, cancel)
            events = self._attempt_request(wire, headers, request, cancel, record, end)
            return filter_events(events, observer, self._max_answer_chars)

        def schedule(error: AnswerError, number: int) -> RetryScheduled | None:
            nonlocal reason
            scheduled = self._schedule(wire, error, request, number)
            reason = "repair" if scheduled and scheduled.attempt == number else "retry"
            return scheduled

        return run_attempts(attempt, schedule, self._redactor, cancel, CONTENT_EVENTS, (Restart(),))

    @property
    def audio(self) -> AudioRoutes:
        """The audio routes, over the same connections and for the same caller."""
        return AudioRoutes(self._transport, self._redactor, self._api_key, self._caller, self._max_retries)

    def _schedule(
        self, wire: ModuleType, error: AnswerError, request: RequestRepair, attempt: int
    ) -> RetryScheduled | None:
        """Return the next attempt after a failure: at once if the request was changed, else by its class."""
        if request.repair(error):
            return RetryScheduled(0.0, attempt, attempt, error.code)
        return schedule_retry(error, attempt, self._max_retries) if wire.may_retry(error) else None

    def _build_redact(self, target: Target, observer: KeyRedactor) -> Redact:
        """Return the redaction of a recorded attempt, whose events `observer` redacts."""
        placeholders = {
            **dict.fromkeys(self._caller.fixed_headers(), HIDDEN_HEADER),
            **wire_module(target.wire).headers(KEY_PLACEHOLDER),
        }
        return partial(self._exchange_redactor.redact, target=target, placeholders=placeholders, observer=observer)

    def _build_request(
        self,
        target: Target,
        messages: Sequence[Message],
        params: Params,
        conversation_id: str,
        capabilities: Capabilities,
        files: FileContents,
    ) -> tuple[dict[str, str], RequestRepair]:
        """Headers and body of a request, which both identify the caller."""
        body = build_body(target, messages, params, capabilities, files)
        headers, body = self._identify(target, body, conversation_id)
        if not self._repairs_requests:
            return headers, UnchangedRequest(target, body)
        return headers, RequestRepair(target, body, self.refused_params)

    def _identify(
        self, target: Target, body: dict[str, Any], conversation_id: str
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """Return the headers of a request, and its body with the caller's id."""
        wire = wire_module(target.wire)
        if self._caller.user_id:
            body = wire.with_user(body, self._caller.user_id)
        return {**self._caller.build_headers(conversation_id), **wire.headers(self._api_key)}, body

    def _attempt_request(
        self,
        wire: ModuleType,
        headers: Mapping[str, str],
        request: RequestRepair,
        cancel: CancelToken,
        record: AttemptRecorder | None = None,
        end: AbstractContextManager[None] = _NO_RECORD,
    ) -> Iterator[Event]:
        """Send the request once and yield the events of its response; `record` takes it, and `end` is exited after."""
        route: Route = wire.route(request.body)
        send = self._transport.post_form if route.is_form else self._transport.post
        with end:
            response = send(route.path, headers, request.body, cancel, record)
            try:
                yield from read_events(response, request, self._get_read_interval)
            finally:
                response.close()

    def count_tokens(
        self,
        target: Target,
        messages: Sequence[Message],
        params: Params,
        cancel: CancelToken,
        capabilities: Capabilities = UNKNOWN_CAPABILITIES,
    ) -> int | None:
        """Return the gateway's own count of a prompt without files; None where it counts none, or not now."""
        if target.wire != "anthropic":
            return None
        headers, _ = self._identify(target, {}, "")
        body = build_body(target, messages, params, capabilities)
        return count_tokens(self._transport, headers, body, cancel)

    def fetch_models(self) -> ModelList:
        """Return the models available to the key, from all pages of the gateway's list."""

        def fetch_page(cursor: str) -> str:
            query = f"?{urlencode({'after_id': cursor, 'limit': 1000})}" if cursor else ""
            return self._get_text(f"/v1/models{query}")

        return fetch_all_pages(fetch_page, self._get_library())

    def fetch_prices(self) -> Mapping[str, Price]:
        """Return the gateway's own price list, by model. It is public, so the key is not sent."""
        return parse_price_list(self._get_text(PRICING_PATH, api_key=""), self._price_group)

    def fetch_billing_unit(self) -> BillingUnit:
        """Return the unit in which the gateway states amounts. It is public, so the key is not sent; never raises."""
        try:
            unit = parse_billing_unit(self._get_text(STATUS_PATH, api_key=""))
        except AnswerError as error:
            log.info("billing unit not fetched: %s %s", error.code, error.status or "")
            unit = BillingUnit()
        return (
            unit if unit.code else replace(default_billing_unit(self.base_url), quota_per_dollar=unit.quota_per_dollar)
        )

    def fetch_balance(self, unit: BillingUnit = BillingUnit()) -> Balance:  # noqa: B008  frozen
        """Return the balance of the key in the gateway's unit, as the gateway accounts for it."""
        return parse_balance(self._get_text(SUBSCRIPTION_PATH), self._get_text(USAGE_PATH), unit)

    def fetch_request_log(self, unit: BillingUnit) -> RequestLog:
        """Return the gateway's log of the key's requests; EndpointNotFound and InvalidResponse stand for no log."""
        return parse_request_log(self._get_text(REQUEST_LOG_PATH), unit)

    def ping(self) -> None:
        """Return if the gateway takes the key, and lists models or has no list.

        Raises a NetworkError if it does not respond, and another AnswerError for any other response.
        """
        with contextlib.suppress(EndpointNotFound):
            parse_data_list(self._get_text("/v1/models"))

    @property
    def is_closed(self) -> bool:
        """True after `close`, also of a gateway that this one was made from: its key is no longer in use."""
        return self._transport.is_closed

    def close(self) -> None:
        self._transport.close()

    def _get_text(self, path: str, api_key: str | None = None) -> str:
        """Return the body of a GET request. The key is redacted from it and from errors: some gateways echo it."""
        try:
            response = self._transport.get(path, openai.headers(self._api_key if api_key is None else api_key))
            try:
                body = response.read_text(MAX_BODY_BYTES)
                if response.status != 200:
                    raise error_from_response(response.status, response.headers, body)
                if refusal := refusal_in_list(body):
                    raise refusal
                return self._redactor.redact(body)
            finally:
                response.close()
        except AnswerError as error:
            raise self._redactor.redact_error(error) from None
