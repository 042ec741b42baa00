"""OpenAI's stream of chunks, or a complete response, as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lib.core.conversation import ImagePart, OtherPart, Outcome, Part, SourcePart, TextPart, ThinkingPart, Usage
from lib.core.errors import MissingFinishReason, StreamInterrupted
from lib.core.events import (
    Citation,
    ContentPart,
    Event,
    Finish,
    Heartbeat,
    ProviderMetadata,
    Restart,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.core.sanitize import get_list, get_object, get_objects
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import finish_reasons
from lib.gateway.wires.content import content_parts
from lib.gateway.wires.content.audio import AudioAnswer
from lib.gateway.wires.content.citations import find_citations
from lib.gateway.wires.content.tool_calls import ToolCalls
from lib.gateway.wires.errors import responses
from lib.gateway.wires.errors.refusals import RefusalDetector
from lib.gateway.wires.frames import DamagedValue, FrameBatches, check_object, check_text, parse_frames
from lib.gateway.wires.usage import find_usage, merge_usage, parse_openai_usage

_METADATA_FIELDS = ("id", "model", "object", "created", "system_fingerprint", "service_tier", "provider")


def parse_events(frames: Iterable[Frame]) -> Iterator[Event]:
    """Events of a stream; raises as `openai.events`."""
    guard, batches = finish_reasons.FinishGuard(), FrameBatches(frames)
    return guard.wrap(batches.join_texts(_parse_frames(_StreamParser(guard), batches)))


def _parse_frames(parser: _StreamParser, frames: Iterable[Frame]) -> Iterator[Event]:
    refusals = RefusalDetector("choices")
    for frame, chunk in parse_frames(frames, lambda: parser.finish.add_damage()):
        if frame.name == "comment":
            yield Heartbeat()
            continue
        if text := parser.parse_text_chunk(chunk):
            yield text
            continue
        if not chunk and frame.data.strip() == "[DONE]":
            if not parser.finish.is_finished:
                refusals.raise_words(has_started=parser.has_started)
            yield from parser.handle_done()
            return
        failure = _find_failure(chunk)
        is_error = frame.name == "error" or bool(failure)
        # A chunk with an error may hold the last text, but its finish reason does not count.
        parser.has_error = parser.has_error or is_error
        yield from parser.parse_chunk(chunk)
        if is_error:
            raise responses.error_from_stream_event(failure or chunk or frame.data)
        refusals.add(frame, chunk)
    if parser.is_incomplete or not parser.finish.is_finished:
        yield refusals.end(has_started=parser.has_started, is_incomplete=parser.is_incomplete)


class _Choice:
    """State of one alternative between its chunks."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.block = 0  # text follows the content of its block
        self.tool_calls: ToolCalls | None = None
        self.audio = AudioAnswer()
        self.is_refused = False
        self.is_streamed = self.has_thinking = False
        self.usage = Usage()
        self._audio_block = 0
        self._audio_part: OtherPart | None = None
        self._unknown_blocks: dict[str, int] = {}
        self._seen: set[int] = set()  # hashes of images: some gateways repeat them at the end

    def to_events(self, part: Part) -> Iterator[Event]:
        match part:
            case TextPart(text):
                yield TextDelta(text, self.block, self.index)
            case ThinkingPart(text):
                yield ThinkingDelta(text, self.block, self.index)
            case SourcePart():
                yield Citation(part, 0, self.index)
            case ImagePart() | OtherPart():
                if (key := hash(part)) not in self._seen or isinstance(part, OtherPart):
                    self._seen.add(key)
                    self.block += 1
                    yield ContentPart(part, self.block, self.index)

    def add_unknown(self, name: str, part: OtherPart) -> Iterator[Event]:
        """Yield a field that nobody knows, in one place for all its deltas."""
        if name not in self._unknown_blocks:
            self.block += 1
            self._unknown_blocks[name] = self.block
        yield ContentPart(part, self._unknown_blocks[name], self.index)

    def add_tool_calls(self, delta: dict[str, Any]) -> bool:
        """Add the tool calls of a delta, also of the older form with a single call; False without any."""
        calls = get_objects(delta, "tool_calls")
        if legacy := get_object(delta, "function_call"):
            calls.append({"index": 0, "function": legacy})
        for call in calls:
            function = get_object(call, "function")
            self.tool_calls = self.tool_calls or ToolCalls()
            self.tool_calls.add_delta(
                call.get("index"), call.get("id"), function.get("name"), function.get("arguments")
            )
        return bool(calls)

    def add_audio(self, audio: dict[str, Any], *, is_streamed: bool) -> Iterator[Event]:
        """Yield the name of the audio with its length so far, and its transcript as text."""
        transcript = self.audio.add(audio, is_streamed=is_streamed)
        if not self._audio_block:
            self.block += 1
            self._audio_block = self.block
        if (part := self.audio.to_part()) != self._audio_part:
            self._audio_part = part
            yield ContentPart(part, self._audio_block, self.index)
        if transcript:
            yield TextDelta(transcript, self.block, self.index)


class _StreamParser:
    """State of a stream between its chunks."""

    def __init__(self, guard: finish_reasons.FinishGuard) -> None:
        self._guard = guard
        self._response_id = ""
        self._same_id_count = 0  # consecutive chunks with one id
        self._reset()

    def _reset(self) -> None:
        self._reported_fields: set[str] = set()
        self._choices: dict[int, _Choice] = {}
        self._usage = Usage()
        self._citations: set[Citation] = set()
        self.finish = self._guard.state = finish_reasons.FinishState()
        self.has_error = False

    @property
    def has_started(self) -> bool:
        return bool(self.finish.started or self.finish.finished)

    @property
    def is_incomplete(self) -> bool:
        return self.finish.is_damaged or self.has_error

    def handle_done(self) -> Iterator[Event]:
        """The end marker: an answer without any text is empty, one without a finish reason an error."""
        if self.is_incomplete:
            raise StreamInterrupted
        if not self.has_started:
            yield Finish(Outcome.EMPTY, "")
        elif not self.finish.is_finished:
            raise MissingFinishReason

    def parse_text_chunk(self, chunk: dict[str, Any]) -> TextDelta | None:
        """Return the text of a chunk that holds nothing else, as nearly all do; None for any other chunk."""
        choices = chunk.get("choices")
        if type(choices) is not list or len(choices) != 1 or chunk.get("id") != self._response_id:
            return None
        choice = choices[0]
        if type(choice) is not dict or len(choice) > 4 or choice.get("finish_reason") or len(chunk) > 8:
            return None
        delta, index = choice.get("delta"), choice.get("index")
        if type(delta) is not dict or len(delta) != 1 or type(index) is not int or index not in self.finish.started:
            return None
        text = delta.get("content")
        if type(text) is not str or not text or self.finish.finished or not _PLAIN_FIELDS.issuperset(chunk):
            return None
        if chunk.get("usage") or not _PLAIN_CHOICE_FIELDS.issuperset(choice):
            return None
        self._same_id_count += 1
        return TextDelta(text, self._choices[index].block, index)

    def parse_chunk(self, chunk: dict[str, Any]) -> Iterator[Event]:
        choices = get_objects(chunk, "choices")
        if self._is_restart(chunk, choices):
            self._reset()
            yield Restart()
        yield from self._parse_metadata(chunk)
        if _has_wrong_choices(chunk):
            self.finish.add_damage()
        for choice in choices:
            yield from self._parse_choice(choice)
        yield from self._find_new_citations(chunk)
        if not choices:
            yield from self._parse_image_response(chunk)
        elif "images" in chunk:  # what a search has found (Perplexity)
            for part in content_parts.parse_images(chunk["images"]):
                yield from self._choices[_choice_index(choices[0])].to_events(part)
        yield from self._parse_usage(chunk, choices)

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
            get_object(choice, "delta").get("role") and _choice_index(choice) in self.finish.started
            for choice in choices
        )
        return is_changed and repeats_role and previous_count >= 2 and not self.finish.finished

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
        state = self._choices.setdefault(index := _choice_index(choice), _Choice(_choice_index(choice)))
        reason = _find_reason(choice)
        delta: dict[str, Any] = {}
        is_repeated = False
        try:
            delta = check_object(choice.get("delta"))
            is_streamed = bool(delta)
            is_repeated = not is_streamed and state.is_streamed
            delta = delta or check_object(choice.get("message"))
            for event in self._parse_delta(state, choice, delta):
                if is_repeated and not _is_new_in_message(event, state):
                    continue
                state.has_thinking = state.has_thinking or type(event) is ThinkingDelta
                state.is_streamed = state.is_streamed or (is_streamed and type(event) is TextDelta)
                if not isinstance(event, Citation):
                    self.finish.add_text(index, is_finish_chunk=bool(reason))
                yield event
        except DamagedValue:
            self.finish.add_damage()
        yield from self._find_new_citations(choice, index)
        if not is_repeated and state.add_tool_calls(delta) and not reason:
            self.finish.add_progress(index)
        if delta.get("refusal"):
            state.is_refused = True
        if reason and not self.is_incomplete:
            self.finish.add_finish(index)
            if state.tool_calls:
                yield ProviderMetadata(state.tool_calls.to_metadata(), index)
                state.tool_calls = None
            is_tentative = not self.finish.is_choice_settled(index)
            yield _build_finish(reason, index, is_refused=state.is_refused, is_tentative=is_tentative)

    def _parse_delta(self, state: _Choice, choice: dict[str, Any], delta: dict[str, Any]) -> Iterator[Event]:
        if thinking := content_parts.parse_thinking(delta):
            yield ThinkingDelta(thinking, state.block, state.index)
        yield from self._find_new_citations(delta, state.index)
        for part in content_parts.parse_content(delta.get("content")):
            yield from state.to_events(part)
        if not delta and isinstance(text := choice.get("text"), str) and text:
            yield TextDelta(text, state.block, state.index)  # the older completions format
        if refusal := check_text(delta.get("refusal")):
            yield TextDelta(refusal, state.block, state.index)
        for part in content_parts.parse_extra_fields(delta):
            yield from state.to_events(part)
        for name, part in content_parts.parse_unknown_fields(delta):
            yield from state.to_events(part) if isinstance(part, ImagePart) else state.add_unknown(name, part)
        if audio := get_object(delta, "audio"):
            yield from state.add_audio(audio, is_streamed="delta" in choice)

    def _find_new_citations(self, payload: dict[str, Any], choice: int = 0) -> Iterator[Citation]:
        """Sources that have not come yet: some gateways repeat the whole list in every chunk."""
        for citation in find_citations(payload, choice):
            if citation not in self._citations:
                self._citations.add(citation)
                yield citation

    def _parse_image_response(self, chunk: dict[str, Any]) -> Iterator[Event]:
        """Images of a body of /v1/images/generations, with which some gateways answer for image models."""
        images = [image for image in get_list(chunk, "data") if isinstance(image, dict)]
        state = self._choices.setdefault(0, _Choice(0))
        for image in images:
            if image.get("b64_json") or image.get("url"):
                for part in content_parts.parse_images(image):
                    self.finish.add_text(0)
                    yield from state.to_events(part)
        if self.finish.started and images and not self.finish.finished:
            self.finish.add_finish(0)
            yield Finish(Outcome.COMPLETE, "")

    def _parse_usage(self, chunk: dict[str, Any], choices: list[dict[str, Any]]) -> Iterator[Event]:
        """Usage of the request, or of its choices: of these, input is one and output the sum (Moonshot)."""
        raw = find_usage(chunk)
        if not raw:
            for choice in choices:
                own = find_usage(choice) or find_usage(get_object(choice, "delta") or get_object(choice, "message"))
                if own:
                    raw = own
                    state = self._choices[_choice_index(choice)]
                    state.usage = merge_usage(state.usage, parse_openai_usage(own))
            usages = [state.usage for state in self._choices.values() if state.usage != Usage()]
            usage = usages[0] if usages else Usage()
            for other in usages[1:]:
                usage = merge_usage(other + usage, Usage(usage.input or other.input))
        else:
            usage = parse_openai_usage(raw)
        if raw:
            self._usage = merge_usage(self._usage, usage)
            if self.finish.finished and (usage.output or usage.input):
                self.finish.add_usage()
            yield UsageReport(self._usage, raw)


# Fields of a chunk, and of a choice, that say nothing about the text beside them.
_PLAIN_FIELDS = {*_METADATA_FIELDS, "choices", "usage", "obfuscation"}
_PLAIN_CHOICE_FIELDS = {"index", "delta", "finish_reason", "logprobs"}


def _find_failure(chunk: dict[str, Any]) -> dict[str, Any]:
    """Return the object with an error: the chunk, or a choice of it (OpenRouter); {} without one."""
    objects = (chunk, *get_objects(chunk, "choices"))
    return next((candidate for candidate in objects if responses.is_error(candidate)), {})


def _find_reason(choice: dict[str, Any]) -> str:
    """Return the finish reason of a choice, which some gateways put into its delta; "" for none."""
    values = (choice.get("finish_reason"), choice.get("finishReason"), get_object(choice, "delta").get("finish_reason"))
    return next((reason for value in values if (reason := finish_reasons.parse_reason(value))), "")


def _is_new_in_message(event: Event, state: _Choice) -> bool:
    """Return True for what a whole message behind its deltas adds to them; some gateways end their streams with one."""
    if isinstance(event, ContentPart):
        return isinstance(event.part, ImagePart)  # which come once
    return isinstance(event, Citation) or (type(event) is ThinkingDelta and not state.has_thinking)


def _has_wrong_choices(chunk: dict[str, Any]) -> bool:
    choices = chunk.get("choices")
    if choices is None:
        return False
    return not isinstance(choices, list) or any(item is not None and not isinstance(item, dict) for item in choices)


def _choice_index(choice: dict[str, Any]) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) and index > 0 else 0


def _build_finish(reason: str, choice_index: int, *, is_refused: bool, is_tentative: bool) -> Finish:
    outcome = finish_reasons.to_outcome(reason)
    if is_refused and outcome is Outcome.COMPLETE:
        outcome = Outcome.REFUSED
    return Finish(outcome, reason, choice_index, is_tentative)
