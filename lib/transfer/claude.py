"""Claude's conversations.json: a list of messages, each of content blocks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Literal

from msgspec import Struct

from lib.core.conversation import Part, TextPart, ThinkingPart
from lib.transfer.imported import ImportedConversation, ImportedMessage
from lib.transfer.values import (
    RawTimestamp,
    clean_line,
    clean_text,
    decode_tolerant,
    fence_code,
    parse_target,
)

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


class _Block(Struct):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    citations: list[Any] | None = None


class _Attachment(Struct):
    file_name: str | None = None
    extracted_content: str | None = None


class _File(Struct):
    file_kind: str | None = None


class _Message(Struct):
    uuid: str | None = None
    parent_message_uuid: str | None = None
    sender: str | None = None
    text: str | None = None
    content: list[_Block] | None = None
    attachments: list[_Attachment] | None = None
    files: list[_File] | None = None
    files_v2: list[_File] | None = None
    model: str | None = None
    created_at: RawTimestamp = None


class _Conversation(Struct):
    uuid: str | None = None
    name: str | None = None
    chat_messages: list[Any] = []
    current_leaf_message_uuid: str | None = None
    created_at: RawTimestamp = None
    updated_at: RawTimestamp = None
    model: str | None = None
    is_starred: bool | None = None
    project_uuid: Any = None
    project: Any = None


def can_parse(item: dict[str, Any]) -> bool:
    """Check for a conversation of this format."""
    return isinstance(item.get("chat_messages"), list)


def parse_conversation(item: dict[str, Any], issues: Counter[str]) -> ImportedConversation:
    """Parse a conversation, and count unsupported content."""
    conversation = decode_tolerant(item, _Conversation)
    issues["project"] += bool(conversation.project_uuid or conversation.project)
    decoded = [decode_tolerant(value, _Message) for value in conversation.chat_messages]
    has_parents = any(message.parent_message_uuid for message in decoded)
    messages: list[ImportedMessage] = []
    for index, (value, message) in enumerate(zip(conversation.chat_messages, decoded, strict=True)):
        # Older exports are a plain list, in which each message follows the one before.
        parent_id = message.parent_message_uuid
        if not has_parents and messages:
            parent_id = messages[-1].id
        message_id = clean_text(message.uuid) or f"#{index}"
        imported = ImportedMessage(message_id, clean_text(parent_id), message.created_at)
        if message.sender in _ROLES:
            imported = _parse_content(imported, message, conversation.model)
        else:
            issues["other"] += bool(value)
        messages.append(imported)
    return ImportedConversation(
        source=NAME,
        id=clean_text(conversation.uuid),
        title=clean_text(conversation.name),
        messages=messages,
        head_id=clean_text(conversation.current_leaf_message_uuid),
        created=conversation.created_at,
        updated=conversation.updated_at,
        target=parse_target(conversation.model, "anthropic"),
        pinned=conversation.is_starred is True,
    )


def _parse_content(imported: ImportedMessage, message: _Message, default_model: str | None) -> ImportedMessage:
    dropped_kinds: list[str] = []
    parts = [*_parse_attachments(message, dropped_kinds), *_parse_blocks(message, dropped_kinds)]
    target = parse_target(message.model or default_model, "anthropic")
    return replace(imported, role=_ROLES[message.sender], parts=parts, dropped_kinds=dropped_kinds, target=target)


def _parse_blocks(message: _Message, dropped_kinds: list[str]) -> list[Part]:
    parts: list[Part] = []
    for block in message.content or ():
        if block.type == "text":
            parts.append(TextPart(clean_text(block.text)))
            dropped_kinds += ["citation"] * len(block.citations or ())
        elif block.type == "thinking":
            parts.append(ThinkingPart(clean_text(block.thinking)))
        elif block.type not in _IGNORED_TYPES:
            dropped_kinds.append(_DROPPED_KINDS.get(block.type or "", "other"))
    if not any(part.text for part in parts):
        parts.append(TextPart(clean_text(message.text)))
    return parts


def _parse_attachments(message: _Message, dropped_kinds: list[str]) -> list[Part]:
    """Parse the text extracted from attached files; the files themselves are not in the export."""
    parts: list[Part] = []
    for attachment in message.attachments or ():
        content = clean_text(attachment.extracted_content)
        name = clean_line(attachment.file_name).strip()
        if content:
            parts.append(TextPart("\n\n".join(filter(None, (name, fence_code(content))))))
        else:
            dropped_kinds.append("file")
    for file in [*(message.files or ()), *(message.files_v2 or ())]:
        dropped_kinds.append("image" if file.file_kind == "image" else "file")
    return parts
