"""LibreChat's export of one conversation: messages in a list or nested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from msgspec import Struct, field

from lib.core.conversation import Failure, Outcome, Part, TextPart, ThinkingPart
from lib.core.target import Wire
from lib.transfer.imported import ImportedConversation, ImportedMessage
from lib.transfer.values import MAX_DETAIL_CHARS, RawTimestamp, clean_text, decode_tolerant, parse_target

NAME = "librechat"

_OUTCOMES = {
    "length": Outcome.LENGTH,
    "max_tokens": Outcome.LENGTH,
    "content_filter": Outcome.FILTERED,
    "refusal": Outcome.REFUSED,
}


class _TextValue(Struct):
    value: str | None = None


class _Block(Struct):
    type: str | None = None
    text: str | _TextValue | None = None
    think: str | _TextValue | None = None


class _File(Struct):
    type: str | None = None


class _Message(Struct, rename="camel"):
    message_id: str | None = None
    parent_message_id: str | None = None
    is_created_by_user: bool | None = None
    sender: str | None = None
    text: str | None = None
    content: list[_Block] | None = None
    children: list[Any] | None = None
    files: list[_File] | None = None
    attachments: list[_File] | None = None
    plugins: list[Any] | None = None
    plugin: Any = None
    endpoint: str | None = None
    model: str | None = None
    error: bool | None = None
    unfinished: bool | None = None
    finish_reason: str | None = field(default=None, name="finish_reason")
    created_at: RawTimestamp = None


class _Options(Struct, rename="camel"):
    endpoint: str | None = None
    model: str | None = None
    prompt_prefix: str | None = None
    system: str | None = None


class _Conversation(Struct, rename="camel"):
    conversation_id: str | None = None
    title: str | None = None
    endpoint: str | None = None
    options: _Options | None = None
    tags: list[Any] | None = None
    created_at: RawTimestamp = None
    updated_at: RawTimestamp = None


def can_parse(item: dict[str, Any]) -> bool:
    """Check for a conversation of this format."""
    return "conversationId" in item and isinstance(_raw_messages(item), list)


def parse_conversation(item: dict[str, Any], issues: Counter[str]) -> ImportedConversation:
    """Parse a conversation, and count unsupported content."""
    conversation = decode_tolerant(item, _Conversation)
    options = conversation.options or _Options()
    endpoint = conversation.endpoint or options.endpoint
    issues["tag"] += len(conversation.tags or ())
    return ImportedConversation(
        source=NAME,
        id=clean_text(conversation.conversation_id),
        title=clean_text(conversation.title),
        messages=[
            _parse_message(message, enclosing_id, index, endpoint)
            for index, (message, enclosing_id) in enumerate(_flatten_messages(_raw_messages(item)))
        ],
        created=conversation.created_at,
        updated=conversation.updated_at,
        target=parse_target(options.model, _wire_from_endpoint(endpoint)),
        system=clean_text(options.prompt_prefix or options.system),
    )


def _raw_messages(item: dict[str, Any]) -> Any:
    return item.get("messagesTree") or item.get("messages")


def _flatten_messages(values: list[Any]) -> Iterator[tuple[_Message, str | None]]:
    """Yield all messages, parents first, with the id of the message that each is nested in."""
    stack: list[tuple[Any, str | None]] = [(value, None) for value in reversed(values)]
    while stack:
        value, enclosing_id = stack.pop()
        message = decode_tolerant(value, _Message)
        yield message, enclosing_id
        message_id = clean_text(message.message_id) or enclosing_id
        stack += [(child, message_id) for child in reversed(message.children or ())]


def _parse_message(
    message: _Message, enclosing_id: str | None, index: int, default_endpoint: str | None
) -> ImportedMessage:
    message_id = clean_text(message.message_id) or f"#{index}"
    parent_id = enclosing_id or clean_text(message.parent_message_id)
    imported = ImportedMessage(message_id, parent_id, message.created_at)
    if message == _Message():
        return imported
    is_user = message.is_created_by_user is True or (message.sender or "").lower() == "user"
    files = [*(message.files or ()), *(message.attachments or ())]
    dropped_kinds = ["image" if (file.type or "").startswith("image") else "file" for file in files]
    dropped_kinds += ["plugin"] * (len(message.plugins or ()) or bool(message.plugin))
    parts = _parse_parts(message, dropped_kinds)
    default_outcome = Outcome.INTERRUPTED if message.unfinished else Outcome.COMPLETE
    imported = replace(
        imported,
        role="user" if is_user else "assistant",
        parts=parts,
        dropped_kinds=dropped_kinds,
        target=parse_target(message.model, _wire_from_endpoint(message.endpoint or default_endpoint)),
        outcome=_OUTCOMES.get(message.finish_reason or "", default_outcome),
    )
    if is_user or not message.error:
        return imported
    failure = Failure("gateway", "".join(part.text for part in parts)[:MAX_DETAIL_CHARS])
    return replace(imported, parts=(), outcome=Outcome.FAILED, failure=failure)


def _parse_parts(message: _Message, dropped_kinds: list[str]) -> list[Part]:
    parts: list[Part] = []
    for block in message.content or ():
        block_type = block.type or ""
        if block_type == "text":
            parts.append(TextPart(_text_value(block.text)))
        elif block_type == "think":
            parts.append(ThinkingPart(_text_value(block.think)))
        elif block_type:
            is_image = "image" in block_type
            dropped_kinds.append("tool" if block_type == "tool_call" else "image" if is_image else "other")
    return parts if any(part.text for part in parts) else [TextPart(clean_text(message.text))]


def _text_value(value: str | _TextValue | None) -> str:
    return clean_text(value.value if isinstance(value, _TextValue) else value)


def _wire_from_endpoint(endpoint: str | None) -> Wire:
    return "anthropic" if endpoint == "anthropic" else "openai"
