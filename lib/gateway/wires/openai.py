"""Our values to OpenAI's JSON, its frames to our events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lib.core.conversation import Message, Outcome, Usage
from lib.core.errors import Cut, GatewayError, NoLastWord
from lib.core.params import STOPS_MAX, Loss, Params, absent, json_object, merged
from lib.core.reply import Alive, Event, Finish, Restart, Served, TextDelta, ThinkingDelta, UsageReport
from lib.core.sanitize import count
from lib.gateway.transport.sse import Frame, inner
from lib.gateway.wires import errors, finish_reasons, model_quirks
from lib.gateway.wires.tool_calls import ToolCalls

PATH = "/v1/chat/completions"

_FACTS = ("id", "model", "object", "created", "system_fingerprint", "service_tier", "provider")
# What goes into the body under its own name, as it was set.
_PLAIN = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "n", "user")


def headers(key: str) -> dict[str, str]:
    """The headers that carry the key; none without one."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def body(model: str, messages: Sequence[Message], params: Params) -> dict[str, Any]:
    """The request's JSON. Untouched parameters are left out; thinking is not sent back."""
    said: list[dict[str, Any]] = [{"role": message.role, "content": message.text} for message in messages]
    if params.system:
        said.insert(0, {"role": "system", "content": params.system})
    request: dict[str, Any] = {"model": model, "messages": said, "stream": params.stream}
    if params.stream:
        request["stream_options"] = {"include_usage": True}
    fitting, _ = model_quirks.fit("openai", model, params)
    request |= _fields(model, fitting)
    return merged(request, json_object(params.extra))


def signed(body: dict[str, Any], user: str) -> dict[str, Any]:
    """The body with the name of who asks in its field, and in no other that could name somebody."""
    # The gateway drops the newer `safety_identifier` before it sends a request on.
    return merged(body, {"user": user, "safety_identifier": None, **_nobody(body)})


def _nobody(body: dict[str, Any]) -> dict[str, Any]:
    """What takes the other format's name of who asks out of a body."""
    return {"metadata": {"user_id": None}} if "user_id" in inner(body, "metadata") else {}


def losses(model: str, params: Params) -> list[Loss]:
    """What of the parameters does not go into the body, or goes in another form."""
    fitting, found = model_quirks.fit("openai", model, params)
    found += absent("openai", fitting)
    if len(fitting.stop) > STOPS_MAX:
        found.append(Loss("stops", "stop", str(STOPS_MAX)))
    return found


def _fields(model: str, params: Params) -> dict[str, Any]:
    fields = {name: getattr(params, name) for name in _PLAIN if getattr(params, name) not in (None, "")}
    if params.max_tokens is not None:
        # The reasoning families refuse the older name.
        fields["max_completion_tokens" if model_quirks.reasoning(model) else "max_tokens"] = params.max_tokens
    if params.stop:
        fields["stop"] = list(params.stop[:STOPS_MAX])
    if params.logit_bias:
        fields["logit_bias"] = json_object(params.logit_bias)
    if params.effort:
        fields["reasoning_effort"] = params.effort
    if params.format == "json":
        fields["response_format"] = {"type": "json_object"}
    elif params.format == "schema" and params.schema:
        schema = {"name": "answer", "schema": json_object(params.schema), "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    return fields


def events(frames: Iterable[Frame]) -> Iterator[Event]:
    """The events of a stream of chunks, or of one whole answer in a single frame.

    Raises the gateway's error where a frame holds one, and Cut where no finish reason came:
    `[DONE]` alone proves nothing, gateways write it after failures too.
    """
    answer = _Answer()
    return finish_reasons.kept(_events(answer, frames), lambda: answer.finished)


def _events(answer: _Answer, frames: Iterable[Frame]) -> Iterator[Event]:
    for frame in frames:
        if frame.name == "comment":
            yield Alive()
            continue
        try:
            chunk = frame.json()
        except Cut:
            answer.torn = not answer.finished  # read on: what follows may tell why
            continue
        if text := answer.plain(chunk):
            yield text
            continue
        if not chunk and frame.data.strip() == "[DONE]":
            yield from answer.done()
            return
        failed = frame.name == "error" or errors.is_error(chunk)
        # What stands beside an error may be the last text, but no last word.
        answer.torn = answer.torn or failed
        yield from answer.read(chunk)
        if failed:
            raise errors.midway(chunk or frame.data)
    if not answer.finished:
        raise Cut


def error(status: int, headers: Mapping[str, str], payload: str) -> GatewayError:
    """The error that a refusal means; this route answers in OpenAI's shape, and at times in others."""
    return errors.refusal(status, headers, payload)


class _Answer:
    """What has to be remembered from chunk to chunk."""

    def __init__(self) -> None:
        self._id = ""
        self._stable = 0  # chunks in a row with one id
        self._told: set[str] = set()
        self._begun: set[int] = set()
        self._finished: set[int] = set()
        self._refused: set[int] = set()
        self._calls: dict[int, ToolCalls] = {}
        self.torn = False  # whether an event came broken, so that something is missing

    @property
    def finished(self) -> bool:
        """Whether every alternative that began has had its last word."""
        return bool(self._finished) and self._begun <= self._finished

    def done(self) -> Iterator[Event]:
        """The end marker: an answer without a word is an empty one, one without a last word is doubtful."""
        if self.torn:
            raise Cut
        if not self._begun and not self._finished:
            yield Finish(Outcome.EMPTY, "")
        elif not self.finished:
            raise NoLastWord

    def plain(self, chunk: dict[str, Any]) -> TextDelta | None:
        """What a chunk says that adds a text and nothing else, as nearly all do; None of any other."""
        choices = chunk.get("choices")
        if type(choices) is not list or len(choices) != 1 or chunk.get("id") != self._id:
            return None
        choice = choices[0]
        if type(choice) is not dict or choice.get("finish_reason") or chunk.get("usage") or "error" in chunk:
            return None
        delta, index = choice.get("delta"), choice.get("index")
        if type(delta) is not dict or len(delta) != 1 or type(index) is not int or index not in self._begun:
            return None
        text = delta.get("content")
        if type(text) is not str or not text:
            return None
        self._stable += 1
        return TextDelta(text, 0, index)

    def read(self, chunk: dict[str, Any]) -> Iterator[Event]:
        choices = chunk.get("choices")
        listed = (
            [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
        )
        if self._anew(chunk, listed):
            self._begun, self._finished, self._refused, self._told = set(), set(), set(), set()
            self.torn, self._calls = False, {}
            yield Restart()
        yield from self._facts(chunk)
        for choice in listed:
            yield from self._choice(choice)
        if usage := inner(chunk, "usage"):
            yield UsageReport(_usage(usage), usage)

    def _anew(self, chunk: dict[str, Any], choices: list[dict[str, Any]]) -> bool:
        """Whether the gateway has begun a second answer behind a part of the first.

        Some servers change the id, or repeat the role, with every chunk. Only both at once, after an id
        that was stable until then, are the sign.
        """
        id_ = chunk.get("id")
        if not isinstance(id_, str) or not id_ or not choices:
            return False
        changed = bool(self._id) and id_ != self._id
        stable, self._stable = self._stable, 0 if changed else self._stable + 1
        self._id = id_
        role = any(inner(one, "delta").get("role") and _number(one) in self._begun for one in choices)
        return changed and role and stable >= 2 and bool(self._begun) and not self._finished

    def _facts(self, chunk: dict[str, Any]) -> Iterator[Event]:
        names = [name for name in _FACTS if name not in self._told and isinstance(chunk.get(name), str | int)]
        names = [name for name in names if chunk[name]]
        if names:
            self._told.update(names)
            yield Served({name: chunk[name] for name in names})

    def _choice(self, choice: dict[str, Any]) -> Iterator[Event]:
        index = _number(choice)
        delta = inner(choice, "delta") or inner(choice, "message")
        for event in _said(delta, index):
            self._begun.add(index)
            yield event
        pieces = delta.get("tool_calls")
        for piece in pieces if isinstance(pieces, list) else []:
            if isinstance(piece, dict):
                function = inner(piece, "function")
                calls = self._calls.setdefault(index, ToolCalls())
                calls.add(
                    piece.get("index"), piece.get("id"), function.get("name"), function.get("arguments")
                )
        if delta.get("refusal"):
            self._refused.add(index)
        reason = choice.get("finish_reason")
        if reason and not self.torn:
            self._finished.add(index)
            if index in self._calls:
                yield Served(self._calls.pop(index).facts(), index)
            yield _finish(str(reason), index, refused=index in self._refused)


def _number(choice: dict[str, Any]) -> int:
    number = choice.get("index")
    return number if isinstance(number, int) and number > 0 else 0


def _said(delta: dict[str, Any], choice: int) -> Iterator[Event]:
    thinking = delta.get("reasoning_content") or delta.get("reasoning")
    if isinstance(thinking, str) and thinking:
        yield ThinkingDelta(thinking, 0, choice)
    content = delta.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    if isinstance(content, str) and content:
        yield TextDelta(content, 0, choice)
    refusal = delta.get("refusal")
    if isinstance(refusal, str) and refusal:
        yield TextDelta(refusal, 0, choice)


def _finish(reason: str, choice: int, *, refused: bool) -> Finish:
    outcome = finish_reasons.outcome(reason)
    if refused and outcome is Outcome.COMPLETE:
        outcome = Outcome.REFUSED
    return Finish(outcome, reason, choice)


def _usage(raw: dict[str, Any]) -> Usage:
    return Usage(
        input=count(raw.get("prompt_tokens")),
        output=count(raw.get("completion_tokens")),
        cached=count(inner(raw, "prompt_tokens_details").get("cached_tokens")),
        reasoning=count(inner(raw, "completion_tokens_details").get("reasoning_tokens")),
    )
