"""LibreChat's export of one conversation: messages in a list or inside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from lib.core.conversation import Failure, Outcome, Part, TextPart, ThinkingPart
from lib.core.target import Wire
from lib.transfer.coerce import as_dict, as_list, as_text, parse_target, parse_timestamp
from lib.transfer.imported import ImportedConversation, MessageContent, build_message
from lib.transfer.message_tree import ImportedMessage

NAME = "librechat"

_ROOT_PARENT_PREFIX = "00000000-0000-"  # how the id begins that stands for the first message's parent
_OUTCOMES = {
    "length": Outcome.LENGTH,
    "max_tokens": Outcome.LENGTH,
    "content_filter": Outcome.FILTERED,
    "refusal": Outcome.REFUSED,
}


def can_parse(item: dict[str, Any]) -> bool:
    """Whether this is a conversation of this format."""
    return "conversationId" in item and isinstance(_raw_messages(item), list)


def parse_conversation(item: dict[str, Any], issues: Counter[str]) -> ImportedConversation:
    """The conversation. What has no place here is counted."""
    options = as_dict(item.get("options"))
    endpoint = as_text(item.get("endpoint")) or as_text(options.get("endpoint"))
    issues["tag"] += len(as_list(item.get("tags")))
    seeds = [
        _parse_message(message, inside, number, endpoint, issues)
        for number, (message, inside) in enumerate(_flatten_messages(_raw_messages(item)))
    ]
    return ImportedConversation(
        source=NAME,
        id=as_text(item.get("conversationId")),
        title=as_text(item.get("title")),
        messages=seeds,
        created=parse_timestamp(item.get("createdAt")),
        updated=parse_timestamp(item.get("updatedAt")),
        target=parse_target(options.get("model"), _wire_from_endpoint(endpoint)),
        system=as_text(options.get("promptPrefix")) or as_text(options.get("system")),
    )


def _raw_messages(item: dict[str, Any]) -> Any:
    return item.get("messagesTree") or item.get("messages")


def _flatten_messages(messages: list[Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Every message, parents first, with the id of the one that it stands in."""
    waiting: list[tuple[Any, str | None]] = [(message, None) for message in reversed(messages)]
    while waiting:
        raw, inside = waiting.pop()
        message = as_dict(raw)
        yield message, inside
        name = as_text(message.get("messageId")) or inside
        waiting += [(child, name) for child in reversed(as_list(message.get("children")))]


def _parse_message(
    message: dict[str, Any], enclosing_id: str | None, index: int, default_endpoint: str, issues: Counter[str]
) -> ImportedMessage:
    name = as_text(message.get("messageId")) or f"#{index}"
    parent = enclosing_id or as_text(message.get("parentMessageId"))
    return build_message(
        name,
        None if parent.startswith(_ROOT_PARENT_PREFIX) else parent or None,
        _parse_content(message, default_endpoint, issues),
        parse_timestamp(message.get("createdAt")),
    )


def _parse_content(
    message: dict[str, Any], default_endpoint: str, issues: Counter[str]
) -> MessageContent | None:
    if not message:
        return None
    user = message.get("isCreatedByUser") is True or as_text(message.get("sender")).lower() == "user"
    files = as_list(message.get("files")) + as_list(message.get("attachments"))
    lost = [
        "image" if as_text(one.get("type")).startswith("image") else "file" for one in map(as_dict, files)
    ]
    lost += ["plugin"] * len(as_list(message.get("plugins")) or [1] * bool(message.get("plugin")))
    parts = _parse_parts(message, lost)
    issues.update(lost)
    failed = message.get("error") is True and not user
    said = "".join(part.text for part in parts)
    unfinished = Outcome.INTERRUPTED if message.get("unfinished") is True else Outcome.COMPLETE
    outcome = _OUTCOMES.get(as_text(message.get("finish_reason")), unfinished)
    wire = _wire_from_endpoint(as_text(message.get("endpoint")) or default_endpoint)
    return MessageContent(
        role="user" if user else "assistant",
        parts=() if failed else parts,
        dropped_kinds=[] if failed else [kind for kind in lost if kind in ("image", "file")],
        target=None if user else parse_target(message.get("model"), wire),
        outcome=Outcome.FAILED if failed else Outcome.COMPLETE if user else outcome,
        failure=Failure("gateway", said[:2000]) if failed else None,
    )


def _parse_parts(message: dict[str, Any], dropped_kinds: list[str]) -> list[Part]:
    found: list[Part] = []
    for block in map(as_dict, as_list(message.get("content"))):
        kind = as_text(block.get("type"))
        if kind == "text":
            found.append(TextPart(_text_value(block.get("text"))))
        elif kind == "think":
            found.append(ThinkingPart(_text_value(block.get("think"))))
        elif kind:
            dropped_kinds.append("tool" if kind == "tool_call" else "image" if "image" in kind else "other")
    return found if any(part.text for part in found) else [TextPart(as_text(message.get("text")))]


def _text_value(value: Any) -> str:
    return as_text(value.get("value") if isinstance(value, dict) else value)


def _wire_from_endpoint(endpoint: str) -> Wire:
    return "anthropic" if endpoint == "anthropic" else "openai"
