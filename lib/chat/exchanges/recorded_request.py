"""The conversation in a recorded request: its system prompt, and its messages as a path of questions and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lib.chat.exchanges.request_parts import iter_texts, parse_fields
from lib.core.attachments import EXTENSIONS
from lib.core.conversation import FileKind, FilePart, Message, OtherPart, Part, TextPart, ThinkingPart
from lib.core.exchanges import Attempt, SentFile
from lib.core.sanitize import get_list, get_object, replace_surrogates

_TEXT_TYPES = ("text", "input_text", "output_text")
_SYSTEM_ROLES = ("system", "developer")
_MAX_LABEL, _MAX_DETAILS = 80, 2_000  # characters
_MAX_BLOCKS = 200  # of one message
MAX_MESSAGES = 2_000  # the last ones: each becomes a row, and a short text can have millions

# Files by their marks, with their numbers from 1.
Files = Mapping[str, tuple[int, SentFile]]


@dataclass(frozen=True)
class RecordedRequest:
    """The system prompt and the messages of a request, which begin and end with one of the user, and take turns."""

    system: str
    messages: tuple[Message, ...]


def read_request(attempt: Attempt, placeholder: str) -> RecordedRequest:
    """Return the conversation of a request over any wire, of a very long one the end.

    `placeholder` is the text of a question that is not there. Files are parts with their digest. What has no form of
    its own is a part that says what it was.
    """
    body = parse_fields(attempt.body) or {}
    messages: list[tuple[Literal["user", "assistant"], list[Part]]] = []
    files = {file.mark: (number, file) for number, file in enumerate(attempt.files, 1) if file.mark}
    system = [_join_texts(body.get("system"))]
    for message in _list_messages(body):
        role = message.get("role")
        if role in _SYSTEM_ROLES:
            system.append(_join_texts(message.get("content")))
            continue
        author: Literal["user", "assistant"] = "assistant" if role in ("assistant", "tool") else "user"
        parts = list(_parts_of(message, files))
        if messages and messages[-1][0] == author:
            messages[-1][1].extend(parts)
        else:
            messages.append((author, parts))
    return RecordedRequest("\n\n".join(filter(None, system)), tuple(_complete(messages, placeholder)))


def _list_messages(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the messages of a chat; those of a request for images are its prompt with its images."""
    messages = [message for message in get_list(body, "messages") if isinstance(message, dict)]
    first = len(messages) - MAX_MESSAGES
    for number, message in enumerate(messages):
        if number >= first or message.get("role") in _SYSTEM_ROLES:
            yield message
    if "prompt" in body:
        images = body.get("image")
        content = [
            {"type": "image", "image": image}
            for image in (images if isinstance(images, list) else [images])
            if image is not None
        ]
        yield {"role": "user", "content": [*content, {"type": "text", "text": body["prompt"]}]}


def _complete(
    messages: Sequence[tuple[Literal["user", "assistant"], list[Part]]], placeholder: str
) -> Iterator[Message]:
    """Yield the messages with a question at both ends, and something in each."""
    empty = (TextPart(placeholder),)
    if not messages or messages[0][0] == "assistant":
        yield Message("user", empty)
    for role, parts in messages:
        yield Message(role, tuple(parts) or (empty if role == "user" else (TextPart("…"),)))
    if messages and messages[-1][0] == "assistant":
        yield Message("user", empty)


def _parts_of(message: Mapping[str, Any], files: Files) -> Iterator[Part]:
    """Yield the parts of a message: thinking, its content, and calls of tools."""
    thinking = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thinking, str):
        yield ThinkingPart(_clean(thinking))
    content = message.get("content")
    if isinstance(content, str) and message.get("role") != "tool":
        content = [{"type": "text", "text": content}]
    elif isinstance(content, str):
        content = [{"type": "tool_result", "content": content}]
    blocks = content if isinstance(content, list) else []
    for block in [*blocks[:_MAX_BLOCKS], *get_list(message, "tool_calls")[:_MAX_BLOCKS]]:
        if part := _part_of(block, files):
            yield part


def _part_of(block: Any, files: Files) -> Part | None:
    """Return the part that a block of content stands for; None for an empty one."""
    if isinstance(block, str):
        return TextPart(_clean(block)) if block else None
    if not isinstance(block, dict):
        return None
    kind = str(block.get("type") or "")
    if kind in _TEXT_TYPES:
        text = block.get("text")
        return TextPart(_clean(text)) if isinstance(text, str) and text else None
    if kind == "thinking":
        return ThinkingPart(_clean(str(block.get("thinking") or "")), str(block.get("signature") or ""))
    if kind == "redacted_thinking":
        return ThinkingPart("", "", str(block.get("data") or ""))
    for text in iter_texts(block) if files else ():
        if text in files:
            return _file_part(block, *files[text])
    label = block.get("name") or get_object(block, "function").get("name") or ""
    return OtherPart(_clean(kind)[:_MAX_LABEL] or "content", _clean(str(label))[:_MAX_LABEL], _describe(block))


def _file_part(block: Mapping[str, Any], number: int, file: SentFile) -> FilePart:
    kind = _file_kind(file.media_type)
    named = get_object(block, "file").get("filename") or block.get("title") or block.get("filename")
    extension = EXTENSIONS.get(file.media_type, "bin")
    name = _clean(str(named or f"{kind}-{number}.{extension}"))[:200]
    return FilePart(file.digest, name, file.media_type, file.size, kind)


def _file_kind(media_type: str) -> FileKind:
    main = media_type.partition("/")[0]
    if main in ("image", "audio", "text"):
        return main  # type: ignore[return-value]  # three of the kinds
    return "pdf" if media_type == "application/pdf" else "document"


def _join_texts(content: Any) -> str:
    """Return the text of a system prompt, which is a text or a list of blocks."""
    if isinstance(content, str):
        return _clean(content)
    blocks = content if isinstance(content, list) else []
    texts = [str(block.get("text") or "") for block in blocks if isinstance(block, dict)]
    return _clean("\n\n".join(filter(None, texts)))


def _describe(block: Mapping[str, Any]) -> str:
    """Return the beginning of a block as JSON; "" for one that is nested too deeply."""
    try:
        text = json.dumps(block, ensure_ascii=False)
    except RecursionError:
        return ""
    return _clean(text if len(text) <= _MAX_DETAILS else text[:_MAX_DETAILS] + " …")


def _clean(text: str) -> str:
    return replace_surrogates(text).replace("\0", "\ufffd")
