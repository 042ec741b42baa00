"""ChatGPT's conversations.json: a mapping of nodes, each with a message of one of many content types."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from lib.core.conversation import Outcome, Part, TextPart, ThinkingPart
from lib.core.sanitize import get_list, get_object, get_objects
from lib.transfer.citations import read_links
from lib.transfer.documents import find_report, parse_canvas
from lib.transfer.imported import ImportedConversation, ImportedMessage
from lib.transfer.values import clean_line, clean_text, fence_code, get_text, parse_target

NAME = "chatgpt"

_CANVAS = "canmore."
_OUTCOMES = {
    "max_tokens": Outcome.LENGTH,
    "interrupted": Outcome.STOPPED,
    "content_filter": Outcome.FILTERED,
}
_CONTEXT_TYPES = ("user_editable_context", "model_editable_context")
_TOOL_TYPES = ("tether_", "sonic_", "system_error", "computer_", "citable_code")


def can_parse(item: dict[str, Any]) -> bool:
    """Check for a conversation of this format."""
    return isinstance(item.get("mapping"), dict)


def parse_conversation(item: dict[str, Any], issues: Counter[str]) -> ImportedConversation:
    """Parse a conversation, and count unsupported content."""
    gizmo_id = get_text(item, "gizmo_id", "conversation_template_id")
    issues["project"] += gizmo_id.startswith("g-p-")
    issues["custom_gpt"] += bool(gizmo_id) and not gizmo_id.startswith("g-p-")
    issues["plugin"] += len(get_list(item, "plugin_ids"))
    mapping = get_object(item, "mapping")
    return ImportedConversation(
        source=NAME,
        id=get_text(item, "conversation_id", "id"),
        title=get_text(item, "title"),
        messages=[_parse_message(message_id, get_object(mapping, message_id), issues) for message_id in mapping],
        head_id=get_text(item, "current_node"),
        created=item.get("create_time"),
        updated=item.get("update_time"),
        target=parse_target(get_text(item, "default_model_slug"), "openai"),
        pinned=item.get("is_starred") is True,
        archived=item.get("is_archived") is True,
    )


def _parse_message(message_id: str, node: dict[str, Any], issues: Counter[str]) -> ImportedMessage:
    message = get_object(node, "message")
    content, metadata = get_object(message, "content"), get_object(message, "metadata")
    role, recipient = get_text(get_object(message, "author"), "role"), get_text(message, "recipient")
    imported = ImportedMessage(message_id, get_text(node, "parent"), message.get("create_time"))
    if not content:
        return imported
    report = find_report(message) if role == "tool" else {}
    if get_text(content, "content_type") in _CONTEXT_TYPES:
        issues["instructions"] += 1
        return imported
    is_hidden = metadata.get("is_visually_hidden_from_conversation") is True and not report
    if role == "system" or is_hidden:
        issues["system" if role == "system" else "hidden"] += _has_text(content)
        return imported
    dropped_kinds: list[str] = []
    parts = _parse_visible(content, role, recipient, report, dropped_kinds)
    # Pictures among the attachments are among the parts already.
    files = get_objects(metadata, "attachments")
    dropped_kinds += ["file" for file in files if not get_text(file, "mime_type").startswith("image/")]
    citations = read_links(metadata)
    parts = [TextPart(citations.replace_marks(part.text)) if isinstance(part, TextPart) else part for part in parts]
    issues["citation"] += citations.dropped_count or (0 if citations.links else len(get_list(metadata, "citations")))
    finish_type = get_text(get_object(metadata, "finish_details"), "type")
    default_outcome = Outcome.INTERRUPTED if message.get("status") == "in_progress" else Outcome.COMPLETE
    return replace(
        imported,
        role="user" if role == "user" else "assistant",
        parts=parts,
        dropped_kinds=dropped_kinds,
        target=parse_target(get_text(metadata, "model_slug"), "openai"),
        outcome=_OUTCOMES.get(finish_type, default_outcome),
    )


def _parse_visible(
    content: dict[str, Any], role: str, recipient: str, report: dict[str, Any], dropped_kinds: list[str]
) -> list[Part]:
    """Parse what was written for the user: texts, code and its output, canvas documents and research reports."""
    if role == "user" or role == "assistant" and recipient in ("all", "", "python"):
        return _parse_parts(content, dropped_kinds)
    if report:
        return _parse_text_parts(report, dropped_kinds)
    if (
        role == "assistant"
        and recipient.startswith(_CANVAS)
        and (canvas := parse_canvas(recipient, _join_text(content)))
    ):
        return [canvas]
    if role in ("assistant", "tool"):
        return _parse_tool_parts(content, dropped_kinds)
    dropped_kinds.append("other")
    return []


def _parse_parts(content: dict[str, Any], dropped_kinds: list[str]) -> list[Part]:
    content_type = get_text(content, "content_type")
    if content_type in ("text", "multimodal_text", ""):
        return _parse_text_parts(content, dropped_kinds)
    if content_type in ("code", "execution_output"):
        code, language = get_text(content, "text"), get_text(content, "language")
        if not language.isalnum() or language == "unknown":
            language = ""
        return [TextPart(fence_code(code, language))] if code else []
    if content_type == "thoughts":
        return [ThinkingPart(_thought_text(thought)) for thought in get_objects(content, "thoughts")]
    is_tool = content_type.startswith(_TOOL_TYPES)
    dropped_kinds.append("recap" if content_type == "reasoning_recap" else "tool" if is_tool else "other")
    return []


def _parse_tool_parts(content: dict[str, Any], dropped_kinds: list[str]) -> list[Part]:
    """Parse a tool's arguments or results, and drop all but the output of code."""
    if content.get("content_type") == "execution_output":
        return _parse_parts(content, dropped_kinds)
    _parse_text_parts(content, dropped_kinds)
    dropped_kinds.append("tool")
    return []


def _parse_text_parts(content: dict[str, Any], dropped_kinds: list[str]) -> list[Part]:
    parts: list[Part] = []
    for part in get_list(content, "parts"):
        if isinstance(part, str):
            parts.append(TextPart(clean_text(part)))
        elif isinstance(part, dict) and part.get("content_type") == "audio_transcription":
            parts.append(TextPart(get_text(part, "text")))
        elif part:
            dropped_kinds.append(_asset_kind(get_text(part, "content_type") if isinstance(part, dict) else ""))
    return parts


def _asset_kind(content_type: str) -> str:
    if content_type.startswith("image"):
        return "image"
    return "audio" if "audio" in content_type or "video" in content_type else "other"


def _thought_text(thought: dict[str, Any]) -> str:
    summary = clean_line(thought.get("summary")).strip()
    return "\n\n".join(filter(None, (f"**{summary}**" if summary else "", get_text(thought, "content"))))


def _join_text(content: dict[str, Any]) -> str:
    """Return the text of a call: of a code message, or of the parts of a text."""
    return get_text(content, "text") or "".join(map(clean_text, get_list(content, "parts")))


def _has_text(content: dict[str, Any]) -> bool:
    texts = [content.get("text"), *get_list(content, "parts")]
    return any(isinstance(text, str) and text.strip() for text in texts)
