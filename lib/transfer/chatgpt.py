"""ChatGPT's conversations.json: a mapping of nodes, each with a message of one of many content types."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from lib.core.conversation import Outcome, Part, Text, Thinking
from lib.transfer.coerce import fenced, fields, items, line, moment, target, text
from lib.transfer.imported import Draft, Said, seed
from lib.transfer.message_tree import Seed

NAME = "chatgpt"

# Marks of what a passage is taken from, between two signs that no font has.
_MARKS = re.compile("\ue200[^\ue200\ue201]{0,2000}\ue201")
_OUTCOMES = {
    "max_tokens": Outcome.LENGTH,
    "interrupted": Outcome.STOPPED,
    "content_filter": Outcome.FILTERED,
}
_ASSETS = {"image_asset_pointer": "image", "image": "image", "audio_transcription": ""}
_CONTEXT = ("user_editable_context", "model_editable_context")


def fits(item: dict[str, Any]) -> bool:
    """Whether this is a conversation of this format."""
    return isinstance(item.get("mapping"), dict)


def draft(item: dict[str, Any], counts: Counter[str]) -> Draft:
    """The conversation. What has no place here is counted."""
    gizmo = text(item.get("gizmo_id")) or text(item.get("conversation_template_id"))
    counts["project"] += gizmo.startswith("g-p-")
    counts["custom_gpt"] += bool(gizmo) and not gizmo.startswith("g-p-")
    counts["plugin"] += len(items(item.get("plugin_ids")))
    return Draft(
        source=NAME,
        id=text(item.get("conversation_id")) or text(item.get("id")),
        title=text(item.get("title")),
        seeds=[_seed(name, fields(raw), counts) for name, raw in item["mapping"].items()],
        head=text(item.get("current_node")),
        created=moment(item.get("create_time")),
        updated=moment(item.get("update_time")),
        target=target(item.get("default_model_slug"), "openai"),
        pinned=item.get("is_starred") is True,
        archived=item.get("is_archived") is True,
    )


def _seed(name: str, raw: dict[str, Any], counts: Counter[str]) -> Seed:
    message = fields(raw.get("message"))
    parent = raw.get("parent")
    return seed(
        name,
        parent if isinstance(parent, str) else None,
        _said(message, counts),
        moment(message.get("create_time")),
    )


def _said(message: dict[str, Any], counts: Counter[str]) -> Said | None:
    role = text(fields(message.get("author")).get("role"))
    content = fields(message.get("content"))
    metadata = fields(message.get("metadata"))
    if not content:
        return None
    if content.get("content_type") in _CONTEXT:
        counts["instructions"] += 1
        return None
    if role == "system" or metadata.get("is_visually_hidden_from_conversation") is True:
        counts["system" if role == "system" else "hidden"] += bool(_words(content))
        return None
    lost: list[str] = []
    if role == "user" or role == "assistant" and message.get("recipient") in ("all", None, "", "python"):
        parts = _parts(content, lost)
    elif role in ("assistant", "tool"):
        parts = _of_a_tool(content, lost)
    else:
        parts, lost = [], ["other"]
    lost += _around(metadata)
    counts.update(lost)
    cited = sum(part.text.count("\ue200") for part in parts) or len(items(metadata.get("citations")))
    counts["citation"] += cited
    finish = text(fields(metadata.get("finish_details")).get("type"))
    unfinished = Outcome.INTERRUPTED if message.get("status") == "in_progress" else Outcome.COMPLETE
    return Said(
        role="user" if role == "user" else "assistant",
        parts=[_unmarked(part) for part in parts],
        lost=[kind for kind in lost if kind in ("image", "file", "audio")],
        target=None if role == "user" else target(metadata.get("model_slug"), "openai"),
        outcome=Outcome.COMPLETE if role == "user" else _OUTCOMES.get(finish, unfinished),
    )


def _parts(content: dict[str, Any], lost: list[str]) -> list[Part]:
    kind = content.get("content_type")
    if kind in ("text", "multimodal_text", None):
        return _passages(content, lost)
    if kind in ("code", "execution_output"):
        code = text(content.get("text"))
        language = text(content.get("language"))
        return (
            [Text(fenced(code, language if language.isalnum() and language != "unknown" else ""))]
            if code
            else []
        )
    if kind == "thoughts":
        return [Thinking(_thought(fields(one))) for one in items(content.get("thoughts"))]
    lost.append("recap" if kind == "reasoning_recap" else "tool" if _is_of_a_tool(kind) else "other")
    return []


def _is_of_a_tool(kind: Any) -> bool:
    return text(kind).startswith(("tether_", "sonic_", "system_error", "computer_", "citable_code"))


def _of_a_tool(content: dict[str, Any], lost: list[str]) -> list[Part]:
    """What a tool was told or gave back: of that only what code printed is kept."""
    if content.get("content_type") == "execution_output":
        return _parts(content, lost)
    _passages(content, lost)
    lost.append("tool")
    return []


def _passages(content: dict[str, Any], lost: list[str]) -> list[Part]:
    found: list[Part] = []
    for part in items(content.get("parts")):
        if isinstance(part, str):
            found.append(Text(text(part)))
            continue
        kind = text(fields(part).get("content_type"))
        if kind == "audio_transcription":
            found.append(Text(text(part.get("text"))))
        elif part:
            lost.append(_kind(kind))
    return found


def _kind(kind: str) -> str:
    return "image" if kind.startswith("image") else "audio" if "audio" in kind or "video" in kind else "other"


def _around(metadata: dict[str, Any]) -> list[str]:
    """The files that hang on a message; its pictures are among its parts already."""
    attached = map(fields, items(metadata.get("attachments")))
    return ["file" for one in attached if not text(one.get("mime_type")).startswith("image/")]


def _thought(one: dict[str, Any]) -> str:
    summary, content = line(one.get("summary")).strip(), text(one.get("content"))
    return "\n\n".join(filter(None, (f"**{summary}**" if summary else "", content)))


def _unmarked(part: Part) -> Part:
    return Text(_MARKS.sub("", part.text)) if isinstance(part, Text) else part


def _words(content: dict[str, Any]) -> bool:
    return any(isinstance(part, str) and part.strip() for part in items(content.get("parts"))) or bool(
        text(content.get("text")).strip()
    )
