"""OpenAI's wire: request bodies for /v1/chat/completions, and its stream as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lib.core.conversation import Message, Outcome, Usage
from lib.core.errors import GatewayError, MissingFinishReason, StreamInterrupted
from lib.core.events import (
    Event,
    Finish,
    Heartbeat,
    ProviderMetadata,
    Restart,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import (
    MAX_STOP_SEQUENCES,
    ParamAdjustment,
    Params,
    find_unsupported,
    merge_patch,
    parse_json_object,
)
from lib.core.sanitize import get_object, get_objects, parse_token_count
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import errors, finish_reasons, model_quirks
from lib.gateway.wires.refusals import RefusalDetector
from lib.gateway.wires.tool_calls import ToolCalls

PATH = "/v1/chat/completions"

_METADATA_FIELDS = ("id", "model", "object", "created", "system_fingerprint", "service_tier", "provider")
# Params fields that are sent unchanged under their own names.
_PASSTHROUGH_PARAMS = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "n",
    "user",
    "verbosity",
    "prompt_cache_key",
)


def headers(key: str) -> dict[str, str]:
    """Headers that carry the key; {} without one."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def body(
    model: str, messages: Sequence[Message], params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> dict[str, Any]:
    """Return the JSON of a request. Unset parameters are omitted, and thinking is not sent back."""
    chat = [{"role": message.role, "content": message.text} for message in messages]
    if params.system:
        chat.insert(0, {"role": "system", "content": params.system})
    request: dict[str, Any] = {"model": model, "messages": chat, "stream": params.stream}
    if params.stream:
        request["stream_options"] = {"include_usage": True}
    adapted, _ = model_quirks.adapt_params("openai", model, params, capabilities)
    request |= _build_fields(model, adapted)
    return merge_patch(request, parse_json_object(params.extra))


def with_user(body: dict[str, Any], user: str) -> dict[str, Any]:
    """Return the body with the caller's id in `user`, and in no other field that could name a user."""
    metadata = {"metadata": {"user_id": None}} if "user_id" in get_object(body, "metadata") else {}
    return merge_patch(body, {"user": user, "safety_identifier": None, **metadata})


def dropped_params(
    model: str, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> list[ParamAdjustment]:
    """Parameters that are not in the body, or not as they were set."""
    adapted, adjustments = model_quirks.adapt_params("openai", model, params, capabilities)
    adjustments += find_unsupported("openai", adapted)
    if len(adapted.stop) > MAX_STOP_SEQUENCES:
        adjustments.append(ParamAdjustment("stops", "stop", str(MAX_STOP_SEQUENCES)))
    return adjustments


def _build_fields(model: str, params: Params) -> dict[str, Any]:
    fields = {name: getattr(params, name) for name in _PASSTHROUGH_PARAMS if getattr(params, name) not in (None, "")}
    if params.max_tokens is not None:
        name = "max_completion_tokens" if model_quirks.takes_max_completion_tokens(model) else "max_tokens"
        fields[name] = params.max_tokens
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
    """Events of a stream of chunks, or of a complete response in a single frame.

    Raises the gateway's error for an error frame, StreamInterrupted without a finish reason, and
    MissingFinishReason for `[DONE]` without one: gateways send it after failures too.
    """
    parser = _StreamParser()
    return finish_reasons.ignore_errors_after_finish(_parse_events(parser, frames), lambda: parser.is_finished)


def error(status: int, headers: Mapping[str, str], payload: str) -> GatewayError:
    """Return the error for an error response, in the shape of OpenAI or of any gateway."""
    return errors.error_from_response(status, headers, payload)


def _parse_events(parser: _StreamParser, frames: Iterable[Frame]) -> Iterator[Event]:
    refusals = RefusalDetector("choices")
    for frame in frames:
        if frame.name == "comment":
            yield Heartbeat()
            continue
        try:
            chunk = frame.json()
        except StreamInterrupted:
            parser.is_incomplete = not parser.is_finished  # read on: an error may follow
            continue
        if text := parser.parse_text_chunk(chunk):
            yield text
            continue
        if not chunk and frame.data.strip() == "[DONE]":
            if not parser.is_finished:
                refusals.raise_words(has_started=parser.has_started)
            yield from parser.handle_done()
            return
        is_error = frame.name == "error" or errors.is_error(chunk)
        # A chunk with an error may hold the last text, but its finish reason does not count.
        parser.is_incomplete = parser.is_incomplete or is_error
        yield from parser.parse_chunk(chunk)
        if is_error:
            raise errors.error_from_stream_event(chunk or frame.data)
        refusals.add(frame, chunk)
    if not parser.is_finished:
        yield refusals.end(has_started=parser.has_started, is_incomplete=parser.is_incomplete)


class _StreamParser:
    """State of a stream between its chunks."""

    def __init__(self) -> None:
        self._response_id = ""
        self._same_id_count = 0  # consecutive chunks with one id
        self._reset()

    def _reset(self) -> None:
        self._reported_fields: set[str] = set()
        self._started_choices: set[int] = set()
        self._finished_choices: set[int] = set()
        self._refused_choices: set[int] = set()
        self._tool_calls: dict[int, ToolCalls] = {}
        self.is_incomplete = False  # true after a broken event: part of the answer is missing

    @property
    def is_finished(self) -> bool:
        """True if every choice that started has a finish reason."""
        return bool(self._finished_choices) and self._started_choices <= self._finished_choices

    @property
    def has_started(self) -> bool:
        return bool(self._started_choices or self._finished_choices)

    def handle_done(self) -> Iterator[Event]:
        """The end marker: an answer without any text is empty, one without a finish reason an error."""
        if self.is_incomplete:
            raise StreamInterrupted
        if not self.has_started:
            yield Finish(Outcome.EMPTY, "")
        elif not self.is_finished:
            raise MissingFinishReason

    def parse_text_chunk(self, chunk: dict[str, Any]) -> TextDelta | None:
        """Return the text of a chunk that holds nothing else, as nearly all do; None for any other chunk."""
        choices = chunk.get("choices")
        if type(choices) is not list or len(choices) != 1 or chunk.get("id") != self._response_id:
            return None
        choice = choices[0]
        if type(choice) is not dict or choice.get("finish_reason") or chunk.get("usage") or "error" in chunk:
            return None
        delta, index = choice.get("delta"), choice.get("index")
        if type(delta) is not dict or len(delta) != 1 or type(index) is not int or index not in self._started_choices:
            return None
        text = delta.get("content")
        if type(text) is not str or not text:
            return None
        self._same_id_count += 1
        return TextDelta(text, 0, index)

    def parse_chunk(self, chunk: dict[str, Any]) -> Iterator[Event]:
        choices = get_objects(chunk, "choices")
        if self._is_restart(chunk, choices):
            self._reset()
            yield Restart()
        yield from self._parse_metadata(chunk)
        for choice in choices:
            yield from self._parse_choice(choice)
        if usage := get_object(chunk, "usage"):
            yield UsageReport(_parse_usage(usage), usage)

    def _is_restart(self, chunk: dict[str, Any], choices: list[dict[str, Any]]) -> bool:
        """Return True if the gateway has started a second answer after a part of the first.

        Some servers change the id, or repeat the role, in every chunk. Only both at once, after an id
        that was stable until then, mean a restart.
        """
        response_id = chunk.get("id")
        if not isinstance(response_id, str) or not response_id or not choices:
            return False
        is_changed = bool(self._response_id) and response_id != self._response_id
        previous_count = self._same_id_count
        self._same_id_count = 0 if is_changed else previous_count + 1
        self._response_id = response_id
        repeats_role = any(
            get_object(choice, "delta").get("role") and _choice_index(choice) in self._started_choices
            for choice in choices
        )
        return is_changed and repeats_role and previous_count >= 2 and not self._finished_choices

    def _parse_metadata(self, chunk: dict[str, Any]) -> Iterator[Event]:
        fields = {
            name: chunk[name]
            for name in _METADATA_FIELDS
            if name not in self._reported_fields and isinstance(chunk.get(name), str | int) and chunk[name]
        }
        if fields:
            self._reported_fields.update(fields)
            yield ProviderMetadata(fields)

    def _parse_choice(self, choice: dict[str, Any]) -> Iterator[Event]:
        index = _choice_index(choice)
        delta = get_object(choice, "delta") or get_object(choice, "message")
        for event in _parse_delta(delta, index):
            self._started_choices.add(index)
            yield event
        for call in get_objects(delta, "tool_calls"):
            function = get_object(call, "function")
            self._tool_calls.setdefault(index, ToolCalls()).add_delta(
                call.get("index"), call.get("id"), function.get("name"), function.get("arguments")
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
    index = choice.get("index")
    return index if isinstance(index, int) and index > 0 else 0


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
        cache_read=parse_token_count(get_object(raw, "prompt_tokens_details").get("cached_tokens")),
        reasoning=parse_token_count(get_object(raw, "completion_tokens_details").get("reasoning_tokens")),
    )
