"""Open WebUI's export: chats with a history of messages by id."""

from __future__ import annotations

import html
import re
from collections import Counter
from typing import Any

from lib.core.conversation import Failure, Outcome, Part, Text, Thinking
from lib.transfer.coerce import fields, items, moment, target, text
from lib.transfer.imported import Draft, Said, seed
from lib.transfer.message_tree import Seed

NAME = "openwebui"

# What its server writes into the text of an answer: thinking, and what tools did.
_DETAILS = re.compile(r'<details type="([a-z_]{1,40})"[^<>]{0,2000}>(.*?)(?:</details>\n?|\Z)', re.DOTALL)
_SUMMARY = re.compile(r"\s{0,9}<summary>[^<]{0,500}</summary>\n?")
_QUOTED = re.compile(r"^> ?", re.MULTILINE)


def fits(item: dict[str, Any]) -> bool:
    """Whether this is a chat of this format."""
    return isinstance(_history(item).get("messages"), dict)


def draft(item: dict[str, Any], counts: Counter[str]) -> Draft:
    """The conversation. What has no place here is counted."""
    chat = fields(item.get("chat")) or item
    history = _history(item)
    counts["folder"] += bool(item.get("folder_id"))
    counts["tag"] += len(items(fields(item.get("meta")).get("tags")) or items(chat.get("tags")))
    models = items(chat.get("models"))
    return Draft(
        source=NAME,
        id=text(item.get("id")) or text(chat.get("id")),
        title=text(item.get("title")) or text(chat.get("title")),
        seeds=[_seed(name, fields(raw), counts) for name, raw in history["messages"].items()],
        head=text(history.get("currentId")),
        created=moment(item.get("created_at")) or moment(chat.get("timestamp")),
        updated=moment(item.get("updated_at")),
        target=target(models[0], "openai") if models else None,
        system=text(fields(chat.get("params")).get("system")) or text(chat.get("system")),
        pinned=item.get("pinned") is True,
        archived=item.get("archived") is True,
    )


def _history(item: dict[str, Any]) -> dict[str, Any]:
    return fields((fields(item.get("chat")) or item).get("history"))


def _seed(name: str, message: dict[str, Any], counts: Counter[str]) -> Seed:
    parent = message.get("parentId")
    said = _said(message, counts)
    when = moment(message.get("timestamp"))
    return seed(name, parent if isinstance(parent, str) else None, said, when)


def _said(message: dict[str, Any], counts: Counter[str]) -> Said | None:
    role = message.get("role")
    if role not in ("user", "assistant"):
        counts["system" if role == "system" else "other"] += bool(message)
        return None
    lost = [
        "image" if one.get("type") == "image" else "file" for one in map(fields, items(message.get("files")))
    ]
    lost += ["citation"] * len(items(message.get("sources")) or items(message.get("citations")))
    content = _content(message.get("content"), lost)
    if role == "user":
        counts.update(lost)
        return Said("user", [Text(content)], lost=[kind for kind in lost if kind != "citation"])
    parts = _parts(content, items(message.get("output")), lost)
    counts.update(lost)
    failure = _failure(message.get("error"))
    unfinished = Outcome.INTERRUPTED if message.get("done") is False else Outcome.COMPLETE
    return Said(
        role="assistant",
        parts=parts,
        lost=[kind for kind in lost if kind in ("image", "file")],
        target=target(message.get("model"), "openai"),
        outcome=Outcome.FAILED if failure else unfinished,
        failure=failure,
    )


def _content(value: Any, lost: list[str]) -> str:
    if isinstance(value, str):
        return text(value)
    found = []
    for part in map(fields, items(value)):
        if part.get("type") == "text":
            found.append(text(part.get("text")))
        else:
            lost.append("image" if "image" in text(part.get("type")) else "other")
    return "\n\n".join(filter(None, found))


def _parts(content: str, output: list[Any], lost: list[str]) -> list[Part]:
    """The answer with its thinking told apart, which the chat keeps in the text, and newer ones beside it."""
    found: list[Part] = []
    beside = [thought for one in map(fields, output) if (thought := _reasoning(one))]
    found += map(Thinking, beside)
    end = 0
    for block in _DETAILS.finditer(content):
        found.append(Text(content[end : block.start()].strip("\n")))
        end = block.end()
        if block[1] != "reasoning":
            lost.append("tool")
        elif not beside:
            found.append(
                Thinking(_QUOTED.sub("", html.unescape(_SUMMARY.sub("", block[2], count=1))).strip())
            )
    found.append(Text(content[end:].strip("\n") if end else content))
    return found


def _reasoning(one: dict[str, Any]) -> str:
    if one.get("type") != "reasoning":
        return ""
    pieces = (text(fields(piece).get("text")) for piece in items(one.get("content")))
    return "".join(pieces).strip()


def _failure(error: Any) -> Failure | None:
    if not error:
        return None
    said = error.get("content") if isinstance(error, dict) else error
    return Failure("gateway", text(said)[:2000])
