"""Our values to OpenAI's JSON, its frames to our events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lib.core.conversation import Message, Outcome, Usage
from lib.core.errors import GatewayError, MissingFinishReason, StreamInterrupted
from lib.core.params import (
    MAX_STOP_SEQUENCES,
    ParamAdjustment,
    Params,
    find_unsupported,
    merge_patch,
    parse_json_object,
)
from lib.core.reply import (
    Event,
    Finish,
    Heartbeat,
    ProviderMetadata,
    Restart,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.core.sanitize import parse_token_count
from lib.gateway.transport.sse import Frame, get_object
from lib.gateway.wires import errors, finish_reasons, model_quirks
from lib.gateway.wires.tool_calls import ToolCalls

PATH = "/v1/chat/completions"

_METADATA_FIELDS = ("id", "model", "object", "created", "system_fingerprint", "service_tier", "provider")
# What goes into the body under its own name, as it was set.
_PASSTHROUGH_PARAMS = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "n", "user")


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
    fitting, _ = model_quirks.adapt_params("openai", model, params)
    request |= _build_fields(model, fitting)
    return merge_patch(request, parse_json_object(params.extra))


def with_user(body: dict[str, Any], user: str) -> dict[str, Any]:
    """The body with the name of who asks in its field, and in no other that could name somebody."""
    # The gateway drops the newer `safety_identifier` before it sends a request on.
    return merge_patch(body, {"user": user, "safety_identifier": None, **_metadata_user_patch(body)})


def _metadata_user_patch(body: dict[str, Any]) -> dict[str, Any]:
    """What takes the other format's name of who asks out of a body."""
    return {"metadata": {"user_id": None}} if "user_id" in get_object(body, "metadata") else {}


def dropped_params(model: str, params: Params) -> list[ParamAdjustment]:
    """What of the parameters does not go into the body, or goes in another form."""
    fitting, found = model_quirks.adapt_params("openai", model, params)
    found += find_unsupported("openai", fitting)
    if len(fitting.stop) > MAX_STOP_SEQUENCES:
        found.append(ParamAdjustment("stops", "stop", str(MAX_STOP_SEQUENCES)))
    return found


def _build_fields(model: str, params: Params) -> dict[str, Any]:
    fields = {
        name: getattr(params, name) for name in _PASSTHROUGH_PARAMS if getattr(params, name) not in (None, "")
    }
    if params.max_tokens is not None:
        # The reasoning families refuse the older name.
        fields["max_completion_tokens" if model_quirks.is_openai_reasoning(model) else "max_tokens"] = (
            params.max_tokens
        )
    if params.stop:
        fields["stop"] = list(params.stop[:MAX_STOP_SEQUENCES])
    if params.logit_bias:
        fields["logit_bias"] = parse_json_object(params.logit_bias)
    if params.effort:
        fields["reasoning_effort"] = params.effort
    if params.format == "json":
        fields["response_format"] = {"type": "json_object"}
    elif params.format == "schema" and params.schema:
        schema = {"name": "answer", "schema": parse_json_object(params.schema), "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    return fields


def events(frames: Iterable[Frame]) -> Iterator[Event]:
    """The events of a stream of chunks, or of one whole answer in a single frame.

    Raises the gateway's error where a frame holds one, and Cut where no finish reason came:
    `[DONE]` alone proves nothing, gateways write it after failures too.
    """
    answer = _StreamParser()
    return finish_reasons.ignore_errors_after_finish(
        _parse_events(answer, frames), lambda: answer.is_finished
    )


def _parse_events(parser: _StreamParser, frames: Iterable[Frame]) -> Iterator[Event]:
    for frame in frames:
        if frame.name == "comment":
            yield Heartbeat()
            continue
        try:
            chunk = frame.json()
        except StreamInterrupted:
            parser.is_incomplete = not parser.is_finished  # read on: what follows may tell why
            continue
        if text := parser.parse_text_chunk(chunk):
            yield text
            continue
        if not chunk and frame.data.strip() == "[DONE]":
            yield from parser.handle_done()
            return
        failed = frame.name == "error" or errors.is_error(chunk)
        # What stands beside an error may be the last text, but no last word.
        parser.is_incomplete = parser.is_incomplete or failed
        yield from parser.parse_chunk(chunk)
        if failed:
            raise errors.error_from_stream_event(chunk or frame.data)
    if not parser.is_finished:
        raise StreamInterrupted


def error(status: int, headers: Mapping[str, str], payload: str) -> GatewayError:
    """The error that a refusal means; this route answers in OpenAI's shape, and at times in others."""
    return errors.error_from_response(status, headers, payload)


class _StreamParser:
    """What has to be remembered from chunk to chunk."""

    def __init__(self) -> None:
        self._response_id = ""
        self._same_id_count = 0  # chunks in a row with one id
        self._reported_fields: set[str] = set()
        self._started_choices: set[int] = set()
        self._finished_choices: set[int] = set()
        self._refused_choices: set[int] = set()
        self._tool_calls: dict[int, ToolCalls] = {}
        self.is_incomplete = False  # whether an event came broken, so that something is missing

    @property
    def is_finished(self) -> bool:
        """Whether every alternative that began has had its last word."""
        return bool(self._finished_choices) and self._started_choices <= self._finished_choices

    def handle_done(self) -> Iterator[Event]:
        """The end marker: an answer without a word is an empty one, one without a last word is doubtful."""
        if self.is_incomplete:
            raise StreamInterrupted
        if not self._started_choices and not self._finished_choices:
            yield Finish(Outcome.EMPTY, "")
        elif not self.is_finished:
            raise MissingFinishReason

    def parse_text_chunk(self, chunk: dict[str, Any]) -> TextDelta | None:
        """What a chunk says that adds a text and nothing else, as nearly all do; None of any other."""
        choices = chunk.get("choices")
        if type(choices) is not list or len(choices) != 1 or chunk.get("id") != self._response_id:
            return None
        choice = choices[0]
        if type(choice) is not dict or choice.get("finish_reason") or chunk.get("usage") or "error" in chunk:
            return None
        delta, index = choice.get("delta"), choice.get("index")
        if (
            type(delta) is not dict
            or len(delta) != 1
            or type(index) is not int
            or index not in self._started_choices
        ):
            return None
        text = delta.get("content")
        if type(text) is not str or not text:
            return None
        self._same_id_count += 1
        return TextDelta(text, 0, index)

    def parse_chunk(self, chunk: dict[str, Any]) -> Iterator[Event]:
        choices = chunk.get("choices")
        listed = (
            [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
        )
        if self._is_restart(chunk, listed):
            self._started_choices, self._finished_choices, self._refused_choices, self._reported_fields = (
                set(),
                set(),
                set(),
                set(),
            )
            self.is_incomplete, self._tool_calls = False, {}
            yield Restart()
        yield from self._parse_metadata(chunk)
        for choice in listed:
            yield from self._parse_choice(choice)
        if usage := get_object(chunk, "usage"):
            yield UsageReport(_parse_usage(usage), usage)

    def _is_restart(self, chunk: dict[str, Any], choices: list[dict[str, Any]]) -> bool:
        """Whether the gateway has begun a second answer behind a part of the first.

        Some servers change the id, or repeat the role, with every chunk. Only both at once, after an id
        that was stable until then, are the sign.
        """
        id_ = chunk.get("id")
        if not isinstance(id_, str) or not id_ or not choices:
            return False
        changed = bool(self._response_id) and id_ != self._response_id
        stable, self._same_id_count = self._same_id_count, 0 if changed else self._same_id_count + 1
        self._response_id = id_
        role = any(
            get_object(one, "delta").get("role") and _choice_index(one) in self._started_choices
            for one in choices
        )
        return changed and role and stable >= 2 and bool(self._started_choices) and not self._finished_choices

    def _parse_metadata(self, chunk: dict[str, Any]) -> Iterator[Event]:
        names = [
            name
            for name in _METADATA_FIELDS
            if name not in self._reported_fields and isinstance(chunk.get(name), str | int)
        ]
        names = [name for name in names if chunk[name]]
        if names:
            self._reported_fields.update(names)
            yield ProviderMetadata({name: chunk[name] for name in names})

    def _parse_choice(self, choice: dict[str, Any]) -> Iterator[Event]:
        index = _choice_index(choice)
        delta = get_object(choice, "delta") or get_object(choice, "message")
        for event in _parse_delta(delta, index):
            self._started_choices.add(index)
            yield event
        pieces = delta.get("tool_calls")
        for piece in pieces if isinstance(pieces, list) else []:
            if isinstance(piece, dict):
                function = get_object(piece, "function")
                calls = self._tool_calls.setdefault(index, ToolCalls())
                calls.add_delta(
                    piece.get("index"), piece.get("id"), function.get("name"), function.get("arguments")
                )
        if delta.get("refusal"):
            self._refused_choices.add(index)
        reason = choice.get("finish_reason")
        if reason and not self.is_incomplete:
            self._finished_choices.add(index)
            if index in self._tool_calls:
                yield ProviderMetadata(self._tool_calls.pop(index).to_metadata(), index)
            yield _build_finish(str(reason), index, is_refused=index in self._refused_choices)


def _choice_index(choice: dict[str, Any]) -> int:
    number = choice.get("index")
    return number if isinstance(number, int) and number > 0 else 0


def _parse_delta(delta: dict[str, Any], choice_index: int) -> Iterator[Event]:
    thinking = delta.get("reasoning_content") or delta.get("reasoning")
    if isinstance(thinking, str) and thinking:
        yield ThinkingDelta(thinking, 0, choice_index)
    content = delta.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    if isinstance(content, str) and content:
        yield TextDelta(content, 0, choice_index)
    refusal = delta.get("refusal")
    if isinstance(refusal, str) and refusal:
        yield TextDelta(refusal, 0, choice_index)


def _build_finish(reason: str, choice_index: int, *, is_refused: bool) -> Finish:
    outcome = finish_reasons.to_outcome(reason)
    if is_refused and outcome is Outcome.COMPLETE:
        outcome = Outcome.REFUSED
    return Finish(outcome, reason, choice_index)


def _parse_usage(raw: dict[str, Any]) -> Usage:
    return Usage(
        input=parse_token_count(raw.get("prompt_tokens")),
        output=parse_token_count(raw.get("completion_tokens")),
        cached=parse_token_count(get_object(raw, "prompt_tokens_details").get("cached_tokens")),
        reasoning=parse_token_count(get_object(raw, "completion_tokens_details").get("reasoning_tokens")),
    )
