"""The recorded answers of real servers, what they hold, and what our client makes of an answer."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib.config.settings import Settings, Timeouts
from lib.core.conversation import Message, Outcome, TextPart, Usage
from lib.core.errors import AnswerError
from lib.core.params import Params
from lib.core.reply import ChoiceReplies, Event, Reply
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires import anthropic, openai
from tests.support.replay import Canned, Replay

FOLDER = Path(__file__).parent / "transcripts"
KEY = "sk-test"
PATHS: dict[Wire, str] = {"openai": openai.PATH, "anthropic": anthropic.PATH}
QUESTION = [Message("user", (TextPart("What is it?"),))]

_OUTCOMES = {"length": Outcome.LENGTH, "max_tokens": Outcome.LENGTH, None: Outcome.INTERRUPTED}


@dataclass(frozen=True)
class Recording:
    """One file of the recordings, and what its index says a client should end with."""

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

    def canned(self, **how: Any) -> Canned:
        return Canned(self.body, self.status, {"Content-Type": self.content_type}, **how)


def _recording(entry: dict[str, Any]) -> Recording:
    expected = entry["expected"]
    text = expected["text"] or ""
    # The index says what the server sent. What it left between tags in the text is thinking all the same.
    inline, closed, rest = text.removeprefix("<think>").partition("</think>")
    tagged = text.startswith("<think>") and bool(closed)
    return Recording(
        name=entry["file"].removeprefix("llama."),
        wire="openai" if ".openai-" in entry["file"] else "anthropic",
        body=(FOLDER / entry["file"]).read_bytes(),
        status=entry["status"],
        content_type=entry["headers"]["Content-Type"],
        text=rest.lstrip() if tagged else text,
        thinking=(inline if tagged else expected["reasoning"] or "").strip(),
        usage=_usage(expected["usage"] or {}),
        finish=expected["finish"],
    )


def _usage(raw: dict[str, Any]) -> Usage:
    if "prompt_tokens" in raw:
        cached = raw["prompt_tokens_details"]["cached_tokens"]
        return Usage(raw["prompt_tokens"], raw["completion_tokens"], cached)
    if "input_tokens" in raw:
        cached = raw["cache_read_input_tokens"]
        return Usage(raw["input_tokens"] + cached, raw["output_tokens"], cached)
    return Usage()


RECORDINGS = {
    recording.name: recording
    for recording in map(_recording, json.loads((FOLDER / "index.json").read_text())["transcripts"])
}
STREAMS = [recording for name, recording in RECORDINGS.items() if name.endswith(".sse")]
REFUSALS = [recording for name, recording in RECORDINGS.items() if "-error-" in name]
WHOLE = [recording for name, recording in RECORDINGS.items() if "-nostream" in name]


@dataclass
class Heard:
    """What came of an answer: the fold of its events, and how it broke off, if it did."""

    reply: Reply
    error: AnswerError | None
    others: list[Reply] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.reply.message().text

    @property
    def thinking(self) -> str:
        return self.reply.message().thinking

    def told(self) -> dict[str, Any]:
        """All that is known of it, by names, for tables of what should be."""
        return {
            "text": self.text,
            "thinking": self.thinking,
            "parts": self.reply.parts(),
            "outcome": self.reply.outcome(),
            "reason": self.reply.finish.reason if self.reply.finish else None,
            "usage": self.reply.usage,
            "served": self.reply.provider_metadata,
            "restarts": self.reply.restart_count,
            "others": [other.message().text for other in self.others],
            "error": type(self.error) if self.error else None,
            "detail": self.error.detail if self.error else "",
        }


def hear(events: Iterable[Event]) -> Heard:
    replies = ChoiceReplies()
    error = None
    try:
        for event in events:
            replies.add(event)
    except AnswerError as raised:
        error = raised
    first, *others = replies.by_choice.values()
    return Heard(first, error, others)


def gateway(replay: Replay, idle: float = 60.0, connect: float = 20.0, retries: int = 0) -> Gateway:
    timeouts = Timeouts(connect=connect, first_byte=idle, idle=idle)
    return Gateway(Settings(api_key=KEY, base_url=replay.url, timeouts=timeouts, retries=retries))


def ask(asked: Gateway, wire: Wire, cancel: CancelToken | None = None) -> Heard:
    """What comes of one question over this wire."""
    return hear(asked.stream(Target("tiny", wire), QUESTION, Params(), cancel or CancelToken()))


def error_of(asked: Gateway, wire: Wire = "openai") -> AnswerError:
    """The error that one question ends with."""
    error = ask(asked, wire).error
    assert error is not None
    return error
