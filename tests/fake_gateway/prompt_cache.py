"""The prompt cache of the fake gateway: explicit breakpoints, or automatic ones on /v1/chat/completions."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from lib.demo.deltas import count_tokens
from lib.demo.request import ParsedRequest
from lib.demo.wire import ANTHROPIC, OPENAI, CacheUsage

# OpenAI caches prompts of this many tokens by itself, in steps.
_AUTOMATIC_MIN, _AUTOMATIC_STEP = 1024, 128
_MAX_ENTRIES = 1024


class PromptCache:
    """Digests of prompts up to their breakpoints; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._digests: OrderedDict[str, None] = OrderedDict()

    def add(self, request: ParsedRequest) -> CacheUsage:
        """Cache the prompt up to its breakpoints and return the tokens read and written."""
        breakpoints = list(_breakpoints(request.body, request.path))
        with self._lock:
            read = max((size for digest, size in breakpoints if digest in self._digests), default=0)
            for digest, _ in breakpoints:
                self._digests[digest] = None
                self._digests.move_to_end(digest)
            while len(self._digests) > _MAX_ENTRIES:
                self._digests.popitem(last=False)
        total = max((size for _, size in breakpoints), default=0)
        # OpenAI does not bill or report what it writes.
        return CacheUsage(read, total - read if request.path == ANTHROPIC else 0)


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Return the estimated tokens of the prompt, block by block as breakpoints count them."""
    return sum(_size(block) for block, _ in _blocks(body))


def _blocks(body: Mapping[str, Any]) -> Iterator[tuple[Any, bool]]:
    """Yield each block of the prompt in order, and True for the last one of a message."""
    for tool in body.get("tools") or ():
        yield tool, False
    system = [{"content": body["system"]}] if body.get("system") else []
    for message in [*system, *body["messages"]]:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content or ""}]
        for number, part in enumerate(parts, 1):
            yield {**part, "role": message.get("role")}, number == len(parts)


def _size(block: Mapping[str, Any]) -> int:
    return count_tokens(str(block.get("text") or ""))


def _breakpoints(body: Mapping[str, Any], path: str) -> Iterator[tuple[str, int]]:
    """Yield the digest of the prompt and its tokens up to each breakpoint."""
    blocks = list(_blocks(body))
    digest = hashlib.sha256(body["model"].encode(errors="replace"))
    sizes = accumulate(_size(block) for block, _ in blocks)
    for number, ((block, ends_message), size) in enumerate(zip(blocks, sizes, strict=True), 1):
        content = {name: item for name, item in block.items() if name != "cache_control"}
        digest.update(json.dumps(content, sort_keys=True).encode())
        is_last = number == len(blocks)
        if block.get("cache_control") or (is_last and body.get("cache_control") and path == ANTHROPIC):
            yield digest.hexdigest(), size
        elif path == OPENAI and ends_message and not is_last and size >= _AUTOMATIC_MIN:
            yield digest.hexdigest(), size // _AUTOMATIC_STEP * _AUTOMATIC_STEP
