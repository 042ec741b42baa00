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
from lib.core.conversation import Message, Text
from lib.core.models import Listing
from lib.core.params import Loss, Params
from lib.core.pricing import Balance, Price
from lib.core.reply import Event, Finish, Restart, Served, TextDelta, ThinkingDelta, UsageReport, Waiting
from lib.core.target import Target, Wire
from lib.gateway.catalog import balance, prices
from lib.gateway.catalog import models as catalog
from lib.gateway.transport import retry
from lib.gateway.transport.cancel import Cancel
from lib.gateway.transport.request import MAX_WHOLE_BODY, Response, Transport
from lib.gateway.transport.sse import Frame, frames
from lib.gateway.wires import anthropic, openai, think_tags
from lib.gateway.wires import errors as faults

log = logging.getLogger(__name__)

WIRES: dict[Wire, ModuleType] = {"openai": openai, "anthropic": anthropic}

# Seconds after the model's last word in which the count and the end of the stream should come.
LAST_WORDS_SECONDS = 5.0
# Seconds that are waited after an error inside a stream for the count of what it has cost.
LAST_COUNT_SECONDS = 1.0
_SHOWN = (TextDelta, ThinkingDelta)

# A value of each parameter that no target would take as its default.
_PROBES: dict[str, Any] = {
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
_BLANK_MAX = 4096


class Gateway:
    """One gateway and one key. Its methods may be called from any thread."""

    def __init__(self, settings: Settings) -> None:
        self.base_url = settings.base_url
        self._key = settings.api_key
        self._retries = settings.retries
        self._transport = Transport(settings.base_url, settings.timeouts)
        self._caller = Caller()

    def asked_by(self, caller: Caller) -> Gateway:
        """The same gateway, with the same connections, whose streams say who asks."""
        asked = copy.copy(self)
        asked._caller = caller
        return asked

    def stream(
        self, target: Target, messages: Sequence[Message], params: Params, cancel: Cancel, about: str = ""
    ) -> Iterator[Event]:
        """Send the path and yield what comes, until the answer's last event.

        `about` is the id of the conversation, for the team's headers that have a place for it. A request
        that fails before anything could be shown is sent again where that makes sense; a Waiting event
        comes before each such pause. Raises the AnswerError that fits: before the first event where the
        gateway refuses or is not reached, later where the stream fails or is cut. After `cancel` it ends,
        or raises any of them.
        """
        wire = WIRES[target.wire]
        headers, body = self._request(target, messages, params, about)
        for attempt in itertools.count(1):
            if cancel.cancelled:
                return
            shown = False
            try:
                events = think_tags.told_apart(self._once(wire, headers, body, cancel))
                for event in events:
                    if type(event) in _SHOWN:
                        shown = True
                        yield event
                        yield from events
                    else:
                        yield event
                return
            except errors.AnswerError as error:
                # Some gateways say the key that they refuse.
                error = error.without(self._key)
                pause = None if shown else retry.pause(error, attempt, self._retries)
                if pause is None or cancel.cancelled:
                    raise error from None
                log.info("trying again in %.1f s: %s %s", pause, error.code, error.status or "")
                again = Waiting(pause, attempt + 1, retry.attempts(error, self._retries), error.code)
            yield Restart()
            yield again
            if cancel.wait(pause):
                return

    def _request(
        self, target: Target, messages: Sequence[Message], params: Params, about: str
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """The headers and the body, with who asks in both."""
        wire = WIRES[target.wire]
        body = wire.body(target.model, cleaned(messages), params)
        if self._caller.user:
            body = wire.signed(body, self._caller.user)
        return {**self._caller.headers(about), **wire.headers(self._key)}, body

    def _once(
        self, wire: ModuleType, headers: Mapping[str, str], body: dict[str, Any], cancel: Cancel
    ) -> Iterator[Event]:
        """One request, and what comes of it."""
        response = self._transport.post(wire.PATH, headers, body, cancel)
        try:
            if response.status != 200:
                raise wire.error(response.status, response.headers, response.text())
            request_id = faults.request_id(response.headers).replace(self._key or "\0", "…")
            told = Served({"request_id": request_id})
            if request_id:
                yield told
            frames = _frames(response)
            try:
                for event in wire.events(frames):
                    yield event
                    if type(event) is Finish and body.get("n", 1) == 1:
                        response.hurry(LAST_WORDS_SECONDS)
                    elif type(event) is Restart:
                        yield told
                response.drain()
            except errors.GatewayError:
                response.hurry(LAST_COUNT_SECONDS)
                yield from _last_count(wire, frames)
                raise
        finally:
            response.close()

    def models(self) -> Listing:
        """The models that the key may use, as the gateway lists them. Raises the AnswerError that fits."""

        def page(after: str) -> catalog.Page:
            query = f"?{urlencode({'after_id': after, 'limit': 1000})}" if after else ""
            return catalog.read(self._got(f"/v1/models{query}"))

        with self._unsaid():
            return catalog.collected(page)

    def prices(self) -> Mapping[str, Price]:
        """The gateway's own price list, where it has one. Raises the AnswerError that fits."""
        with self._unsaid():
            # It is there for everybody to read: no key goes along.
            return prices.read(self._got(prices.PATH, key=""))

    def balance(self) -> Balance:
        """What the gateway counts for the key. Raises the AnswerError that fits."""
        with self._unsaid():
            return balance.read(self._got(balance.SUBSCRIPTION), self._got(balance.USAGE))

    def _got(self, path: str, key: str | None = None) -> str:
        """The whole body of an answer to a plain question."""
        response = self._transport.get(path, openai.headers(self._key if key is None else key))
        try:
            body = response.text(MAX_WHOLE_BODY)
            if response.status != 200:
                raise faults.refusal(response.status, response.headers, body)
            return body
        finally:
            response.close()

    @contextlib.contextmanager
    def _unsaid(self) -> Iterator[None]:
        """What goes wrong here is told without the key, which some gateways say back."""
        try:
            yield
        except errors.AnswerError as error:
            raise error.without(self._key) from None

    def reach(self) -> None:
        """See whether the gateway answers at all, whatever it says. Raises the NetworkError that fits."""
        self._transport.get("/v1/models", {}).close()

    def close(self) -> None:
        self._transport.close()


def losses(target: Target, params: Params) -> list[Loss]:
    """What of the parameters the target does not take as they were set.

    Of several rules for one field it is the last that says what is sent.
    """
    found: list[Loss] = WIRES[target.wire].losses(target.model, params)
    last = {name: loss for loss in found for name in loss.field.split(",")}
    return [loss for loss in found if loss in last.values()]


@lru_cache(maxsize=256)  # a page asks at every run, and the answer is always the same
def not_taken(target: Target) -> frozenset[str]:
    """The names of the parameters that the target takes in no form, found by trying each."""
    refused: set[str] = set()
    for name, value in _PROBES.items():
        lost = losses(target, replace(Params(), **{name: value}))
        refused |= {name for loss in lost if loss.rule in ("not_on_wire", "family") and loss.field == name}
    return frozenset(refused)


def cleaned(messages: Sequence[Message]) -> list[Message]:
    """The path as both wires take it: no empty message, no two neighbours of one side, a question first."""
    path: list[Message] = []
    for message in messages:
        if not message.text.strip():
            continue
        if path and path[-1].role == message.role:
            path[-1] = Message(message.role, (*path[-1].parts, Text("\n\n"), *message.parts))
        elif path or message.role == "user":
            path.append(message)
    return path


def _last_count(wire: ModuleType, frames: Iterator[Frame]) -> Iterator[Event]:
    """The usage that a gateway still tells behind an error."""
    with contextlib.suppress(errors.AnswerError):
        for event in wire.events(frames):
            if isinstance(event, UsageReport):
                yield event


def _frames(response: Response) -> Iterator[Frame]:
    """The frames of an answer by what arrives, not by its label: a stream, or one whole JSON object."""
    chunks = response.chunks()
    start = b""
    for chunk in chunks:
        start += chunk
        head = start.removeprefix(BOM_UTF8).lstrip()
        if (head and not BOM_UTF8.startswith(start)) or len(start) > _BLANK_MAX:
            break
    else:
        return
    if head.startswith(b"{"):
        whole = _joined(start, chunks)
        try:
            json.loads(whole.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):
            # A stream, after all, that begins with bare JSON; or an object that breaks off.
            yield from frames([whole])
        else:
            yield Frame("message", whole.decode("utf-8-sig", "replace").strip())
    elif head.startswith((b"<", b"[")):
        text = _joined(start, chunks).decode("utf-8-sig", "replace")
        raise errors.Unreadable(faults.said(text)[1])
    else:
        yield from frames(itertools.chain((start,), chunks))


def _joined(start: bytes, chunks: Iterator[bytes]) -> bytes:
    body = bytearray(start)
    for chunk in chunks:
        body += chunk
        if len(body) > MAX_WHOLE_BODY:
            raise errors.Unreadable(f"an answer of more than {MAX_WHOLE_BODY:,} bytes")
    return bytes(body)
