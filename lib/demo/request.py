"""A request as the demo gateway understands it: read, checked, and put into one form for both wires."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from lib.demo import rules_chat, rules_messages
from lib.demo.pieces import tokens
from lib.demo.wire import CHAT, MESSAGES, Refused

# The model that asks to be sent its own answer back, so that it can go on.
PAUSING = "demo-pause-turn"

_FILES = frozenset(("image_url", "file", "input_audio", "image", "document"))
# OpenAI caches by itself what is long enough, in steps.
_CACHED_LEAST, _CACHED_STEP = 1024, 128


@dataclass(frozen=True)
class Turn:
    """A question with its files counted, and the answer to it; the last one has none, or its beginning."""

    question: str
    files: int
    answer: str = ""


@dataclass(frozen=True)
class Wanted:
    """A request as read.

    `prompt` is in estimated tokens, `limit` in pieces; `counted` asks for usage. `depth` is the effort
    of thinking, "none" where it is off and "" where nothing is said of it. `form` is the schema of the
    JSON that is wanted, {} for any, None for text. `marks` are the places up to which the prompt may
    be cached: a digest of all before, and its tokens.
    """

    body: Mapping[str, Any]
    model: str
    turns: tuple[Turn, ...]
    system: str
    prompt: int
    limit: int | None
    stream: bool
    counted: bool
    stops: tuple[str, ...]
    count: int
    seed: int | None
    depth: str
    shown: bool
    form: Mapping[str, Any] | None
    tool: str
    marks: tuple[tuple[str, int], ...]


def read(sent: bytes, route: str) -> Wanted:
    """Return what the body of a POST to `route` asks for; raise Refused (400) where it breaks a rule."""
    try:
        body = json.loads(sent)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "invalid_request_error", "The body is not JSON.") from error
    if route == MESSAGES:
        rules_messages.check(body, going_on=isinstance(body, dict) and body.get("model") == PAUSING)
    else:
        rules_chat.check(body)
    said = list(_said(body))
    stops = body.get("stop") if route == CHAT else body.get("stop_sequences")
    return Wanted(
        body=body,
        model=body["model"],
        turns=_turns(said),
        system="\n".join(text for role, text, _ in said if role in ("system", "developer")),
        prompt=sum(_size(block) for block, _ in _blocks(body)),
        limit=body.get("max_completion_tokens") or body.get("max_tokens"),
        stream=body.get("stream") is True,
        counted=(body.get("stream_options") or {}).get("include_usage") is True,
        stops=(stops,) if isinstance(stops, str) else tuple(stops or ()),
        count=body.get("n") or 1,
        seed=body.get("seed"),
        depth=_depth(body),
        shown=(body.get("thinking") or {}).get("display") != "omitted",
        form=_form(body),
        tool=_tool(body),
        marks=tuple(_marks(body, route)),
    )


def _said(body: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Yield role, text and number of files of each message, the system prompt first."""
    system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
    for message in [*system, *body["messages"]]:
        content = message.get("content") or ""
        if isinstance(content, str):
            yield message["role"], content, 0
        else:
            words = [part["text"] for part in content if part["type"] == "text"]
            yield message["role"], "\n".join(words), sum(part["type"] in _FILES for part in content)


def _turns(said: list[tuple[str, str, int]]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for role, text, files in said:
        if role == "user":
            turns.append(Turn(text, files))
        elif role == "assistant" and turns:
            last = turns[-1]
            turns[-1] = Turn(last.question, last.files, last.answer + text)
    return tuple(turns)


def _depth(body: Mapping[str, Any]) -> str:
    if (body.get("thinking") or {}).get("type") == "disabled":
        return "none"
    return body.get("reasoning_effort") or (body.get("output_config") or {}).get("effort") or ""


def _form(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    asked = body.get("response_format") or (body.get("output_config") or {}).get("format") or {}
    if asked.get("type") == "json_object":
        return {}
    if asked.get("type") == "json_schema":
        return (asked.get("json_schema") or asked).get("schema") or {}
    return None


def _tool(body: Mapping[str, Any]) -> str:
    tools = body.get("tools") or [{}]
    return (tools[0].get("function") or tools[0]).get("name") or "look_up"


def _blocks(body: Mapping[str, Any]) -> Iterator[tuple[Any, bool]]:
    """Yield each part of the prompt in its order, and whether it ends a message."""
    for tool in body.get("tools") or ():
        yield tool, False
    system = [{"content": body["system"]}] if body.get("system") else []
    for message in [*system, *body["messages"]]:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content or ""}]
        for place, part in enumerate(parts, 1):
            yield {**part, "role": message.get("role")}, place == len(parts)


def _size(block: Mapping[str, Any]) -> int:
    return tokens(str(block.get("text") or ""))


def _marks(body: Mapping[str, Any], route: str) -> Iterator[tuple[str, int]]:
    blocks = list(_blocks(body))
    digest = hashlib.sha256(body["model"].encode(errors="replace"))
    sizes = accumulate(_size(block) for block, _ in blocks)
    for place, ((block, ends), size) in enumerate(zip(blocks, sizes, strict=True), 1):
        bare = {name: item for name, item in block.items() if name != "cache_control"}
        digest.update(json.dumps(bare, sort_keys=True).encode())
        last = place == len(blocks)
        if block.get("cache_control") or (last and body.get("cache_control") and route == MESSAGES):
            yield digest.hexdigest(), size
        elif route == CHAT and ends and not last and size >= _CACHED_LEAST:
            yield digest.hexdigest(), size // _CACHED_STEP * _CACHED_STEP
