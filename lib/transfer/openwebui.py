"""Open WebUI's export: chats with a history of messages by id."""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import replace
from typing import Any

from msgspec import Struct

from lib.core.conversation import Failure, Outcome, Part, TextPart, ThinkingPart
from lib.transfer.imported import ImportedConversation, ImportedMessage
from lib.transfer.values import MAX_DETAIL_CHARS, RawTimestamp, clean_text, decode_tolerant, parse_target

NAME = "openwebui"

# Its server writes thinking and the calls of tools into the text of an answer.
_DETAILS_BLOCK = re.compile(r'<details type="([a-z_]{1,40})"[^<>]{0,2000}>(.*?)(?:</details>\n?|\Z)', re.DOTALL)
_SUMMARY_TAG = re.compile(r"\s{0,9}<summary>[^<]{0,500}</summary>\n?")
_QUOTE_PREFIX = re.compile(r"^> ?", re.MULTILINE)


class _ContentPart(Struct):
    type: str | None = None
    text: str | None = None


class _File(Struct):
    type: str | None = None


class _OutputItem(Struct):
    type: str | None = None
    content: list[_ContentPart] | None = None


class _Message(Struct, rename="camel"):
    parent_id: str | None = None
    role: str | None = None
    content: str | list[_ContentPart] | None = None
    timestamp: RawTimestamp = None
    files: list[_File] | None = None
    sources: list[Any] | None = None
    citations: list[Any] | None = None
    output: list[_OutputItem] | None = None
    error: Any = None
    done: bool | None = None
    model: str | None = None


class _History(Struct, rename="camel"):
    messages: dict[str, Any] = {}
    current_id: str | None = None


class _Params(Struct):
    system: str | None = None


class _Chat(Struct):
    id: str | None = None
    title: str | None = None
    history: _History | None = None
    timestamp: RawTimestamp = None
    tags: list[Any] | None = None
    models: list[Any] | None = None
    params: _Params | None = None
    system: str | None = None


class _Meta(Struct):
    tags: list[Any] | None = None


class _Entry(Struct):
    id: str | None = None
    title: str | None = None
    created_at: RawTimestamp = None
    updated_at: RawTimestamp = None
    meta: _Meta | None = None
    folder_id: Any = None
    pinned: bool | None = None
    archived: bool | None = None


def can_parse(item: dict[str, Any]) -> bool:
    """Check for a chat of this format, alone or in an entry of an export of all."""
    history = _raw_chat(item).get("history")
    return isinstance(history, dict) and isinstance(history.get("messages"), dict)


def parse_conversation(item: dict[str, Any], issues: Counter[str]) -> ImportedConversation:
    """Parse a chat, and count unsupported content."""
    entry, chat = decode_tolerant(item, _Entry), decode_tolerant(_raw_chat(item), _Chat)
    history = chat.history or _History()
    issues["folder"] += bool(entry.folder_id)
    issues["tag"] += len((entry.meta and entry.meta.tags) or chat.tags or ())
    return ImportedConversation(
        source=NAME,
        id=clean_text(entry.id or chat.id),
        title=clean_text(entry.title or chat.title),
        messages=[_parse_message(message_id, value, issues) for message_id, value in history.messages.items()],
        head_id=history.current_id,
        created=entry.created_at or chat.timestamp,
        updated=entry.updated_at,
        target=parse_target(chat.models[0], "openai") if chat.models else None,
        system=clean_text((chat.params and chat.params.system) or chat.system),
        pinned=entry.pinned is True,
        archived=entry.archived is True,
    )


def _raw_chat(item: dict[str, Any]) -> dict[str, Any]:
    chat = item.get("chat")
    return chat if isinstance(chat, dict) and chat else item


def _parse_message(message_id: str, value: Any, issues: Counter[str]) -> ImportedMessage:
    message = decode_tolerant(value, _Message)
    imported = ImportedMessage(message_id, message.parent_id, message.timestamp)
    if message.role not in ("user", "assistant"):
        issues["system" if message.role == "system" else "other"] += bool(value)
        return imported
    dropped_kinds = ["image" if file.type == "image" else "file" for file in message.files or ()]
    dropped_kinds += ["citation"] * len(message.sources or message.citations or ())
    content = _content_text(message.content, dropped_kinds)
    if message.role == "user":
        return replace(imported, role="user", parts=[TextPart(content)], dropped_kinds=dropped_kinds)
    failure = _parse_failure(message.error)
    default_outcome = Outcome.INTERRUPTED if message.done is False else Outcome.COMPLETE
    return replace(
        imported,
        role="assistant",
        parts=_parse_parts(content, message.output or [], dropped_kinds),
        dropped_kinds=dropped_kinds,
        target=parse_target(message.model, "openai"),
        outcome=Outcome.FAILED if failure else default_outcome,
        failure=failure,
    )


def _content_text(content: str | list[_ContentPart] | None, dropped_kinds: list[str]) -> str:
    if content is None or isinstance(content, str):
        return clean_text(content)
    dropped_kinds += ["image" if "image" in (part.type or "") else "other" for part in content if part.type != "text"]
    return "\n\n".join(clean_text(part.text) for part in content if part.type == "text" and part.text)


def _parse_parts(content: str, output: list[_OutputItem], dropped_kinds: list[str]) -> list[Part]:
    """Split an answer into text and thinking, which only newer versions keep beside the text."""
    thoughts = [thought for item in output if (thought := _reasoning_text(item))]
    parts: list[Part] = [ThinkingPart(thought) for thought in thoughts]
    end = 0
    for block in _DETAILS_BLOCK.finditer(content):
        parts.append(TextPart(content[end : block.start()].strip("\n")))
        end = block.end()
        if block[1] != "reasoning":
            dropped_kinds.append("tool")
        elif not thoughts:
            thought = html.unescape(_SUMMARY_TAG.sub("", block[2], count=1))
            parts.append(ThinkingPart(_QUOTE_PREFIX.sub("", thought).strip()))
    parts.append(TextPart(content[end:].strip("\n") if end else content))
    return parts


def _reasoning_text(item: _OutputItem) -> str:
    if item.type != "reasoning":
        return ""
    return "".join(clean_text(part.text) for part in item.content or ()).strip()


def _parse_failure(error: Any) -> Failure | None:
    if not error:
        return None
    detail = error.get("content") if isinstance(error, dict) else error
    return Failure("gateway", clean_text(detail)[:MAX_DETAIL_CHARS])
