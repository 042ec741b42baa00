"""ChatGPT's conversations.json: a mapping of nodes, each with a message of one of many content types."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

from msgspec import Struct

from lib.core.conversation import Outcome, Part, TextPart, ThinkingPart
from lib.transfer.imported import ImportedConversation, ImportedMessage
from lib.transfer.values import (
    RawTimestamp,
    clean_line,
    clean_text,
    decode_tolerant,
    fence_code,
    parse_target,
)

NAME = "chatgpt"

# Citation marks, between two characters for private use.
_CITATION_MARKERS = re.compile("\ue200[^\ue200\ue201]{0,2000}\ue201")
_OUTCOMES = {
    "max_tokens": Outcome.LENGTH,
    "interrupted": Outcome.STOPPED,
    "content_filter": Outcome.FILTERED,
}
_CONTEXT_TYPES = ("user_editable_context", "model_editable_context")
_TOOL_TYPES = ("tether_", "sonic_", "system_error", "computer_", "citable_code")


class _Author(Struct):
    role: str | None = None


class _ContentPart(Struct):
    content_type: str | None = None
    text: str | None = None


class _Thought(Struct):
    summary: str | None = None
    content: str | None = None


class _Content(Struct):
    content_type: str | None = None
    parts: list[str | _ContentPart | None] | None = None
    text: str | None = None
    language: str | None = None
    thoughts: list[_Thought] | None = None


class _Attachment(Struct):
    mime_type: str | None = None


class _FinishDetails(Struct):
    type: str | None = None


class _Metadata(Struct):
    is_visually_hidden_from_conversation: bool | None = None
    attachments: list[_Attachment] | None = None
    citations: list[Any] | None = None
    finish_details: _FinishDetails | None = None
    model_slug: str | None = None


class _Message(Struct):
    author: _Author | None = None
    content: _Content | None = None
    metadata: _Metadata | None = None
    recipient: str | None = None
    status: str | None = None
    create_time: RawTimestamp = None


class _Node(Struct):
    message: _Message | None = None
    parent: str | None = None


class _Conversation(Struct):
    mapping: dict[str, Any] = {}
    conversation_id: str | None = None
    id: str | None = None
    title: str | None = None
    current_node: str | None = None
    create_time: RawTimestamp = None
    update_time: RawTimestamp = None
    default_model_slug: str | None = None
    gizmo_id: str | None = None
    conversation_template_id: str | None = None
    plugin_ids: list[Any] | None = None
    is_starred: bool | None = None
    is_archived: bool | None = None


def can_parse(item: dict[str, Any]) -> bool:
    """Check for a conversation of this format."""
    return isinstance(item.get("mapping"), dict)


def parse_conversation(item: dict[str, Any], issues: Counter[str]) -> ImportedConversation:
    """Parse a conversation, and count unsupported content."""
    conversation = decode_tolerant(item, _Conversation)
    gizmo_id = conversation.gizmo_id or conversation.conversation_template_id or ""
    issues["project"] += gizmo_id.startswith("g-p-")
    issues["custom_gpt"] += bool(gizmo_id) and not gizmo_id.startswith("g-p-")
    issues["plugin"] += len(conversation.plugin_ids or ())
    return ImportedConversation(
        source=NAME,
        id=clean_text(conversation.conversation_id or conversation.id),
        title=clean_text(conversation.title),
        messages=[
            _parse_message(message_id, decode_tolerant(value, _Node), issues)
            for message_id, value in conversation.mapping.items()
        ],
        head_id=conversation.current_node,
        created=conversation.create_time,
        updated=conversation.update_time,
        target=parse_target(conversation.default_model_slug, "openai"),
        pinned=conversation.is_starred is True,
        archived=conversation.is_archived is True,
    )


def _parse_message(message_id: str, node: _Node, issues: Counter[str]) -> ImportedMessage:
    message = node.message or _Message()
    imported = ImportedMessage(message_id, node.parent, message.create_time)
    content, metadata = message.content, message.metadata or _Metadata()
    role = message.author.role if message.author else None
    if content is None or content == _Content():
        return imported
    if content.content_type in _CONTEXT_TYPES:
        issues["instructions"] += 1
        return imported
    if role == "system" or metadata.is_visually_hidden_from_conversation:
        issues["system" if role == "system" else "hidden"] += _has_text(content)
        return imported
    dropped_kinds: list[str] = []
    parts: list[Part] = []
    if role == "user" or role == "assistant" and message.recipient in ("all", None, "", "python"):
        parts = _parse_parts(content, dropped_kinds)
    elif role in ("assistant", "tool"):
        parts = _parse_tool_parts(content, dropped_kinds)
    else:
        dropped_kinds.append("other")
    # Pictures among the attachments are among the parts already.
    files = [file for file in metadata.attachments or () if not (file.mime_type or "").startswith("image/")]
    dropped_kinds += ["file"] * len(files)
    issues["citation"] += sum(part.text.count("\ue200") for part in parts) or len(metadata.citations or ())
    finish_type = (metadata.finish_details or _FinishDetails()).type or ""
    default_outcome = Outcome.INTERRUPTED if message.status == "in_progress" else Outcome.COMPLETE
    return replace(
        imported,
        role="user" if role == "user" else "assistant",
        parts=[_strip_citations(part) for part in parts],
        dropped_kinds=dropped_kinds,
        target=parse_target(metadata.model_slug, "openai"),
        outcome=_OUTCOMES.get(finish_type, default_outcome),
    )


def _parse_parts(content: _Content, dropped_kinds: list[str]) -> list[Part]:
    content_type = content.content_type
    if content_type in ("text", "multimodal_text", None):
        return _parse_text_parts(content, dropped_kinds)
    if content_type in ("code", "execution_output"):
        code, language = clean_text(content.text), clean_text(content.language)
        if not language.isalnum() or language == "unknown":
            language = ""
        return [TextPart(fence_code(code, language))] if code else []
    if content_type == "thoughts":
        return [ThinkingPart(_thought_text(thought)) for thought in content.thoughts or ()]
    is_tool = content_type.startswith(_TOOL_TYPES)
    dropped_kinds.append("recap" if content_type == "reasoning_recap" else "tool" if is_tool else "other")
    return []


def _parse_tool_parts(content: _Content, dropped_kinds: list[str]) -> list[Part]:
    """Parse a tool's arguments or results, and drop all but the output of code."""
    if content.content_type == "execution_output":
        return _parse_parts(content, dropped_kinds)
    _parse_text_parts(content, dropped_kinds)
    dropped_kinds.append("tool")
    return []


def _parse_text_parts(content: _Content, dropped_kinds: list[str]) -> list[Part]:
    parts: list[Part] = []
    for part in content.parts or ():
        if isinstance(part, str):
            parts.append(TextPart(clean_text(part)))
        elif part and part.content_type == "audio_transcription":
            parts.append(TextPart(clean_text(part.text)))
        elif part:
            dropped_kinds.append(_asset_kind(part.content_type or ""))
    return parts


def _asset_kind(content_type: str) -> str:
    if content_type.startswith("image"):
        return "image"
    return "audio" if "audio" in content_type or "video" in content_type else "other"


def _thought_text(thought: _Thought) -> str:
    summary = clean_line(thought.summary).strip()
    return "\n\n".join(filter(None, (f"**{summary}**" if summary else "", clean_text(thought.content))))


def _strip_citations(part: Part) -> Part:
    return TextPart(_CITATION_MARKERS.sub("", part.text)) if isinstance(part, TextPart) else part


def _has_text(content: _Content) -> bool:
    texts = [content.text or "", *(part for part in content.parts or () if isinstance(part, str))]
    return any(map(str.strip, texts))
