"""Claude's conversations.json: a list of messages, each of content blocks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Literal

from lib.core.conversation import Part, TextPart, ThinkingPart
from lib.core.sanitize import get_list, get_object, get_objects
from lib.transfer.documents import parse_artifact
from lib.transfer.imported import ImportedConversation, ImportedMessage
from lib.transfer.values import clean_line, fence_code, get_text, parse_target

NAME = "claude"

_ROLES: dict[str | None, Literal["user", "assistant"]] = {
    "human": "user",
    "user": "user",
    "assistant": "assistant",
}
_DROPPED_KINDS = {
    "tool_use": "tool",
    "server_tool_use": "tool",
    "tool_result": "tool",
    "web_search_tool_result": "tool",
    "image": "image",
    "document": "file",
    "voice_note": "audio",
}
_IGNORED_TYPES = ("token_budget", "flag")  # blocks without text


def can_parse(item: dict[str, Any]) -> bool:
    """Check for a conversation of this format."""
    return isinstance(item.get("chat_messages"), list)


def parse_conversation(item: dict[str, Any], issues: Counter[str]) -> ImportedConversation:
    """Parse a conversation, and count unsupported content."""
    issues["project"] += bool(item.get("project_uuid") or item.get("project"))
    raw_messages, model = get_objects(item, "chat_messages"), get_text(item, "model")
    has_parents = any(get_text(message, "parent_message_uuid") for message in raw_messages)
    messages: list[ImportedMessage] = []
    for index, message in enumerate(raw_messages):
        # Older exports are a plain list, in which each message follows the one before.
        parent_id = get_text(message, "parent_message_uuid")
        if not has_parents and messages:
            parent_id = messages[-1].id
        imported = ImportedMessage(get_text(message, "uuid") or f"#{index}", parent_id, message.get("created_at"))
        if role := _ROLES.get(get_text(message, "sender")):
            imported = _parse_content(replace(imported, role=role), message, model)
        else:
            issues["other"] += bool(message)
        messages.append(imported)
    return ImportedConversation(
        source=NAME,
        id=get_text(item, "uuid"),
        title=get_text(item, "name"),
        messages=messages,
        head_id=get_text(item, "current_leaf_message_uuid"),
        created=item.get("created_at"),
        updated=item.get("updated_at"),
        target=parse_target(model, "anthropic"),
        pinned=item.get("is_starred") is True,
    )


def _parse_content(imported: ImportedMessage, message: dict[str, Any], default_model: str) -> ImportedMessage:
    dropped_kinds: list[str] = []
    parts = [*_parse_attachments(message, dropped_kinds), *_parse_blocks(message, dropped_kinds)]
    target = parse_target(get_text(message, "model") or default_model, "anthropic")
    return replace(imported, parts=parts, dropped_kinds=dropped_kinds, target=target)


def _parse_blocks(message: dict[str, Any], dropped_kinds: list[str]) -> list[Part]:
    parts: list[Part] = []
    for block in get_objects(message, "content"):
        block_type = get_text(block, "type")
        if block_type == "text":
            parts.append(TextPart(get_text(block, "text")))
            dropped_kinds += ["citation"] * len(get_list(block, "citations"))
        elif block_type == "thinking":
            parts.append(ThinkingPart(get_text(block, "thinking")))
        elif document := _parse_document(block):
            parts.append(document)
        elif block_type not in _IGNORED_TYPES:
            dropped_kinds.append(_DROPPED_KINDS.get(block_type, "other"))
    if not any(part.text for part in parts):
        parts.append(TextPart(get_text(message, "text")))
    return parts


def _parse_document(block: dict[str, Any]) -> Part | None:
    if get_text(block, "type") not in ("tool_use", "server_tool_use"):
        return None
    return parse_artifact(get_text(block, "name"), get_object(block, "input"))


def _parse_attachments(message: dict[str, Any], dropped_kinds: list[str]) -> list[Part]:
    """Parse the text extracted from attached files; the files themselves are not in the export."""
    parts: list[Part] = []
    for attachment in get_objects(message, "attachments"):
        content = get_text(attachment, "extracted_content")
        name = clean_line(attachment.get("file_name")).strip()
        if content:
            parts.append(TextPart("\n\n".join(filter(None, (name, fence_code(content))))))
        else:
            dropped_kinds.append("file")
    for file in [*get_objects(message, "files"), *get_objects(message, "files_v2")]:
        dropped_kinds.append("image" if file.get("file_kind") == "image" else "file")
    return parts
