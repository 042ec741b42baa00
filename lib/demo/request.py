"""Request bodies of both wires, parsed into one form."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lib.demo.deltas import count_tokens
from lib.demo.received_files import FILE_TYPES, ReceivedFile, parse_file, split_text_files
from lib.demo.wire import OPENAI, ErrorResponse

_CHINESE = re.compile("[\u3400-\u9fff]|chinese", re.IGNORECASE)


@dataclass(frozen=True)
class Turn:
    """A question with its files, and the answer to it, empty for the last question."""

    question: str
    files: tuple[ReceivedFile, ...]
    answer: str = ""


@dataclass(frozen=True)
class ParsedRequest:
    """A request for an answer.

    `prompt_tokens` is an estimate; `max_tokens` limits the deltas of a choice. `choices` is the number of
    alternatives. `effort` is that of thinking: "none" when it is off, "" when the request does not say.
    """

    body: Mapping[str, Any]
    path: str
    model: str
    system: str
    turns: tuple[Turn, ...]
    prompt_tokens: int
    max_tokens: int | None
    is_stream: bool
    wants_usage: bool
    stop_sequences: tuple[str, ...]
    choices: int
    effort: str

    @property
    def question(self) -> str:
        """The last question."""
        return self.turns[-1].question

    @property
    def is_chinese(self) -> bool:
        """True when the answer is to be in Chinese."""
        return is_chinese(self.question)


def is_chinese(text: str) -> bool:
    """Return True when `text` has Chinese characters or asks for Chinese."""
    return bool(_CHINESE.search(text))


def parse_request(body: bytes, path: str) -> ParsedRequest:
    """Parse the body of a POST to `path`. Raises ErrorResponse (400) for a body that is malformed."""
    try:
        return _parse(json.loads(body), path)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ErrorResponse(400, "invalid_request_error", "The request body is malformed.") from error


def _parse(body: Mapping[str, Any], path: str) -> ParsedRequest:
    messages = list(_messages(body))
    turns = _turns(messages)
    if not turns:
        raise ValueError("A request needs a message of the user.")
    stops = body.get("stop" if path == OPENAI else "stop_sequences") or ()
    return ParsedRequest(
        body=body,
        path=path,
        model=str(body["model"]),
        system="\n".join(text for role, text, _ in messages if role in ("system", "developer")),
        turns=turns,
        prompt_tokens=sum(count_tokens(text) for _, text, _ in messages),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        is_stream=body.get("stream") is True,
        wants_usage=(body.get("stream_options") or {}).get("include_usage") is True,
        stop_sequences=(stops,) if isinstance(stops, str) else tuple(stops),
        choices=body.get("n") or 1,
        effort=_effort(body),
    )


def _messages(body: Mapping[str, Any]) -> Iterator[tuple[str, str, list[ReceivedFile]]]:
    """Yield role, text and files of each message, the system prompt first."""
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    for message in [*system, *body["messages"]]:
        content = message.get("content") or ""
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        text = "\n".join(part["text"] for part in parts if part["type"] == "text")
        yield message["role"], text, [parse_file(part) for part in parts if part["type"] in FILE_TYPES]


def _turns(messages: list[tuple[str, str, list[ReceivedFile]]]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for role, text, files in messages:
        if role == "user":
            question, text_files = split_text_files(text)
            turns.append(Turn(question, (*files, *text_files)))
        elif role == "assistant" and turns:
            last = turns[-1]
            turns[-1] = Turn(last.question, last.files, last.answer + text)
    return tuple(turns)


def _effort(body: Mapping[str, Any]) -> str:
    if (body.get("thinking") or {}).get("type") in ("disabled", "between_tools"):
        return "none"
    return body.get("reasoning_effort") or (body.get("output_config") or {}).get("effort") or ""
