"""LibreChat's export of one conversation: messages in a list or nested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lib.core.conversation import Failure, Outcome, Part, TextPart, ThinkingPart
from lib.core.sanitize import get_list, get_object, get_objects
from lib.core.target import Wire
from lib.transfer.imported import ImportedConversation, ImportedMessage
from lib.transfer.values import MAX_DETAIL_CHARS, get_text, parse_target

NAME = "librechat"

_OUTCOMES = {
    "length": Outcome.LENGTH,
    "max_tokens": Outcome.LENGTH,
    "content_filter": Outcome.FILTERED,
    "refusal": Outcome.REFUSED,
}


def can_parse(item: dict[str, Any]) -> bool:
    """Check for a conversation of this format."""
    return "conversationId" in item and isinstance(_raw_messages(item), list)


def parse_conversation(item: dict[str, Any], issues: Counter[str]) -> ImportedConversation:
    """Parse a conversation, and count unsupported content."""
    options = get_object(item, "options")
    endpoint = get_text(item, "endpoint") or get_text(options, "endpoint")
    issues["tag"] += len(get_list(item, "tags"))
    return ImportedConversation(
        source=NAME,
        id=get_text(item, "conversationId"),
        title=get_text(item, "title"),
        messages=[
            _parse_message(message, enclosing_id, index, endpoint)
            for index, (message, enclosing_id) in enumerate(_flatten_messages(_raw_messages(item)))
        ],
        created=item.get("createdAt"),
        updated=item.get("updatedAt"),
        target=parse_target(get_text(options, "model"), _wire_from_endpoint(endpoint)),
        system=get_text(options, "promptPrefix", "system"),
    )


def _raw_messages(item: dict[str, Any]) -> Any:
    return item.get("messagesTree") or item.get("messages")


def _flatten_messages(values: list[Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield all messages, parents first, with the id of the message that each is nested in."""
    stack: list[tuple[Any, str]] = [(value, "") for value in reversed(values)]
    while stack:
        message, enclosing_id = stack.pop()
        if isinstance(message, dict):
            yield message, enclosing_id
            message_id = get_text(message, "messageId") or enclosing_id
            stack += [(child, message_id) for child in reversed(get_list(message, "children"))]


def _parse_message(message: dict[str, Any], enclosing_id: str, index: int, default_endpoint: str) -> ImportedMessage:
    is_user = message.get("isCreatedByUser") is True or get_text(message, "sender").lower() == "user"
    files = [*get_objects(message, "files"), *get_objects(message, "attachments")]
    dropped_kinds = ["image" if get_text(file, "type").startswith("image") else "file" for file in files]
    dropped_kinds += ["plugin"] * (len(get_list(message, "plugins")) or bool(message.get("plugin")))
    parts = _parse_parts(message, dropped_kinds)
    endpoint = get_text(message, "endpoint") or default_endpoint
    default_outcome = Outcome.INTERRUPTED if message.get("unfinished") is True else Outcome.COMPLETE
    imported = ImportedMessage(
        get_text(message, "messageId") or f"#{index}",
        enclosing_id or get_text(message, "parentMessageId"),
        message.get("createdAt"),
        role="user" if is_user else "assistant",
        parts=parts,
        dropped_kinds=dropped_kinds,
        target=parse_target(get_text(message, "model"), _wire_from_endpoint(endpoint)),
        outcome=_OUTCOMES.get(get_text(message, "finish_reason"), default_outcome),
    )
    if is_user or message.get("error") is not True:
        return imported
    failure = Failure("gateway", "".join(part.text for part in parts)[:MAX_DETAIL_CHARS])
    return replace(imported, parts=(), outcome=Outcome.FAILED, failure=failure)


def _parse_parts(message: dict[str, Any], dropped_kinds: list[str]) -> list[Part]:
    parts: list[Part] = []
    for block in get_objects(message, "content"):
        block_type = get_text(block, "type")
        if block_type == "text":
            parts.append(TextPart(_text_value(block, "text")))
        elif block_type == "think":
            parts.append(ThinkingPart(_text_value(block, "think")))
        elif block_type:
            is_image = "image" in block_type
            dropped_kinds.append("tool" if block_type == "tool_call" else "image" if is_image else "other")
    return parts if any(part.text for part in parts) else [TextPart(get_text(message, "text"))]


def _text_value(block: dict[str, Any], key: str) -> str:
    """Return a text, which stands in an object in some versions."""
    return get_text(block, key) or get_text(get_object(block, key), "value")


def _wire_from_endpoint(endpoint: str) -> Wire:
    return "anthropic" if endpoint == "anthropic" else "openai"
