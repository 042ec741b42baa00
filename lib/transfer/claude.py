"""Claude's conversations.json: a list of messages, each of content blocks."""

from __future__ import annotations

from collections import Counter
from typing import Any

from lib.core.conversation import Part, Text, Thinking
from lib.transfer.coerce import fenced, fields, items, line, moment, target, text
from lib.transfer.imported import Draft, Said, seed
from lib.transfer.message_tree import Seed

NAME = "claude"

_ROLES = {"human": "user", "user": "user", "assistant": "assistant"}
_LOST = {
    "tool_use": "tool",
    "server_tool_use": "tool",
    "tool_result": "tool",
    "web_search_tool_result": "tool",
    "image": "image",
    "document": "file",
    "voice_note": "audio",
}
_SILENT = ("token_budget", "flag")  # blocks without any words
_NOBODY = "00000000-0000-"  # how the id begins that stands for the first message's parent


def fits(item: dict[str, Any]) -> bool:
    """Whether this is a conversation of this format."""
    return isinstance(item.get("chat_messages"), list)


def draft(item: dict[str, Any], counts: Counter[str]) -> Draft:
    """The conversation. What has no place here is counted."""
    counts["project"] += bool(item.get("project_uuid") or item.get("project"))
    messages = [fields(message) for message in item["chat_messages"]]
    model = item.get("model")
    seeds: list[Seed] = []
    tree = any(message.get("parent_message_uuid") for message in messages)
    for number, message in enumerate(messages):
        name = text(message.get("uuid")) or f"#{number}"
        parent = text(message.get("parent_message_uuid")) if tree else seeds[-1].id if seeds else ""
        said = _said(message, model, counts)
        when = moment(message.get("created_at"))
        seeds.append(seed(name, None if parent.startswith(_NOBODY) else parent or None, said, when))
    return Draft(
        source=NAME,
        id=text(item.get("uuid")),
        title=text(item.get("name")),
        seeds=seeds,
        head=text(item.get("current_leaf_message_uuid")),
        created=moment(item.get("created_at")),
        updated=moment(item.get("updated_at")),
        target=target(model, "anthropic"),
        pinned=item.get("is_starred") is True,
    )


def _said(message: dict[str, Any], model: Any, counts: Counter[str]) -> Said | None:
    role = _ROLES.get(text(message.get("sender")))
    if role is None:
        counts["other"] += bool(message)
        return None
    lost: list[str] = []
    parts = [*_attached(message, lost), *_blocks(message, lost)]
    counts.update(lost)
    user = role == "user"
    return Said(
        role="user" if user else "assistant",
        parts=parts,
        lost=[kind for kind in lost if kind in ("image", "file", "audio")],
        target=None if user else target(message.get("model") or model, "anthropic"),
    )


def _blocks(message: dict[str, Any], lost: list[str]) -> list[Part]:
    found: list[Part] = []
    for block in map(fields, items(message.get("content"))):
        kind = text(block.get("type"))
        if kind == "text":
            found.append(Text(text(block.get("text"))))
            lost += ["citation"] * len(items(block.get("citations")))
        elif kind == "thinking":
            found.append(Thinking(text(block.get("thinking"))))
        elif kind not in _SILENT:
            lost.append(_LOST.get(kind, "other"))
    if not any(part.text for part in found):
        found.append(Text(text(message.get("text"))))
    return found


def _attached(message: dict[str, Any], lost: list[str]) -> list[Part]:
    """The text that was read from attached files; the files themselves are not in the export."""
    found: list[Part] = []
    for attachment in map(fields, items(message.get("attachments"))):
        content = text(attachment.get("extracted_content"))
        name = line(attachment.get("file_name")).strip()
        if content:
            found.append(Text("\n\n".join(filter(None, (name, fenced(content))))))
        else:
            lost.append("file")
    for file in map(fields, items(message.get("files")) + items(message.get("files_v2"))):
        lost.append("image" if file.get("file_kind") == "image" else "file")
    return found
