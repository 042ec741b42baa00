"""Claude's conversations.json: a list of messages, each of content blocks."""

from __future__ import annotations

from collections import Counter
from typing import Any

from lib.core.conversation import Part, TextPart, ThinkingPart
from lib.transfer.coerce import as_dict, as_line, as_list, as_text, fence_code, parse_target, parse_timestamp
from lib.transfer.imported import ImportedConversation, MessageContent, build_message
from lib.transfer.message_tree import ImportedMessage

NAME = "claude"

_ROLES = {"human": "user", "user": "user", "assistant": "assistant"}
_DROPPED_KINDS = {
    "tool_use": "tool",
    "server_tool_use": "tool",
    "tool_result": "tool",
    "web_search_tool_result": "tool",
    "image": "image",
    "document": "file",
    "voice_note": "audio",
}
_IGNORED_TYPES = ("token_budget", "flag")  # blocks without any words
_ROOT_PARENT_PREFIX = "00000000-0000-"  # how the id begins that stands for the first message's parent


def can_parse(item: dict[str, Any]) -> bool:
    """Whether this is a conversation of this format."""
    return isinstance(item.get("chat_messages"), list)


def parse_conversation(item: dict[str, Any], issues: Counter[str]) -> ImportedConversation:
    """The conversation. What has no place here is counted."""
    issues["project"] += bool(item.get("project_uuid") or item.get("project"))
    messages = [as_dict(message) for message in item["chat_messages"]]
    model = item.get("model")
    seeds: list[ImportedMessage] = []
    tree = any(message.get("parent_message_uuid") for message in messages)
    for number, message in enumerate(messages):
        name = as_text(message.get("uuid")) or f"#{number}"
        parent = as_text(message.get("parent_message_uuid")) if tree else seeds[-1].id if seeds else ""
        said = _parse_content(message, model, issues)
        when = parse_timestamp(message.get("created_at"))
        seeds.append(
            build_message(
                name, None if parent.startswith(_ROOT_PARENT_PREFIX) else parent or None, said, when
            )
        )
    return ImportedConversation(
        source=NAME,
        id=as_text(item.get("uuid")),
        title=as_text(item.get("name")),
        messages=seeds,
        head=as_text(item.get("current_leaf_message_uuid")),
        created=parse_timestamp(item.get("created_at")),
        updated=parse_timestamp(item.get("updated_at")),
        target=parse_target(model, "anthropic"),
        pinned=item.get("is_starred") is True,
    )


def _parse_content(
    message: dict[str, Any], default_model: Any, issues: Counter[str]
) -> MessageContent | None:
    role = _ROLES.get(as_text(message.get("sender")))
    if role is None:
        issues["other"] += bool(message)
        return None
    lost: list[str] = []
    parts = [*_parse_attachments(message, lost), *_parse_blocks(message, lost)]
    issues.update(lost)
    user = role == "user"
    return MessageContent(
        role="user" if user else "assistant",
        parts=parts,
        dropped_kinds=[kind for kind in lost if kind in ("image", "file", "audio")],
        target=None if user else parse_target(message.get("model") or default_model, "anthropic"),
    )


def _parse_blocks(message: dict[str, Any], dropped_kinds: list[str]) -> list[Part]:
    found: list[Part] = []
    for block in map(as_dict, as_list(message.get("content"))):
        kind = as_text(block.get("type"))
        if kind == "text":
            found.append(TextPart(as_text(block.get("text"))))
            dropped_kinds += ["citation"] * len(as_list(block.get("citations")))
        elif kind == "thinking":
            found.append(ThinkingPart(as_text(block.get("thinking"))))
        elif kind not in _IGNORED_TYPES:
            dropped_kinds.append(_DROPPED_KINDS.get(kind, "other"))
    if not any(part.text for part in found):
        found.append(TextPart(as_text(message.get("text"))))
    return found


def _parse_attachments(message: dict[str, Any], dropped_kinds: list[str]) -> list[Part]:
    """The text that was read from attached files; the files themselves are not in the export."""
    found: list[Part] = []
    for attachment in map(as_dict, as_list(message.get("attachments"))):
        content = as_text(attachment.get("extracted_content"))
        name = as_line(attachment.get("file_name")).strip()
        if content:
            found.append(TextPart("\n\n".join(filter(None, (name, fence_code(content))))))
        else:
            dropped_kinds.append("file")
    for file in map(as_dict, as_list(message.get("files")) + as_list(message.get("files_v2"))):
        dropped_kinds.append("image" if file.get("file_kind") == "image" else "file")
    return found
