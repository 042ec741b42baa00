"""ChatGPT's conversations.json: a mapping of nodes, each with a message of one of many content types."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from lib.core.conversation import Outcome, Part, TextPart, ThinkingPart
from lib.transfer.coerce import as_dict, as_line, as_list, as_text, fence_code, parse_target, parse_timestamp
from lib.transfer.imported import ImportedConversation, MessageContent, build_message
from lib.transfer.message_tree import ImportedMessage

NAME = "chatgpt"

# Marks of what a passage is taken from, between two signs that no font has.
_CITATION_MARKERS = re.compile("\ue200[^\ue200\ue201]{0,2000}\ue201")
_OUTCOMES = {
    "max_tokens": Outcome.LENGTH,
    "interrupted": Outcome.STOPPED,
    "content_filter": Outcome.FILTERED,
}
_ASSET_KINDS = {"image_asset_pointer": "image", "image": "image", "audio_transcription": ""}
_CONTEXT_TYPES = ("user_editable_context", "model_editable_context")


def can_parse(item: dict[str, Any]) -> bool:
    """Whether this is a conversation of this format."""
    return isinstance(item.get("mapping"), dict)


def parse_conversation(item: dict[str, Any], issues: Counter[str]) -> ImportedConversation:
    """The conversation. What has no place here is counted."""
    gizmo = as_text(item.get("gizmo_id")) or as_text(item.get("conversation_template_id"))
    issues["project"] += gizmo.startswith("g-p-")
    issues["custom_gpt"] += bool(gizmo) and not gizmo.startswith("g-p-")
    issues["plugin"] += len(as_list(item.get("plugin_ids")))
    return ImportedConversation(
        source=NAME,
        id=as_text(item.get("conversation_id")) or as_text(item.get("id")),
        title=as_text(item.get("title")),
        messages=[_parse_message(name, as_dict(raw), issues) for name, raw in item["mapping"].items()],
        head=as_text(item.get("current_node")),
        created=parse_timestamp(item.get("create_time")),
        updated=parse_timestamp(item.get("update_time")),
        target=parse_target(item.get("default_model_slug"), "openai"),
        pinned=item.get("is_starred") is True,
        archived=item.get("is_archived") is True,
    )


def _parse_message(message_id: str, raw: dict[str, Any], issues: Counter[str]) -> ImportedMessage:
    message = as_dict(raw.get("message"))
    parent = raw.get("parent")
    return build_message(
        message_id,
        parent if isinstance(parent, str) else None,
        _parse_content(message, issues),
        parse_timestamp(message.get("create_time")),
    )


def _parse_content(message: dict[str, Any], issues: Counter[str]) -> MessageContent | None:
    role = as_text(as_dict(message.get("author")).get("role"))
    content = as_dict(message.get("content"))
    metadata = as_dict(message.get("metadata"))
    if not content:
        return None
    if content.get("content_type") in _CONTEXT_TYPES:
        issues["instructions"] += 1
        return None
    if role == "system" or metadata.get("is_visually_hidden_from_conversation") is True:
        issues["system" if role == "system" else "hidden"] += bool(_has_text(content))
        return None
    lost: list[str] = []
    if role == "user" or role == "assistant" and message.get("recipient") in ("all", None, "", "python"):
        parts = _parse_parts(content, lost)
    elif role in ("assistant", "tool"):
        parts = _parse_tool_parts(content, lost)
    else:
        parts, lost = [], ["other"]
    lost += _attachment_kinds(metadata)
    issues.update(lost)
    cited = sum(part.text.count("\ue200") for part in parts) or len(as_list(metadata.get("citations")))
    issues["citation"] += cited
    finish = as_text(as_dict(metadata.get("finish_details")).get("type"))
    unfinished = Outcome.INTERRUPTED if message.get("status") == "in_progress" else Outcome.COMPLETE
    return MessageContent(
        role="user" if role == "user" else "assistant",
        parts=[_strip_citations(part) for part in parts],
        dropped_kinds=[kind for kind in lost if kind in ("image", "file", "audio")],
        target=None if role == "user" else parse_target(metadata.get("model_slug"), "openai"),
        outcome=Outcome.COMPLETE if role == "user" else _OUTCOMES.get(finish, unfinished),
    )


def _parse_parts(content: dict[str, Any], dropped_kinds: list[str]) -> list[Part]:
    kind = content.get("content_type")
    if kind in ("text", "multimodal_text", None):
        return _parse_text_parts(content, dropped_kinds)
    if kind in ("code", "execution_output"):
        code = as_text(content.get("text"))
        language = as_text(content.get("language"))
        return (
            [TextPart(fence_code(code, language if language.isalnum() and language != "unknown" else ""))]
            if code
            else []
        )
    if kind == "thoughts":
        return [ThinkingPart(_thought_text(as_dict(one))) for one in as_list(content.get("thoughts"))]
    dropped_kinds.append(
        "recap" if kind == "reasoning_recap" else "tool" if _is_tool_content(kind) else "other"
    )
    return []


def _is_tool_content(content_type: Any) -> bool:
    return as_text(content_type).startswith(
        ("tether_", "sonic_", "system_error", "computer_", "citable_code")
    )


def _parse_tool_parts(content: dict[str, Any], dropped_kinds: list[str]) -> list[Part]:
    """What a tool was told or gave back: of that only what code printed is kept."""
    if content.get("content_type") == "execution_output":
        return _parse_parts(content, dropped_kinds)
    _parse_text_parts(content, dropped_kinds)
    dropped_kinds.append("tool")
    return []


def _parse_text_parts(content: dict[str, Any], dropped_kinds: list[str]) -> list[Part]:
    found: list[Part] = []
    for part in as_list(content.get("parts")):
        if isinstance(part, str):
            found.append(TextPart(as_text(part)))
            continue
        kind = as_text(as_dict(part).get("content_type"))
        if kind == "audio_transcription":
            found.append(TextPart(as_text(part.get("text"))))
        elif part:
            dropped_kinds.append(_asset_kind(kind))
    return found


def _asset_kind(content_type: str) -> str:
    return (
        "image"
        if content_type.startswith("image")
        else "audio"
        if "audio" in content_type or "video" in content_type
        else "other"
    )


def _attachment_kinds(metadata: dict[str, Any]) -> list[str]:
    """The files that hang on a message; its pictures are among its parts already."""
    attached = map(as_dict, as_list(metadata.get("attachments")))
    return ["file" for one in attached if not as_text(one.get("mime_type")).startswith("image/")]


def _thought_text(thought: dict[str, Any]) -> str:
    summary, content = as_line(thought.get("summary")).strip(), as_text(thought.get("content"))
    return "\n\n".join(filter(None, (f"**{summary}**" if summary else "", content)))


def _strip_citations(part: Part) -> Part:
    return TextPart(_CITATION_MARKERS.sub("", part.text)) if isinstance(part, TextPart) else part


def _has_text(content: dict[str, Any]) -> bool:
    return any(isinstance(part, str) and part.strip() for part in as_list(content.get("parts"))) or bool(
        as_text(content.get("text")).strip()
    )
