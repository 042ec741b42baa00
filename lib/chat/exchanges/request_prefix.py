"""Common beginning of two requests: the first place at which the later one differs from the earlier one.

Prompt caches keep the beginning of a request in the order tools, system prompt, messages. Source: platform.claude.com,
"Prompt caching", "What invalidates the cache"; developers.openai.com, "Prompt caching": tools and the schema of a
structured output are a part of the prefix, and have to be identical.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lib.chat.context.window import SUMMARY_PREFIX
from lib.chat.exchanges.request_parts import depth_of, parse_fields
from lib.core.sanitize import get_list, get_object, get_objects

Change = Literal[
    "tools",
    "system",
    "format",
    "thinking",
    "tool_choice",
    "images",
    "speed",
    "cache_key",
    "summarized",
    "truncated",
    "file",
    "edited",
    "answer",
    "joined",
]
_SYSTEM_ROLES = ("system", "developer")
_IMAGE_TYPES = ("image", "image_url")
_MARK_CHARS = 16  # of the digest of a message
_MAX_DEPTH = 200


@dataclass(frozen=True)
class PrefixDifference:
    """The first difference of two requests; `index` is that of a message of the later one, from 0, without the system
    prompt, and None for another place. `shared` is the part of the earlier request before it, from 0 to 1.
    """

    change: Change
    index: int | None = None
    role: str = ""
    shared: float = 0.0


@dataclass(frozen=True)
class _Message:
    role: str
    text: str
    files: tuple[str, ...]
    has_image: bool

    @property
    def mark(self) -> str:
        content = json.dumps([self.role, self.text, self.files]).encode()
        return hashlib.sha256(content).hexdigest()[:_MARK_CHARS]

    @property
    def size(self) -> int:
        return len(self.text) + sum(map(len, self.files)) + 1


def parse_body(text: str, file_digests: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    """Parse a recorded body, with digests in place of the marks of its files.

    {} for one that is cut, no object, or nested more deeply than the messages of a chat are.
    """
    for mark, digest in (file_digests or {}).items():
        text = text.replace(mark, f"sha256:{digest}")
    body = parse_fields(text)
    return body if body and depth_of(body) <= _MAX_DEPTH else {}


def find_difference(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> PrefixDifference | None:
    """Return where the later request stops to begin as the earlier one; None if it has all of it at its beginning.

    A later request that ends before the earlier one, as that of another answer to an earlier question, differs in
    nothing either. Takes a time that grows with the length of both.
    """
    if change := _compare_fields(earlier, later):
        return PrefixDifference(change)
    old, new = _read_messages(earlier), _read_messages(later)
    found = _compare_messages(old, new)
    if found is None and _is_claude(later) and _has_image(old) != _has_image(new):
        # The first image of a conversation, even in its newest message, invalidates all messages of Claude's cache.
        return PrefixDifference("images")
    return found


def count_blocks(body: Mapping[str, Any], start: int = 0) -> int:
    """Return the number of content blocks of the messages from an index on."""
    blocks = 0
    for message in get_objects(body, "messages")[start:]:
        blocks += len(get_list(message, "content")) or 1
    return blocks


def _has_image(messages: Sequence[_Message]) -> bool:
    return any(message.has_image for message in messages)


def _is_claude(body: Mapping[str, Any]) -> bool:
    return "claude" in str(body.get("model", "")).lower()


def _compare_fields(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> Change | None:
    """Return the first field that differs, in the order of the prefix."""
    readers: Mapping[Change, Callable[[Mapping[str, Any]], Any]] = {
        "tools": lambda body: _strip(body.get("tools") or []),
        "format": _format_of,
        "speed": lambda body: body.get("speed"),
        "system": _system_of,
        "tool_choice": lambda body: body.get("tool_choice"),
        "thinking": _thinking_of,
        "cache_key": lambda body: body.get("prompt_cache_key"),
    }
    return next((change for change, read in readers.items() if read(earlier) != read(later)), None)


def _format_of(body: Mapping[str, Any]) -> Any:
    # A change of the format of structured outputs invalidates the cache of the thread. Source: platform.claude.com,
    # "Structured outputs". A JSON object without a schema adds nothing to OpenAI's prompt.
    schema = get_object(body, "response_format").get("json_schema")
    return schema or get_object(body, "output_config").get("format")


def _system_of(body: Mapping[str, Any]) -> list[Any]:
    """Return the system prompt: a field, or the first messages."""
    system = body.get("system")
    found = [_read_content(system).text] if system else []
    for message in get_objects(body, "messages"):
        if message.get("role") not in _SYSTEM_ROLES:
            break
        found.append(_read_content(message.get("content")).text)
    return found


def _thinking_of(body: Mapping[str, Any]) -> Any:
    """Return the thinking without its display, which changes the answer only."""
    return {name: value for name, value in get_object(body, "thinking").items() if name != "display"}


def _read_messages(body: Mapping[str, Any]) -> list[_Message]:
    messages = [message for message in get_objects(body, "messages") if message.get("role") not in _SYSTEM_ROLES]
    return [_read_content(message.get("content"), str(message.get("role", ""))) for message in messages]


def _read_content(content: Any, role: str = "") -> _Message:
    """Read a content; a text alone is the same as a list of it."""
    if not isinstance(content, list):
        return _Message(role, content if isinstance(content, str) else "", (), False)
    texts, files, has_image = [], [], False
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            texts.append(str(block.get("text", "")))
        else:
            files.append(json.dumps(_strip(block), sort_keys=True))
            has_image = has_image or kind in _IMAGE_TYPES
    return _Message(role, "\0".join(texts), tuple(files), has_image)


def _strip(value: Any) -> Any:
    """Return a value without its breakpoints of the cache, which are no part of the prefix."""
    if isinstance(value, dict):
        return {name: _strip(each) for name, each in value.items() if name != "cache_control"}
    return [_strip(each) for each in value] if isinstance(value, list) else value


def _compare_messages(old: Sequence[_Message], new: Sequence[_Message]) -> PrefixDifference | None:
    total = sum(message.size for message in old) or 1
    same = 0
    for index, (one, other) in enumerate(zip(old, new, strict=False)):
        if one != other:
            return PrefixDifference(_name_change(old, new, index), index, other.role, same / total)
        same += one.size
    return None


def _name_change(old: Sequence[_Message], new: Sequence[_Message], index: int) -> Change:
    one, other = old[index], new[index]
    if other.text.startswith(SUMMARY_PREFIX) and not one.text.startswith(SUMMARY_PREFIX):
        return "summarized"
    if one.role == other.role and one.text == other.text and one.files != other.files:
        return "file"
    marks = {message.mark for message in old[index + 1 :]}
    if other.mark in marks or (one.role == other.role == "user" and other.text.startswith(SUMMARY_PREFIX)):
        return "truncated"
    is_last, has_same_files = index == len(old) - 1, one.files == other.files[: len(one.files)]
    if is_last and one.role == other.role and has_same_files and other.text.startswith(f"{one.text}\n\n"):
        # The answer between two questions was empty, so that they became one message.
        return "joined"
    return "answer" if other.role == "assistant" else "edited"
