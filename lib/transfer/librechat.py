"""LibreChat's export of one conversation: messages in a list or inside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from lib.core.conversation import Failure, Outcome, Part, Text, Thinking
from lib.core.target import Wire
from lib.transfer.coerce import fields, items, moment, target, text
from lib.transfer.imported import Draft, Said, seed
from lib.transfer.message_tree import Seed

NAME = "librechat"

_NOBODY = "00000000-0000-"  # how the id begins that stands for the first message's parent
_OUTCOMES = {
    "length": Outcome.LENGTH,
    "max_tokens": Outcome.LENGTH,
    "content_filter": Outcome.FILTERED,
    "refusal": Outcome.REFUSED,
}


def fits(item: dict[str, Any]) -> bool:
    """Whether this is a conversation of this format."""
    return "conversationId" in item and isinstance(_messages(item), list)


def draft(item: dict[str, Any], counts: Counter[str]) -> Draft:
    """The conversation. What has no place here is counted."""
    options = fields(item.get("options"))
    endpoint = text(item.get("endpoint")) or text(options.get("endpoint"))
    counts["tag"] += len(items(item.get("tags")))
    seeds = [
        _seed(message, inside, number, endpoint, counts)
        for number, (message, inside) in enumerate(_flat(_messages(item)))
    ]
    return Draft(
        source=NAME,
        id=text(item.get("conversationId")),
        title=text(item.get("title")),
        seeds=seeds,
        created=moment(item.get("createdAt")),
        updated=moment(item.get("updatedAt")),
        target=target(options.get("model"), _wire(endpoint)),
        system=text(options.get("promptPrefix")) or text(options.get("system")),
    )


def _messages(item: dict[str, Any]) -> Any:
    return item.get("messagesTree") or item.get("messages")


def _flat(messages: list[Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Every message, parents first, with the id of the one that it stands in."""
    waiting: list[tuple[Any, str | None]] = [(message, None) for message in reversed(messages)]
    while waiting:
        raw, inside = waiting.pop()
        message = fields(raw)
        yield message, inside
        name = text(message.get("messageId")) or inside
        waiting += [(child, name) for child in reversed(items(message.get("children")))]


def _seed(
    message: dict[str, Any], inside: str | None, number: int, endpoint: str, counts: Counter[str]
) -> Seed:
    name = text(message.get("messageId")) or f"#{number}"
    parent = inside or text(message.get("parentMessageId"))
    return seed(
        name,
        None if parent.startswith(_NOBODY) else parent or None,
        _said(message, endpoint, counts),
        moment(message.get("createdAt")),
    )


def _said(message: dict[str, Any], endpoint: str, counts: Counter[str]) -> Said | None:
    if not message:
        return None
    user = message.get("isCreatedByUser") is True or text(message.get("sender")).lower() == "user"
    files = items(message.get("files")) + items(message.get("attachments"))
    lost = ["image" if text(one.get("type")).startswith("image") else "file" for one in map(fields, files)]
    lost += ["plugin"] * len(items(message.get("plugins")) or [1] * bool(message.get("plugin")))
    parts = _parts(message, lost)
    counts.update(lost)
    failed = message.get("error") is True and not user
    said = "".join(part.text for part in parts)
    unfinished = Outcome.INTERRUPTED if message.get("unfinished") is True else Outcome.COMPLETE
    outcome = _OUTCOMES.get(text(message.get("finish_reason")), unfinished)
    wire = _wire(text(message.get("endpoint")) or endpoint)
    return Said(
        role="user" if user else "assistant",
        parts=() if failed else parts,
        lost=[] if failed else [kind for kind in lost if kind in ("image", "file")],
        target=None if user else target(message.get("model"), wire),
        outcome=Outcome.FAILED if failed else Outcome.COMPLETE if user else outcome,
        failure=Failure("gateway", said[:2000]) if failed else None,
    )


def _parts(message: dict[str, Any], lost: list[str]) -> list[Part]:
    found: list[Part] = []
    for block in map(fields, items(message.get("content"))):
        kind = text(block.get("type"))
        if kind == "text":
            found.append(Text(_value(block.get("text"))))
        elif kind == "think":
            found.append(Thinking(_value(block.get("think"))))
        elif kind:
            lost.append("tool" if kind == "tool_call" else "image" if "image" in kind else "other")
    return found if any(part.text for part in found) else [Text(text(message.get("text")))]


def _value(words: Any) -> str:
    return text(words.get("value") if isinstance(words, dict) else words)


def _wire(endpoint: str) -> Wire:
    return "anthropic" if endpoint == "anthropic" else "openai"
