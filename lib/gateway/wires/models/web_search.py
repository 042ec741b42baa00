"""Web search of models: which have it, and the fields that ask for it on either wire.

Sources: platform.claude.com, "Web search tool"; OpenAI's guide "Web search", Chat Completions; new-api, which turns
`web_search_options` into Claude's tool (`RequestOpenAI2ClaudeMessage`), as LiteLLM does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.sanitize import get_list, get_object, get_objects, parse_token_count
from lib.core.target import Wire
from lib.gateway.wires.models.claude_rules import claude_version

SearchMode = Literal["", "optional", "always"]

TOOL_NAME = "web_search"
OPTIONS_FIELD = "web_search_options"
# The later versions filter the results by code. They need models from Claude 4.6 on, a code execution that few channels
# of resellers have, and are not eligible for zero data retention, so none of them is sent unasked.
_TOOL_TYPE = "web_search_20250305"
DEFAULT_MAX_USES = 5  # searches of a request that sets no limit, so that its cost has one
UNLIMITED_USES = 10  # searches that are reserved for a tool of Extra JSON without a limit
# Searches that gateways allow Claude for a size of the context (new-api's `RequestOpenAI2ClaudeMessage`).
_USES_BY_CONTEXT = {"low": 1, "medium": DEFAULT_MAX_USES, "high": 10}
_FIRST_CLAUDE = (3, 5)
# gpt-4o-search-preview, gpt-4o-mini-search-preview, gpt-5-search-api, Perplexity's models, OpenRouter's suffix.
_ALWAYS_SEARCHES = re.compile(r"(?:.*/)?(?:gpt-\S*-search-(?:preview|api)\S*|sonar(?:-\S+)?|\S+:online)", re.IGNORECASE)
_OPENAI_SEARCH_MODEL = re.compile(r"(?:.*/)?gpt-\S*-search-(?:preview|api)", re.IGNORECASE)


def search_mode(wire: Wire, model: str, capabilities: Capabilities) -> SearchMode:
    """Return how a model searches the web on a wire: never, if it is asked to, or with every question."""
    if wire == "images":
        return ""
    if wire == "openai" and _ALWAYS_SEARCHES.fullmatch(model):
        return "always"
    if capabilities.web_search is not None:
        return "optional" if capabilities.web_search else ""
    return "optional" if claude_version(model) >= _FIRST_CLAUDE else ""


def is_openai_search_model(model: str) -> bool:
    """Return True for OpenAI's search models, which refuse sampling parameters, seed and several answers."""
    return bool(_OPENAI_SEARCH_MODEL.match(model))


def build_options(mode: SearchMode, params: Params) -> dict[str, Any] | None:
    """Return OpenAI's `web_search_options`; None without a search, and for a model that needs none."""
    options: dict[str, Any] = {"search_context_size": params.search_context} if params.search_context else {}
    if place := _place(params):
        options["user_location"] = {"type": "approximate", "approximate": place}
    if mode == "always":
        return options or None
    return options if mode and params.web_search else None


def build_tool(params: Params) -> dict[str, Any]:
    """Return Anthropic's tool. Allowed domains take precedence: the format rejects both lists together."""
    tool: dict[str, Any] = {"type": _TOOL_TYPE, "name": TOOL_NAME, "max_uses": params.search_uses or DEFAULT_MAX_USES}
    if domains := list(filter(None, map(strip_domain, params.search_domains))):
        tool["allowed_domains"] = domains
    elif domains := list(filter(None, map(strip_domain, params.search_blocked))):
        tool["blocked_domains"] = domains
    if place := _place(params):
        tool["user_location"] = {"type": "approximate", **place}
    return tool


def strip_domain(domain: str) -> str:
    """Return a domain as the format takes it: without a scheme, a wildcard in front and a slash at the end."""
    return re.sub(r"^(?:https?://)?(?:\*\.)?", "", domain.strip(), flags=re.IGNORECASE).rstrip("/")


def add_tool(tools: Iterable[Any], tool: Mapping[str, Any]) -> list[Any]:
    """Return the tools with the search behind them, unless there is one, or one of that name, among them."""
    known = list(tools)
    names = [item.get("name") for item in known if isinstance(item, Mapping)]
    return known if TOOL_NAME in names or any(map(is_search_tool, known)) else [*known, dict(tool)]


def is_search_tool(tool: Any) -> bool:
    """Return True for a web search that the vendor runs, in any version."""
    return isinstance(tool, Mapping) and str(tool.get("type") or "").startswith("web_search")


def max_searches(body: Mapping[str, Any]) -> int:
    """Return the most searches that a request allows, as far as it says so; 0 for one without a search."""
    for tool in get_objects(dict(body), "tools"):
        if is_search_tool(tool):
            uses = parse_token_count(tool.get("max_uses"))
            return UNLIMITED_USES if uses is None else uses
    if OPTIONS_FIELD not in body:
        return 0
    size = get_object(dict(body), OPTIONS_FIELD).get("search_context_size")
    is_claude = claude_version(str(body.get("model"))) >= _FIRST_CLAUDE
    return _USES_BY_CONTEXT.get(str(size), DEFAULT_MAX_USES) if is_claude else 1


def has_search(body: Mapping[str, Any]) -> bool:
    """Return True for a request that asks for a search."""
    return OPTIONS_FIELD in body or any(map(is_search_tool, get_list(dict(body), "tools")))


def _place(params: Params) -> dict[str, str]:
    place = {"city": params.search_city, "country": params.search_country.upper()}
    return {name: value for name, value in place.items() if value}
