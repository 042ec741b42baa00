"""The one face: stream(target, messages, params), models(), prices(), balance()."""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import logging
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

from lib.config.caller import Caller
from lib.config.settings import Settings
from lib.core import errors
from lib.core.conversation import Message, TextPart
from lib.core.models import ModelList
from lib.core.params import ParamAdjustment, Params
from lib.core.pricing import Balance, Price
from lib.core.reply import (
    Event,
    Finish,
    ProviderMetadata,
    Restart,
    RetryScheduled,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.core.target import Target, Wire
from lib.gateway.catalog import balance, prices
from lib.gateway.catalog import models as catalog
from lib.gateway.transport import retry
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.request import MAX_BODY_BYTES, Response, Transport
from lib.gateway.transport.sse import Frame, iter_frames
from lib.gateway.wires import anthropic, openai, think_tags
from lib.gateway.wires import errors as faults

log = logging.getLogger(__name__)

WIRE_MODULES: dict[Wire, ModuleType] = {"openai": openai, "anthropic": anthropic}

# Seconds after the model's last word in which the count and the end of the stream should come.
TRAILING_EVENTS_TIMEOUT = 5.0
# Seconds that are waited after an error inside a stream for the count of what it has cost.
USAGE_AFTER_ERROR_TIMEOUT = 1.0
_VISIBLE_EVENTS = (TextDelta, ThinkingDelta)

# A value of each parameter that no target would take as its default.
_PROBE_VALUES: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "presence_penalty": 1.0,
    "frequency_penalty": 1.0,
    "logit_bias": "{}",
    "seed": 1,
    "effort": "low",
    "thinking": "adaptive",
    "budget": 2048,
    "stop": ("a",),
    "n": 2,
    "user": "a",
}

# Blanks before the first byte that tells a stream from JSON; with more of them it is taken for a stream.
_MAX_LEADING_WHITESPACE = 4096


class Gateway:
    """One gateway and one key. Its methods may be called from any thread."""

    def __init__(self, settings: Settings) -> None:
        self.base_url = settings.base_url
        self._api_key = settings.api_key
        self._max_retries = settings.retries
        self._transport = Transport(settings.base_url, settings.timeouts)
        self._caller = Caller()

    def with_caller(self, caller: Caller) -> Gateway:
        """The same gateway, with the same connections, whose streams say who asks."""
        asked = copy.copy(self)
        asked._caller = caller
        return asked

    def stream(
        self,
        target: Target,
        messages: Sequence[Message],
        params: Params,
        cancel: CancelToken,
        conversation_id: str = "",
    ) -> Iterator[Event]:
        """Send the path and yield what comes, until the answer's last event.

        `about` is the id of the conversation, for the team's headers that have a place for it. A request
        that fails before anything could be shown is sent again where that makes sense; a Waiting event
        comes before each such pause. Raises the AnswerError that fits: before the first event where the
        gateway refuses or is not reached, later where the stream fails or is cut. After `cancel` it ends,
        or raises any of them.
        """
        wire = WIRE_MODULES[target.wire]
        headers, body = self._build_request(target, messages, params, conversation_id)
        for attempt in itertools.count(1):
            if cancel.cancelled:
                return
            shown = False
            try:
                events = think_tags.split_thinking(self._attempt_request(wire, headers, body, cancel))
                for event in events:
                    if type(event) in _VISIBLE_EVENTS:
                        shown = True
                        yield event
                        yield from events
                    else:
                        yield event
                return
            except errors.AnswerError as error:
                # Some gateways say the key that they refuse.
                error = error.redact(self._api_key)
                pause = None if shown else retry.retry_delay(error, attempt, self._max_retries)
                if pause is None or cancel.cancelled:
                    raise error from None
                log.info("trying again in %.1f s: %s %s", pause, error.code, error.status or "")
                again = RetryScheduled(
                    pause, attempt + 1, retry.max_attempts(error, self._max_retries), error.code
                )
            yield Restart()
            yield again
            if cancel.wait(pause):
                return

    def _build_request(
        self, target: Target, messages: Sequence[Message], params: Params, conversation_id: str
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """The headers and the body, with who asks in both."""
        wire = WIRE_MODULES[target.wire]
        body = wire.body(target.model, normalize_messages(messages), params)
        if self._caller.user_id:
            body = wire.with_user(body, self._caller.user_id)
        return {**self._caller.build_headers(conversation_id), **wire.headers(self._api_key)}, body

    def _attempt_request(
        self, wire: ModuleType, headers: Mapping[str, str], body: dict[str, Any], cancel: CancelToken
    ) -> Iterator[Event]:
        """One request, and what comes of it."""
        response = self._transport.post(wire.PATH, headers, body, cancel)
        try:
            if response.status != 200:
                raise wire.error(response.status, response.headers, response.read_text())
            request_id = faults.request_id(response.headers).replace(self._api_key or "\0", "…")
            told = ProviderMetadata({"request_id": request_id})
            if request_id:
                yield told
            frames = _read_frames(response)
            try:
                for event in wire.events(frames):
                    yield event
                    if type(event) is Finish and body.get("n", 1) == 1:
                        response.set_deadline(TRAILING_EVENTS_TIMEOUT)
                    elif type(event) is Restart:
                        yield told
                response.drain()
            except errors.GatewayError:
                response.set_deadline(USAGE_AFTER_ERROR_TIMEOUT)
                yield from _read_trailing_usage(wire, frames)
                raise
        finally:
            response.close()

    def fetch_models(self) -> ModelList:
        """The models that the key may use, as the gateway lists them. Raises the AnswerError that fits."""

        def page(after: str) -> catalog.ModelPage:
            query = f"?{urlencode({'after_id': after, 'limit': 1000})}" if after else ""
            return catalog.parse_model_page(self._get_text(f"/v1/models{query}"))

        with self._redact_key():
            return catalog.fetch_all_pages(page)

    def fetch_prices(self) -> Mapping[str, Price]:
        """The gateway's own price list, where it has one. Raises the AnswerError that fits."""
        with self._redact_key():
            # It is there for everybody to read: no key goes along.
            return prices.parse_price_list(self._get_text(prices.PRICING_PATH, api_key=""))

    def fetch_balance(self) -> Balance:
        """What the gateway counts for the key. Raises the AnswerError that fits."""
        with self._redact_key():
            return balance.parse_balance(
                self._get_text(balance.SUBSCRIPTION_PATH), self._get_text(balance.USAGE_PATH)
            )

    def _get_text(self, path: str, api_key: str | None = None) -> str:
        """The whole body of an answer to a plain question."""
        response = self._transport.get(path, openai.headers(self._api_key if api_key is None else api_key))
        try:
            body = response.read_text(MAX_BODY_BYTES)
            if response.status != 200:
                raise faults.error_from_response(response.status, response.headers, body)
            return body
        finally:
            response.close()

    @contextlib.contextmanager
    def _redact_key(self) -> Iterator[None]:
        """What goes wrong here is told without the key, which some gateways say back."""
        try:
            yield
        except errors.AnswerError as error:
            raise error.redact(self._api_key) from None

    def ping(self) -> None:
        """See whether the gateway answers at all, whatever it says. Raises the NetworkError that fits."""
        self._transport.get("/v1/models", {}).close()

    def close(self) -> None:
        self._transport.close()


def dropped_params(target: Target, params: Params) -> list[ParamAdjustment]:
    """What of the parameters the target does not take as they were set.

    Of several rules for one field it is the last that says what is sent.
    """
    found: list[ParamAdjustment] = WIRE_MODULES[target.wire].dropped_params(target.model, params)
    last = {name: loss for loss in found for name in loss.param_names.split(",")}
    return [loss for loss in found if loss in last.values()]


@lru_cache(maxsize=256)  # a page asks at every run, and the answer is always the same
def unsupported_params(target: Target) -> frozenset[str]:
    """The names of the parameters that the target takes in no form, found by trying each."""
    refused: set[str] = set()
    for name, value in _PROBE_VALUES.items():
        lost = dropped_params(target, replace(Params(), **{name: value}))
        refused |= {
            name for loss in lost if loss.code in ("not_on_wire", "family") and loss.param_names == name
        }
    return frozenset(refused)


def normalize_messages(messages: Sequence[Message]) -> list[Message]:
    """The path as both wires take it: no empty message, no two neighbours of one side, a question first."""
    path: list[Message] = []
    for message in messages:
        if not message.text.strip():
            continue
        if path and path[-1].role == message.role:
            path[-1] = Message(message.role, (*path[-1].parts, TextPart("\n\n"), *message.parts))
        elif path or message.role == "user":
            path.append(message)
    return path


def _read_trailing_usage(wire: ModuleType, frames: Iterator[Frame]) -> Iterator[Event]:
    """The usage that a gateway still tells behind an error."""
    with contextlib.suppress(errors.AnswerError):
        for event in wire.events(frames):
            if isinstance(event, UsageReport):
                yield event


def _read_frames(response: Response) -> Iterator[Frame]:
    """The frames of an answer by what arrives, not by its label: a stream, or one whole JSON object."""
    chunks = response.iter_chunks()
    start = b""
    for chunk in chunks:
        start += chunk
        head = start.removeprefix(BOM_UTF8).lstrip()
        if (head and not BOM_UTF8.startswith(start)) or len(start) > _MAX_LEADING_WHITESPACE:
            break
    else:
        return
    if head.startswith(b"{"):
        whole = _read_body(start, chunks)
        try:
            json.loads(whole.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):
            # A stream, after all, that begins with bare JSON; or an object that breaks off.
            yield from iter_frames([whole])
        else:
            yield Frame("message", whole.decode("utf-8-sig", "replace").strip())
    elif head.startswith((b"<", b"[")):
        text = _read_body(start, chunks).decode("utf-8-sig", "replace")
        raise errors.InvalidResponse(faults.parse_error_body(text)[1])
    else:
        yield from iter_frames(itertools.chain((start,), chunks))


def _read_body(start: bytes, chunks: Iterator[bytes]) -> bytes:
    body = bytearray(start)
    for chunk in chunks:
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise errors.InvalidResponse(f"an answer of more than {MAX_BODY_BYTES:,} bytes")
    return bytes(body)
