"""Diagnosis of the prompt cache: each cause over the wires that it concerns, costs, and the earlier request."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from lib.chat.context.window import build_messages
from lib.chat.exchanges.cache_diagnosis import CacheDiagnosis, CachedRequest, diagnose, find_previous
from lib.core.conversation import Message, Node, Outcome, TextPart, Truncation, Usage
from lib.core.params import Params
from lib.core.pricing import ModelPrice, Price
from lib.core.target import Target
from lib.gateway.wires.request_body import build_body

CLAUDE, GPT = Target("claude-sonnet-5", "anthropic"), Target("gpt-5.2", "openai")
PRICE = ModelPrice(Price(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75")), "gateway")
TEXTS = ("What is a stag?", "A deer.", "And a doe?", "A female deer.", "And a fawn?")
START = 1_000_000.0
both = pytest.mark.parametrize("target", [CLAUDE, GPT], ids=["anthropic", "openai"])


def path(*texts: str) -> list[Node]:
    roles = ("user", "assistant")
    return [
        Node(f"n{i}", f"n{i - 1}" if i else None, Message(roles[i % 2], (TextPart(text),)), START + i)
        for i, text in enumerate(texts)
    ]


def request(
    target: Target, texts=TEXTS, usage=(5000, 0, 0), after: float = 0.0, truncation=None, extra=None, **params
) -> CachedRequest:
    """Return a request with counts of input, read and written tokens, sent some seconds after the start."""
    if target.wire == "anthropic":
        params = {"cache": "5m", **params}
    body = build_body(target, build_messages(path(*texts), truncation), Params(**params)) | (extra or {})
    count, read, written = usage
    return CachedRequest(target, body, START + after, Usage(count, 100, read, written), 1.0)


def after(target: Target, usage=(5200, 0, 0), seconds: float = 60.0, **options) -> CachedRequest:
    return request(target, usage=usage, after=seconds, **options)


def before(target: Target, **options) -> CachedRequest:
    return request(target, TEXTS[:3], (5000, 0, 5000), **options)


@both
def test_a_request_that_reads_what_the_previous_one_sent_is_a_hit(target):
    found = diagnose(after(target, (5200, 4992, 100)), before(target), PRICE)
    assert (found.verdict, found.cause, found.difference) == ("hit", "", None)
    assert found.saved == 4992 * 2_700
    assert found.lost is None


@both
def test_a_miss_costs_what_reading_would_have_saved_and_writing_again(target):
    found = diagnose(after(target, (5200, 0, 5200), system="Now different"), before(target), PRICE)
    assert (found.verdict, found.cause, found.expected) == ("miss", "system", 5000)
    assert found.lost == 5000 * 2_700 + 5000 * 750
    part = diagnose(after(target, (5200, 1000, 0), system="Now different"), before(target), PRICE)
    assert (part.verdict, part.lost) == ("partial", 4000 * 2_700)
    assert diagnose(after(target, system="Now different"), before(target)).lost is None


CHANGES = {
    "tools": {"web_search": True},
    "system": {"system": "Be brief"},
    "format": {"format": "schema", "schema": '{"type": "object"}'},
}


@both
@pytest.mark.parametrize("cause", CHANGES)
def test_a_changed_field_is_the_cause(target, cause):
    if cause == "tools" and target == GPT:
        changed = after(target, extra={"tools": [{"type": "function", "function": {"name": "f"}}]})
    else:
        changed = after(target, **CHANGES[cause])
    assert diagnose(changed, before(target)).cause == cause


def test_fields_of_one_wire_are_causes_there():
    thinking = after(Target("claude-sonnet-4-5", "anthropic"), thinking="budget", budget=2048)
    assert diagnose(thinking, before(Target("claude-sonnet-4-5", "anthropic"))).cause == "thinking"
    shown = after(CLAUDE, display="omitted"), before(CLAUDE, display="summarized")
    assert diagnose(*shown).cause == "unknown"
    chosen = after(CLAUDE, extra={"tool_choice": {"type": "any"}})
    assert diagnose(chosen, before(CLAUDE)).cause == "tool_choice"
    assert diagnose(after(CLAUDE, extra={"speed": "fast"}), before(CLAUDE)).cause == "speed"
    keys = after(GPT, prompt_cache_key="b"), before(GPT, prompt_cache_key="a")
    assert diagnose(*keys).cause == "cache_key"


def test_new_instructions_of_a_project_are_told_from_another_system_prompt():
    changed = replace(after(CLAUDE, system="New instructions"), instructions="New")
    assert diagnose(changed, before(CLAUDE, system="Old instructions")).cause == "instructions"


@both
def test_the_first_changed_message_is_named(target):
    found = diagnose(after(target, texts=(TEXTS[0], TEXTS[1], "And a hind?", *TEXTS[3:])), before(target))
    assert found.difference is not None
    assert (found.cause, found.difference.index, found.difference.role) == ("edited", 2, "user")
    assert 0.4 < found.difference.shared < 0.8
    other = diagnose(after(target, texts=(TEXTS[0], "An animal.", *TEXTS[2:])), before(target))
    assert other.difference is not None
    assert (other.cause, other.difference.index) == ("answer", 1)


@both
def test_left_out_and_summarized_messages_are_the_cause(target):
    assert diagnose(after(target, truncation=Truncation("n2")), before(target)).cause == "truncated"
    summary = Truncation("n2", "They spoke of deer.")
    assert diagnose(after(target, truncation=summary), before(target)).cause == "summarized"


@both
def test_targets_are_compared(target):
    other = replace(target, model="claude-opus-4-8" if target == CLAUDE else "gpt-5.1")
    assert diagnose(after(target), before(other)).cause == "other_model"
    wire = replace(target, wire="openai" if target == CLAUDE else "anthropic")
    assert diagnose(after(target), replace(before(target), target=wire)).cause == "other_wire"


def test_without_an_earlier_request_there_was_nothing_to_read():
    found = diagnose(after(CLAUDE, (5200, 0, 5200)), None, PRICE)
    assert (found.cause, found.lost, found.written) == ("first_request", None, 5200)


def test_claude_has_to_be_asked_to_cache_and_only_its_own_wire_can():
    assert diagnose(after(CLAUDE, cache="off"), before(CLAUDE)).cause == "not_requested"
    assert diagnose(after(CLAUDE), before(CLAUDE, cache="off")).cause == "unknown"  # the gateway wrote by itself
    silent = replace(before(CLAUDE, cache="off"), usage=Usage(5000, 100, 0, 0))
    assert diagnose(after(CLAUDE), silent).cause == "not_written"
    over_openai = Target("claude-sonnet-5", "openai")
    assert diagnose(after(over_openai), before(over_openai)).cause == "no_field"


@pytest.mark.parametrize(
    ("target", "minimum"),
    [
        (CLAUDE, 1024),
        (Target("claude-opus-5-5", "anthropic"), 512),
        (Target("claude-opus-4-7", "anthropic"), 2048),
        (Target("claude-opus-4-6", "anthropic"), 4096),
        (Target("claude-haiku-4-5-20251001", "anthropic"), 4096),
        (GPT, 1024),
        (Target("deepseek-chat", "openai"), 64),
    ],
)
def test_a_prompt_below_the_minimum_of_the_model_is_not_cached(target, minimum):
    assert diagnose(after(target, (minimum - 1, 0, 0)), before(target)).cause == "below_minimum"
    long = diagnose(after(target, (minimum, 0, 0)), before(target))
    assert (long.cause, long.rules.minimum) == ("unknown", minimum)


def test_a_short_request_to_a_model_of_unknown_rules_says_so():
    unknown = Target("some-model", "openai")
    short = diagnose(after(unknown, (900, 0, 0)), before(unknown), PRICE)
    assert (short.cause, short.expected, short.lost) == ("short", None, None)
    assert diagnose(after(unknown, (1100, 0, 0)), before(unknown)).cause == "unknown"


@pytest.mark.parametrize(
    ("target", "params", "lifetime"),
    [
        (CLAUDE, {}, 300),
        (CLAUDE, {"cache": "1h"}, 3600),
        (GPT, {}, 300),
        (Target("gpt-5.6", "openai"), {}, 1800),
    ],
)
def test_an_entry_expires(target, params, lifetime):
    late = diagnose(after(target, seconds=lifetime + 1, **params), before(target, **params))
    assert (late.cause, late.elapsed) == ("expired", lifetime + 1)
    assert diagnose(after(target, seconds=lifetime - 1, **params), before(target, **params)).cause == "unknown"


@both
def test_a_request_beside_the_previous_one_finds_nothing_yet(target):
    assert diagnose(after(target, seconds=0.5), before(target)).cause == "concurrent"


def test_anthropic_looks_back_over_twenty_blocks():
    blocks = [{"type": "text", "text": str(number)} for number in range(25)]
    long = after(CLAUDE)
    messages = [*long.body["messages"][:4], {"role": "user", "content": blocks}]
    assert diagnose(replace(long, body={**long.body, "messages": messages}), before(CLAUDE)).cause == "lookback"


def test_counters_that_are_not_reported_are_no_miss():
    silent = replace(after(GPT, system="New"), usage=Usage(5200, 100))
    found = diagnose(silent, before(GPT))
    assert (found.verdict, found.cause) == ("unreported", "system")


def test_the_diagnosis_of_the_wire_is_passed_on():
    reason = {"cache_miss_reason": {"type": "system_changed", "cache_missed_input_tokens": 4096}}
    found = diagnose(after(CLAUDE, system="New"), before(CLAUDE), None, reason)
    assert (found.vendor_cause, found.vendor_tokens) == ("system_changed", 4096)
    assert diagnose(after(CLAUDE), before(CLAUDE), None, {"cache_miss_reason": None}).vendor_cause == ""


def test_results_of_searches_are_not_expected_to_be_read():
    searched = replace(before(CLAUDE), usage=Usage(50_000, 100, 0, 5000, searches=3))
    assert diagnose(after(CLAUDE, (5200, 4900, 0)), searched) == CacheDiagnosis(
        "hit", read=4900, elapsed=60.0, rules=after(CLAUDE).rules
    )


def tree(*rows: tuple[str, str | None, Target | None]) -> list[Node]:
    return [
        Node(name, parent, Message("assistant" if target else "user", ()), float(number), target=target)
        for number, (name, parent, target) in enumerate(rows)
    ]


def test_the_earlier_request_is_that_with_the_most_messages_in_common():
    nodes = tree(
        ("q1", None, None),
        ("a1", "q1", CLAUDE),
        ("q2", "a1", None),
        ("a2", "q2", CLAUDE),
        ("q2b", "a1", None),
        ("a2b", "q2b", CLAUDE),
        ("a2c", "q2", GPT),
        ("q3", "a2", None),
        ("a3", "q3", CLAUDE),
        ("a3b", "q3", CLAUDE),
    )
    by_id = {node.id: node for node in nodes}
    expected = {"a1": None, "a2": "a1", "a2b": "a2", "a2c": "a2", "a3": "a2", "a3b": "a3"}
    found = {name: find_previous(nodes, by_id[name]) for name in expected}
    assert {name: node and node.id for name, node in found.items()} == expected
    failed = [replace(node, outcome=Outcome.FAILED) if node.id == "a3" else node for node in nodes]
    assert find_previous(failed, by_id["a3b"]) == by_id["a2"]
