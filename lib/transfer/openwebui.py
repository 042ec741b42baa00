"""Open WebUI's export: chats with a history of messages by id."""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import replace
from typing import Any

from lib.core.conversation import Failure, Outcome, Part, TextPart, ThinkingPart
from lib.core.sanitize import get_list, get_object, get_objects
from lib.transfer.imported import ImportedConversation, ImportedMessage
from lib.transfer.values import MAX_DETAIL_CHARS, clean_text, get_text, parse_target

NAME = "openwebui"

# Its server writes thinking and the calls of tools into the text of an answer.
_DETAILS_BLOCK = re.compile(r'<details type="([a-z_]{1,40})"[^<>]{0,2000}>(.*?)(?:</details>\n?|\Z)', re.DOTALL)
_SUMMARY_TAG = re.compile(r"\s{0,9}<summary>[^<]{0,500}</summary>\n?")
_QUOTE_PREFIX = re.compile(r"^> ?", re.MULTILINE)


def can_parse(item: dict[str, Any]) -> bool:
    """Check for a chat of this format, alone or in an entry of an export of all."""
    history = _raw_chat(item).get("history")
    return isinstance(history, dict) and isinstance(history.get("messages"), dict)


def parse_conversation(item: dict[str, Any], issues: Counter[str]) -> ImportedConversation:
    """Parse a chat, and count unsupported content."""
    chat = _raw_chat(item)
    history = get_object(chat, "history")
    messages, models = get_object(history, "messages"), get_list(chat, "models")
    issues["folder"] += bool(item.get("folder_id"))
    issues["tag"] += len(get_list(get_object(item, "meta"), "tags") or get_list(chat, "tags"))
    return ImportedConversation(
        source=NAME,
        id=get_text(item, "id") or get_text(chat, "id"),
        title=get_text(item, "title") or get_text(chat, "title"),
        messages=[_parse_message(message_id, get_object(messages, message_id), issues) for message_id in messages],
        head_id=get_text(history, "currentId"),
        created=item.get("created_at") or chat.get("timestamp"),
        updated=item.get("updated_at"),
        target=parse_target(clean_text(models[0]), "openai") if models else None,
        system=get_text(get_object(chat, "params"), "system") or get_text(chat, "system"),
        pinned=item.get("pinned") is True,
        archived=item.get("archived") is True,
    )


def _raw_chat(item: dict[str, Any]) -> dict[str, Any]:
    return get_object(item, "chat") or item


def _parse_message(message_id: str, message: dict[str, Any], issues: Counter[str]) -> ImportedMessage:
    imported = ImportedMessage(message_id, get_text(message, "parentId"), message.get("timestamp"))
    role = get_text(message, "role")
    if role not in ("user", "assistant"):
        issues["system" if role == "system" else "other"] += bool(message)
        return imported
    dropped_kinds = ["image" if file.get("type") == "image" else "file" for file in get_objects(message, "files")]
    dropped_kinds += ["citation"] * len(get_list(message, "sources") or get_list(message, "citations"))
    content = _content_text(message, dropped_kinds)
    if role == "user":
        return replace(imported, role="user", parts=[TextPart(content)], dropped_kinds=dropped_kinds)
    failure = _parse_failure(message.get("error"))
    default_outcome = Outcome.INTERRUPTED if message.get("done") is False else Outcome.COMPLETE
    return replace(
        imported,
        role="assistant",
        parts=_parse_parts(content, get_objects(message, "output"), dropped_kinds),
        dropped_kinds=dropped_kinds,
        target=parse_target(get_text(message, "model"), "openai"),
        outcome=Outcome.FAILED if failure else default_outcome,
        failure=failure,
    )


def _content_text(message: dict[str, Any], dropped_kinds: list[str]) -> str:
    texts = [get_text(message, "content")]
    for part in get_objects(message, "content"):
        if part.get("type") == "text":
            texts.append(get_text(part, "text"))
        else:
            dropped_kinds.append("image" if "image" in get_text(part, "type") else "other")
    return "\n\n".join(filter(None, texts))


def _parse_parts(content: str, output: list[dict[str, Any]], dropped_kinds: list[str]) -> list[Part]:
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


def _reasoning_text(item: dict[str, Any]) -> str:
    if item.get("type") != "reasoning":
        return ""
    return "".join(get_text(part, "text") for part in get_objects(item, "content")).strip()


def _parse_failure(error: Any) -> Failure | None:
    if not error:
        return None
    detail = error.get("content") if isinstance(error, dict) else error
    return Failure("gateway", clean_text(detail)[:MAX_DETAIL_CHARS])
