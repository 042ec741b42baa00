"""Recorded responses of real servers, and helpers that collect an answer from the client."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib.config.settings import Settings, Timeouts
from lib.core.conversation import Message, Outcome, TextPart, Usage
from lib.core.errors import AnswerError
from lib.core.events import Event
from lib.core.exchanges import Attempt, Exchange
from lib.core.params import Params
from lib.core.refused_params import RefusedParam
from lib.core.reply import ChoiceReplies, Reply
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.recorder import ExchangeRecorder
from lib.gateway.wires import anthropic, openai
from tests.support.replay import Canned, Replay

FOLDER = Path(__file__).parent / "transcripts"
KEY = "sk-test"
PATHS: dict[Wire, str] = {"openai": openai.PATH, "anthropic": anthropic.PATH}
QUESTION = [Message("user", (TextPart("What is it?"),))]
LIMIT, NO_PARAMS = 1_000_000, Params()  # bytes of a record

_OUTCOMES = {"length": Outcome.LENGTH, "max_tokens": Outcome.LENGTH, None: Outcome.INTERRUPTED}


@dataclass(frozen=True)
class Recording:
    """A recorded response, and the answer that its index expects of a client."""

    name: str
    wire: Wire
    body: bytes
    status: int
    content_type: str
    text: str
    thinking: str
    usage: Usage
    finish: str | None

    @property
    def outcome(self) -> Outcome:
        outcome = _OUTCOMES.get(self.finish, Outcome.COMPLETE)
        return Outcome.EMPTY if outcome is Outcome.COMPLETE and not self.text else outcome

    def canned(self, **options: Any) -> Canned:
        return Canned(self.body, self.status, {"Content-Type": self.content_type}, **options)


def _load_recording(entry: dict[str, Any]) -> Recording:
    expected = entry["expected"]
    text = expected["text"] or ""
    # The index has the text as the server sent it, including thinking in <think> tags.
    tagged_thinking, close_tag, tagged_text = text.removeprefix("<think>").partition("</think>")
    is_tagged = text.startswith("<think>") and bool(close_tag)
    return Recording(
        name=entry["file"].removeprefix("llama."),
        wire="openai" if ".openai-" in entry["file"] else "anthropic",
        body=(FOLDER / entry["file"]).read_bytes(),
        status=entry["status"],
        content_type=entry["headers"]["Content-Type"],
        text=tagged_text.lstrip() if is_tagged else text,
        thinking=(tagged_thinking if is_tagged else expected["reasoning"] or "").strip(),
        usage=_parse_usage(expected["usage"] or {}),
        finish=expected["finish"],
    )


def _parse_usage(raw: dict[str, Any]) -> Usage:
    if "prompt_tokens" in raw:
        cached = raw["prompt_tokens_details"]["cached_tokens"]
        return Usage(raw["prompt_tokens"], raw["completion_tokens"], cached)
    if "input_tokens" in raw:
        cached = raw["cache_read_input_tokens"]
        return Usage(raw["input_tokens"] + cached, raw["output_tokens"], cached)
    return Usage()


RECORDINGS = {
    recording.name: recording
    for recording in map(_load_recording, json.loads((FOLDER / "index.json").read_text())["transcripts"])
}
STREAMS = [recording for name, recording in RECORDINGS.items() if name.endswith(".sse")]
ERROR_RESPONSES = [recording for name, recording in RECORDINGS.items() if "-error-" in name]
COMPLETE_RESPONSES = [recording for name, recording in RECORDINGS.items() if "-nostream" in name]


@dataclass
class CollectedAnswer:
    """The fold of an answer's events, and the error that ended it."""

    reply: Reply
    error: AnswerError | None
    other_choices: list[Reply] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.reply.message().text

    @property
    def thinking(self) -> str:
        return self.reply.message().thinking

    def summary(self) -> dict[str, Any]:
        """All results by name, for tables of expectations."""
        return {
            "text": self.text,
            "thinking": self.thinking,
            "parts": self.reply.parts(),
            "outcome": self.reply.outcome(),
            "reason": self.reply.finish.reason if self.reply.finish else None,
            "usage": self.reply.usage,
            "metadata": self.reply.provider_metadata,
            "restarts": self.reply.restart_count,
            "other_choices": [reply.message().text for reply in self.other_choices],
            "error": type(self.error) if self.error else None,
            "detail": self.error.detail if self.error else "",
        }


def collect(events: Iterable[Event]) -> CollectedAnswer:
    replies = ChoiceReplies()
    error = None
    try:
        for event in events:
            replies.add(event)
    except AnswerError as raised:
        error = raised
    first, *other_choices = replies.by_choice.values()
    return CollectedAnswer(first, error, other_choices)


class Memory:
    """A memory that keeps what it learns."""

    def __init__(self, *refused: RefusedParam) -> None:
        self.refused = list(refused)

    def find(self, target: Target) -> list[RefusedParam]:
        return [refused for refused in self.refused if refused.target == target]

    def learn(self, refused: RefusedParam) -> None:
        self.refused.append(refused)

    @property
    def fields(self) -> list[tuple[str, str]]:
        return [(refused.field, refused.beside) for refused in self.refused]


def build_gateway(replay: Replay, idle: float = 60.0, connect: float = 20.0, retries: int = 0) -> Gateway:
    timeouts = Timeouts(connect=connect, first_byte=idle, idle=idle)
    return Gateway(Settings(api_key=KEY, base_url=replay.url, timeouts=timeouts, retries=retries))


def ask(gateway: Gateway, wire: Wire, cancel: CancelToken | None = None) -> CollectedAnswer:
    """Ask a question over the wire and collect the answer."""
    return collect(gateway.stream(Target("tiny", wire), QUESTION, Params(), cancel or CancelToken()))


def expect_error(gateway: Gateway, wire: Wire = "openai") -> AnswerError:
    """Ask a question and return the error that ends the answer."""
    error = ask(gateway, wire).error
    assert error is not None
    return error


def record(
    gateway: Gateway, wire: Wire = "openai", params: Params = NO_PARAMS, limit: int = LIMIT, **options
) -> Exchange:
    """Ask a question, to its end or its error, and return what was recorded."""
    recorder, target = ExchangeRecorder(limit, "c", "a"), Target(options.pop("model", "tiny"), wire)
    messages = options.pop("messages", QUESTION)
    try:
        for _ in gateway.stream(target, messages, params, CancelToken(), recorder=recorder, **options):
            pass
    except AnswerError:
        pass
    exchange = recorder.finish()
    assert exchange is not None
    return exchange


def received(attempt: Attempt) -> bytes:
    return b"".join(chunk.data for chunk in attempt.chunks)
