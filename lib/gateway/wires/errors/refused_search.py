"""Errors that refuse a web search as such: by the model, by the channel behind the gateway, or by its settings."""

from __future__ import annotations

import re
from typing import Any

from lib.gateway.wires.models.web_search import is_search_tool

_SEARCH = r"(?:web[ _-]?search(?:_20\d{6}|[ _]options|[ _]preview)?|server[ _]tools?|联网搜索|网页搜索|网络搜索)"
_SEARCH_REFUSED = re.compile(
    rf"{_SEARCH}[`'\"’”)]?[^.;\n]{{0,60}}(?:not|n't|un)[ -]?(?:be )?"
    r"(?:yet |currently )?(?:support|enabled|available|allowed|permitted|recogni|known|configured|match|implement)"
    rf"|(?:not support|unsupported|unknown|unrecogni[sz]ed|not (?:allow|permit|enable)|invalid|does not match|disabled)"
    rf"[^.;\n]{{0,60}}{_SEARCH}"
    rf"|input tag [`'\"]?{_SEARCH}[`'\"]?[^\n]{{0,80}}does not match"
    rf"|{_SEARCH}[^.;\n]{{0,40}}(?:is|are|has been) disabled"
    rf"|{_SEARCH}.{{0,20}}(?:不支持|未启用|未开启|不可用|未开通|已禁用)|(?:不支持|未启用|未开启|不可用|无法使用|未开通).{{0,20}}{_SEARCH}"
    r"|tools\.\d+\.(?:custom\.)?(?:input_schema|function|name)[^\n]{0,40}(?:required|missing)",
    re.IGNORECASE,
)
# Words about one of its values, which another may keep, and about a failure that passes.
_NO_REFUSAL = re.compile(
    r"max_uses|allowed_domains|blocked_domains|user_location|search_context_size|\bcountry\b|\bcity\b"
    r"|temporar|currently unavailable|try again|later|rate limit|overloaded|暂时|稍后|重试",
    re.IGNORECASE,
)
_TOOL_INDEX = re.compile(r"\btools[.\[](\d{1,3})")


def is_search_refusal(words: str, tools: Any = None) -> bool:
    """Return True for an error that refuses the search of a request, whatever its options.

    An error that names another one of its `tools` by its number is about that one.
    """
    if not _SEARCH_REFUSED.search(words) or _NO_REFUSAL.search(words):
        return False
    numbers = [int(number) for number in _TOOL_INDEX.findall(words)]
    listed = tools if isinstance(tools, list) else []
    return not numbers or any(number < len(listed) and is_search_tool(listed[number]) for number in numbers)
