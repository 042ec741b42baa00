"""Anthropic's wire: request bodies for /v1/messages, and its stream as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lib.core.conversation import FilePart, Message
from lib.core.errors import AnswerError, GatewayError
from lib.core.events import Event
from lib.core.extra_json import absorb_extra, reserved_fields
from lib.core.file_content import FileContent
from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import (
    MIN_THINKING_BUDGET,
    ParamAdjustment,
    Params,
    find_unsupported,
    merge_patch,
    parse_json_object,
)
from lib.core.sanitize import get_list, get_object
from lib.gateway.transport.request import Route
from lib.gateway.transport.sse import Frame
from lib.gateway.wires.anthropic_stream import parse_events
from lib.gateway.wires.content.request_content import NO_CONTENTS, FileContents, build_content
from lib.gateway.wires.errors import responses
from lib.gateway.wires.models import claude_rules, quirks, web_search

PATH = "/v1/messages"
ANTHROPIC_VERSION = "2023-06-01"


def headers(key: str) -> dict[str, str]:
    """Headers that carry the format's version and the key, as a single credential."""
    bearer = {"Authorization": f"Bearer {key}"} if key else {}
    return {**bearer, "anthropic-version": ANTHROPIC_VERSION}


def route(body: Mapping[str, Any]) -> Route:
    """Return where a body is sent."""
    return Route(PATH)


def body(
    model: str,
    messages: Sequence[Message],
    params: Params,
    capabilities: Capabilities = UNKNOWN_CAPABILITIES,
    files: FileContents = NO_CONTENTS,
) -> dict[str, Any]:
    """Return the JSON of a request. Unset parameters are omitted, and only signed thinking is sent back.

    Two are sent without a value: the output limit, which the format requires, and the display of thinking
    for models that would leave out its text. `files` are sent as they are; other ones of the messages are left out.
    """
    params = absorb_extra("anthropic", params)
    adapted, _ = quirks.adapt_params("anthropic", model, params, capabilities)
    request: dict[str, Any] = {
        "model": model,
        "max_tokens": adapted.max_tokens,
        "messages": [{"role": message.role, "content": _build_content(message, files)} for message in messages],
        "stream": params.stream,
    }
    if params.system:
        request["system"] = params.system
    request |= _build_fields(adapted)
    extra = parse_json_object(params.extra)
    if "type" not in get_object(extra, "thinking"):  # a type of its own does not take the fields of another
        request |= _build_thinking(claude_rules.rules_of(model, capabilities), adapted)
    if adapted.web_search and extra.get("tools", ()) is not None:
        tools = web_search.add_tool(get_list(extra, "tools"), web_search.build_tool(adapted))
        extra = {**extra, "tools": tools}
    return merge_patch(request, extra)


def with_user(body: dict[str, Any], user: str) -> dict[str, Any]:
    """Return the body with the caller's id in `metadata.user_id` and in no other user field."""
    return merge_patch(body, {"metadata": {"user_id": user}, "user": None, "safety_identifier": None})


def dropped_params(
    model: str, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> list[ParamAdjustment]:
    """Parameters that are not in the body, or not as they were set."""
    adapted, adjustments = quirks.adapt_params("anthropic", model, absorb_extra("anthropic", params), capabilities)
    if reserved := reserved_fields(params):
        adjustments.append(ParamAdjustment("reserved", "extra", ", ".join(reserved)))
    adjustments += find_unsupported("anthropic", adapted)
    if adapted.budget and adapted.thinking != "budget":
        adjustments.append(ParamAdjustment("budget_needs", "budget"))
    if adapted.format == "json":
        adjustments.append(ParamAdjustment("schema_only", "format"))
    if any(not stop.strip() for stop in adapted.stop):
        adjustments.append(ParamAdjustment("stops_blank", "stop"))
    if adapted.web_search and adapted.search_domains and adapted.search_blocked:
        adjustments.append(ParamAdjustment("search_domains", "search_blocked"))
    if adapted.effort == "minimal":
        adjustments.append(ParamAdjustment("sent_as", "effort", "low"))
    return [*adjustments, *_thinking_adjustments(adapted)]


def events(frames: Iterable[Frame]) -> Iterator[Event]:
    """Events of a stream, or of a complete message in a single frame.

    Raises the gateway's error for an error frame, StreamInterrupted without a stop reason, and
    MissingFinishReason for `message_stop` without one.
    """
    return parse_events(frames)


def may_retry(error: AnswerError) -> bool:
    """Return True for a failure after which the class of the error decides."""
    return True


def error(status: int, headers: Mapping[str, str], payload: str) -> GatewayError:
    """Return the error for an error response, in the shape of Anthropic or of any gateway."""
    return responses.error_from_response(status, headers, payload)


def _thinking_adjustments(params: Params) -> list[ParamAdjustment]:
    """Return the adjustment of thinking and its budget, if there is one."""
    if params.effort == "none":
        is_thinking = params.thinking in ("adaptive", "budget")
        dropped = [name for name in ("thinking", "budget") if is_thinking and getattr(params, name)]
        return [ParamAdjustment("thinking_off", ",".join(("effort", *dropped)))]
    budget = quirks.thinking_budget(params)
    if params.thinking != "budget" or budget == (params.budget or MIN_THINKING_BUDGET):
        return []
    if not budget:
        return [ParamAdjustment("no_room", "budget")]
    return [ParamAdjustment("budget_lowered", "budget", str(budget))]


def _build_content(message: Message, files: FileContents) -> str | list[dict[str, Any]]:
    """Return the content of a message, its text and its files: thinking is not sent back.

    Anthropic requires the thinking of an earlier answer in an unfinished tool turn only, and no request here
    continues one: tool calls are shown, never executed. Elsewhere it does harm, since its signature is bound to
    the model, to all that precedes it, and for some models to the account, of which resellers use many.
    Source: platform.claude.com, "Preserved thinking"; shared keys: sub2api issue 2380.
    """
    return build_content(message, files, _build_file)


def _build_file(part: FilePart, content: FileContent) -> dict[str, Any]:
    source = {"type": "base64", "media_type": content.media_type, "data": content.base64}
    if part.kind == "image":
        return {"type": "image", "source": source}
    return {"type": "document", "source": source, "title": part.name}


def _build_fields(params: Params) -> dict[str, Any]:
    names = ("temperature", "top_p", "top_k")
    fields: dict[str, Any] = {name: v for name in names if (v := getattr(params, name)) is not None}
    # Anthropic rejects stop sequences of whitespace only.
    if stops := [stop for stop in params.stop if stop.strip()]:
        fields["stop_sequences"] = stops
    if params.user:
        fields["metadata"] = {"user_id": params.user}
    if params.cache not in ("", "off"):
        ttl = {"ttl": params.cache} if params.cache != "5m" else {}
        fields["cache_control"] = {"type": "ephemeral", **ttl}
    return fields | _build_output_config(params)


def _build_thinking(rules: claude_rules.ClaudeRules, params: Params) -> dict[str, Any]:
    if params.thinking == "off" or params.effort == "none":
        return {"thinking": {"type": rules.off_type}}
    text = params.display or ("summarized" if rules.omits_thinking else "")
    display = {"display": text} if text else {}
    # Where thinking is on by default, "adaptive" is what a request without the field does.
    if params.thinking == "adaptive" or (not params.thinking and rules.thinks_by_default and display):
        return {"thinking": {"type": "adaptive", **display}}
    if budget := quirks.thinking_budget(params):
        return {"thinking": {"type": "enabled", "budget_tokens": budget, **display}}
    return {}


def _build_output_config(params: Params) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if params.effort not in ("", "none"):
        config["effort"] = "low" if params.effort == "minimal" else params.effort
    if params.format == "schema" and params.schema:
        config["format"] = {"type": "json_schema", "schema": parse_json_object(params.schema)}
    return {"output_config": config} if config else {}
