"""Diagnosis of the prompt cache: why a request was answered from it or not, what that cost, and what to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from lib.chat.exchanges.request_prefix import Change, PrefixDifference, count_blocks, find_difference
from lib.core.conversation import Node, Outcome, Usage
from lib.core.pricing import NANOS_PER_DOLLAR, ModelPrice
from lib.core.sanitize import get_list, get_object, parse_token_count
from lib.core.target import Target
from lib.core.tree import sort_nodes
from lib.gateway.wires.models.cache_rules import LOOKBACK_BLOCKS, CacheRules, asks_for_cache, cache_rules

Verdict = Literal["hit", "partial", "miss", "unreported"]
Cause = (
    Change
    | Literal[
        "",
        "first_request",
        "no_field",
        "not_requested",
        "below_minimum",
        "other_model",
        "other_wire",
        "not_written",
        "instructions",
        "expired",
        "concurrent",
        "lookback",
        "short",
        "unknown",
    ]
)

USUAL_MINIMUM = 1024  # tokens; of most models, where that of one is unknown
# A hit may leave out the end: OpenAI reads in steps of 128 tokens, and counts of a gateway are rounded.
_FULL_RATIO, _STEP = 0.9, 128
_NANOS_PER_TOKEN = Decimal(NANOS_PER_DOLLAR) / 10**6


@dataclass(frozen=True)
class CachedRequest:
    """A request as its prompt cache saw it.

    `started_at` is in seconds since 1970. `first_token` are the seconds until its answer began, None if it never did.
    `instructions` are those of the project that were noted.
    """

    target: Target
    body: Mapping[str, Any]
    started_at: float
    usage: Usage = Usage()
    first_token: float | None = None
    instructions: str = ""

    @property
    def rules(self) -> CacheRules:
        return cache_rules(self.target, self.body)


@dataclass(frozen=True)
class CacheDiagnosis:
    """A verdict and its cause, "" for a hit.

    `difference` is the first one from the previous request. `expected` are the tokens that could have been read, and
    `read` those that were. `lost` is what the rest cost more than reading it, `saved` what reading saved, both in
    nano-dollars, None if unknown. `elapsed` are the seconds since the previous request. `vendor_cause` is the wire's
    own diagnosis, and `vendor_tokens` its count of tokens that were not read.
    """

    verdict: Verdict
    cause: Cause = ""
    difference: PrefixDifference | None = None
    read: int = 0
    written: int = 0
    expected: int | None = None
    lost: int | None = None
    saved: int | None = None
    elapsed: float | None = None
    rules: CacheRules = CacheRules()
    vendor_cause: str = ""
    vendor_tokens: int | None = None


def find_previous(nodes: Sequence[Node], answer: Node) -> Node | None:
    """Return the answer whose request the one for `answer` could read from the cache: an earlier one.

    That is of those by the same target the one with the most messages in common, and of these the newest. Without one,
    other targets count too.
    """
    depths: dict[str, int] = {}
    path = {node.id: index for index, node in enumerate(_path_to(nodes, answer))}
    candidates = []
    for node in sort_nodes(nodes):
        depths[node.id] = path.get(node.id, depths.get(node.parent_id or "", -1))
        is_earlier = node.created_at < answer.created_at and node.id != answer.id
        if is_earlier and node.message.role == "assistant" and node.target and node.outcome is not Outcome.FAILED:
            candidates.append(node)
    # Of an answer on the path, its question counts: the answer was no part of its request.
    return max(
        candidates, key=lambda node: (node.target == answer.target, depths[node.id], node.created_at), default=None
    )


def diagnose(
    request: CachedRequest,
    previous: CachedRequest | None,
    price: ModelPrice | None = None,
    diagnostics: Mapping[str, Any] | None = None,
) -> CacheDiagnosis:
    """Compare a request with the previous one. `diagnostics` are those of its response, if it had any."""
    usage, rules = request.usage, request.rules
    read, written = usage.cache_read or 0, usage.cache_write or 0
    expected = _expected_tokens(request, previous)
    difference = find_difference(previous.body, request.body) if previous else None
    is_hit = bool(read) and (expected is None or read >= _FULL_RATIO * expected - _STEP)
    cause: Cause = "" if is_hit else _find_cause(request, previous, difference)
    could_read = expected if cause not in ("first_request", "below_minimum", "short", "no_field") else None
    lost = _price_of_miss(usage, could_read, price) if cause and could_read is not None else None
    reason = get_object(diagnostics or {}, "cache_miss_reason")
    return CacheDiagnosis(
        "hit" if is_hit else "partial" if read else _verdict_of_miss(usage),
        cause,
        difference if cause not in ("first_request", "other_model", "other_wire") else None,
        read,
        written,
        could_read,
        lost,
        _price_of_tokens(read, usage, price) if read else None,
        request.started_at - previous.started_at if previous else None,
        rules,
        str(reason.get("type", "")),
        parse_token_count(reason.get("cache_missed_input_tokens")),
    )


def _path_to(nodes: Sequence[Node], answer: Node) -> list[Node]:
    by_id = {node.id: node for node in nodes}
    found: list[Node] = []
    node: Node | None = answer
    while node is not None and len(found) <= len(by_id):
        found.append(node)
        node = by_id.get(node.parent_id or "")
    return found[::-1]


def _verdict_of_miss(usage: Usage) -> Verdict:
    return "unreported" if usage.cache_read is None and usage.cache_write is None else "miss"


def _find_cause(request: CachedRequest, previous: CachedRequest | None, difference: PrefixDifference | None) -> Cause:
    """Return why not all was read: first what rules a cache out, then what has changed, then time and place."""
    rules, usage = request.rules, request.usage
    if not rules.has_field:
        return "no_field"
    if rules.is_explicit and not asks_for_cache(request.body) and not (usage.cache_write or usage.cache_read):
        return "not_requested"
    if rules.minimum and usage.input is not None and usage.input < rules.minimum:
        return "below_minimum"
    if previous is None:
        return "first_request"
    if previous.target.model != request.target.model:
        return "other_model"
    if previous.target.wire != request.target.wire:
        return "other_wire"
    if _is_unwritten(previous):
        return "not_written"
    if difference is not None:
        has_new_instructions = difference.change == "system" and request.instructions != previous.instructions
        return "instructions" if has_new_instructions else difference.change
    return _find_cause_of_equal(request, previous)


def _is_unwritten(previous: CachedRequest) -> bool:
    """Return True for a request that left nothing in the cache: it did not ask for that, or was too short."""
    rules, usage = previous.rules, previous.usage
    if usage.cache_write or usage.cache_read:
        return False
    is_short = bool(rules.minimum and usage.input is not None and usage.input < rules.minimum)
    return is_short or (rules.is_explicit and not asks_for_cache(previous.body))


def _find_cause_of_equal(request: CachedRequest, previous: CachedRequest) -> Cause:
    """Return the cause of a miss of a request that begins as the previous one."""
    rules, elapsed = request.rules, request.started_at - previous.started_at
    # An entry can be read once the answer of the request that wrote it has begun.
    if elapsed < (previous.first_token or 0.0):
        return "concurrent"
    if rules.lifetime is not None and elapsed > rules.lifetime:
        return "expired"
    new_blocks = count_blocks(request.body, len(get_list(previous.body, "messages")))
    if rules.is_positional and new_blocks > LOOKBACK_BLOCKS:
        return "lookback"
    is_short = rules.minimum is None and request.usage.input is not None and request.usage.input < USUAL_MINIMUM
    return "short" if is_short else "unknown"


def _expected_tokens(request: CachedRequest, previous: CachedRequest | None) -> int | None:
    """Return the tokens that both requests have in common, had nothing changed: those of the shorter one."""
    if previous is None or previous.usage.searches or request.usage.searches:
        return None  # the results of searches count as input, and are not sent again
    counts = [usage.input for usage in (previous.usage, request.usage)]
    return min(count for count in counts if count is not None) if None not in counts else None


def _price_of_tokens(tokens: int, usage: Usage, price: ModelPrice | None) -> int | None:
    """Return what tokens cost more as new input than as read from the cache, in nano-dollars."""
    rates = price.price_for(usage.input or 0) if price else None
    if rates is None or rates.cache_read is None:
        return None
    return int(tokens * (rates.input - rates.cache_read) * _NANOS_PER_TOKEN)


def _price_of_miss(usage: Usage, expected: int | None, price: ModelPrice | None) -> int | None:
    """Return what the tokens that were not read cost more than reading them, with what it costs to write them again."""
    missed = max(0, (expected or 0) - (usage.cache_read or 0))
    extra, rates = _price_of_tokens(missed, usage, price), price.price_for(usage.input or 0) if price else None
    if extra is None or rates is None:
        return None
    written = min(missed, usage.cache_write or 0)
    write_rate = rates.write_rate_1h if usage.cache_write_1h else rates.write_rate_5m
    is_charged = rates.cache_write is not None or usage.cache_write_1h is not None
    premium = written * (write_rate - rates.input) * _NANOS_PER_TOKEN if is_charged else Decimal(0)
    return extra + int(premium)
