"""Open WebUI's export: chats with a history of messages by id."""

from __future__ import annotations

import html
import re
from collections import Counter
from typing import Any

from lib.core.conversation import Failure, Outcome, Part, TextPart, ThinkingPart
from lib.transfer.coerce import as_dict, as_list, as_text, parse_target, parse_timestamp
from lib.transfer.imported import ImportedConversation, MessageContent, build_message
from lib.transfer.message_tree import ImportedMessage

NAME = "openwebui"

# What its server writes into the text of an answer: thinking, and what tools did.
_DETAILS_BLOCK = re.compile(
    r'<details type="([a-z_]{1,40})"[^<>]{0,2000}>(.*?)(?:</details>\n?|\Z)', re.DOTALL
)
_SUMMARY_TAG = re.compile(r"\s{0,9}<summary>[^<]{0,500}</summary>\n?")
_QUOTE_PREFIX = re.compile(r"^> ?", re.MULTILINE)


def can_parse(item: dict[str, Any]) -> bool:
    """Whether this is a chat of this format."""
    return isinstance(_history(item).get("messages"), dict)


def parse_conversation(item: dict[str, Any], issues: Counter[str]) -> ImportedConversation:
    """The conversation. What has no place here is counted."""
    chat = as_dict(item.get("chat")) or item
    history = _history(item)
    issues["folder"] += bool(item.get("folder_id"))
    issues["tag"] += len(as_list(as_dict(item.get("meta")).get("tags")) or as_list(chat.get("tags")))
    models = as_list(chat.get("models"))
    return ImportedConversation(
        source=NAME,
        id=as_text(item.get("id")) or as_text(chat.get("id")),
        title=as_text(item.get("title")) or as_text(chat.get("title")),
        messages=[_parse_message(name, as_dict(raw), issues) for name, raw in history["messages"].items()],
        head=as_text(history.get("currentId")),
        created=parse_timestamp(item.get("created_at")) or parse_timestamp(chat.get("timestamp")),
        updated=parse_timestamp(item.get("updated_at")),
        target=parse_target(models[0], "openai") if models else None,
        system=as_text(as_dict(chat.get("params")).get("system")) or as_text(chat.get("system")),
        pinned=item.get("pinned") is True,
        archived=item.get("archived") is True,
    )


def _history(item: dict[str, Any]) -> dict[str, Any]:
    return as_dict((as_dict(item.get("chat")) or item).get("history"))


def _parse_message(message_id: str, message: dict[str, Any], issues: Counter[str]) -> ImportedMessage:
    parent = message.get("parentId")
    said = _parse_content(message, issues)
    when = parse_timestamp(message.get("timestamp"))
    return build_message(message_id, parent if isinstance(parent, str) else None, said, when)


def _parse_content(message: dict[str, Any], issues: Counter[str]) -> MessageContent | None:
    role = message.get("role")
    if role not in ("user", "assistant"):
        issues["system" if role == "system" else "other"] += bool(message)
        return None
    lost = [
        "image" if one.get("type") == "image" else "file"
        for one in map(as_dict, as_list(message.get("files")))
    ]
    lost += ["citation"] * len(as_list(message.get("sources")) or as_list(message.get("citations")))
    content = _content_text(message.get("content"), lost)
    if role == "user":
        issues.update(lost)
        return MessageContent(
            "user", [TextPart(content)], dropped_kinds=[kind for kind in lost if kind != "citation"]
        )
    parts = _parse_parts(content, as_list(message.get("output")), lost)
    issues.update(lost)
    failure = _parse_failure(message.get("error"))
    unfinished = Outcome.INTERRUPTED if message.get("done") is False else Outcome.COMPLETE
    return MessageContent(
        role="assistant",
        parts=parts,
        dropped_kinds=[kind for kind in lost if kind in ("image", "file")],
        target=parse_target(message.get("model"), "openai"),
        outcome=Outcome.FAILED if failure else unfinished,
        failure=failure,
    )


def _content_text(value: Any, dropped_kinds: list[str]) -> str:
    if isinstance(value, str):
        return as_text(value)
    found = []
    for part in map(as_dict, as_list(value)):
        if part.get("type") == "text":
            found.append(as_text(part.get("text")))
        else:
            dropped_kinds.append("image" if "image" in as_text(part.get("type")) else "other")
    return "\n\n".join(filter(None, found))


def _parse_parts(content: str, output: list[Any], dropped_kinds: list[str]) -> list[Part]:
    """The answer with its thinking told apart, which the chat keeps in the text, and newer ones beside it."""
    found: list[Part] = []
    beside = [thought for one in map(as_dict, output) if (thought := _reasoning_text(one))]
    found += map(ThinkingPart, beside)
    end = 0
    for block in _DETAILS_BLOCK.finditer(content):
        found.append(TextPart(content[end : block.start()].strip("\n")))
        end = block.end()
        if block[1] != "reasoning":
            dropped_kinds.append("tool")
        elif not beside:
            found.append(
                ThinkingPart(
                    _QUOTE_PREFIX.sub("", html.unescape(_SUMMARY_TAG.sub("", block[2], count=1))).strip()
                )
            )
    found.append(TextPart(content[end:].strip("\n") if end else content))
    return found


def _reasoning_text(output_item: dict[str, Any]) -> str:
    if output_item.get("type") != "reasoning":
        return ""
    pieces = (as_text(as_dict(piece).get("text")) for piece in as_list(output_item.get("content")))
    return "".join(pieces).strip()


def _parse_failure(error: Any) -> Failure | None:
    if not error:
        return None
    said = error.get("content") if isinstance(error, dict) else error
    return Failure("gateway", as_text(said)[:2000])
