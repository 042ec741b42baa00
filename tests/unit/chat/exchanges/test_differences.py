"""Differences of two answers: endings, counters, thinking, times, fields and headers, and what is equal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.chat.exchanges.differences import AnswerFacts, Difference, list_differences
from lib.core.conversation import Message, Node, Outcome, SourcePart, TextPart, ThinkingPart, Timing, Usage
from lib.core.params import ParamAdjustment
from lib.core.refused_params import SENT_AGAIN
from lib.core.target import Target


def answer(wire: str = "openai", reason: str = "stop", **fields) -> Node:
    message = Message("assistant", fields.pop("parts", (TextPart("Some text"),)))
    return Node("a", "q", message, 1.0, Outcome.COMPLETE, reason, Target("m", wire), **fields)


def rows(left: AnswerFacts, right: AnswerFacts) -> dict[tuple[str, str], Difference]:
    return {(row.group, row.name): row for row in list_differences(left, right)}


def compare(left: Node, right: Node) -> dict[tuple[str, str], Difference]:
    return rows(AnswerFacts(left), AnswerFacts(right))


def test_an_answer_differs_from_itself_in_nothing():
    node = answer(
        parts=(ThinkingPart("Hm", "sig"), TextPart("Yes"), SourcePart("https://a.example")),
        usage=Usage(10, 5, 2, 1, 3, 1, 1),
        timing=Timing(0.5, 0.6, 2.0),
        provider_metadata={"id": "x", "model": "m-1", SENT_AGAIN: [{"field": "seed"}]},
    )
    facts = AnswerFacts(node, 1000, (ParamAdjustment("not_on_wire", "seed"),), {"Server": "a"})
    found = list_differences(facts, facts)
    assert len(found) > 15
    assert all(row.is_equal and not row.note.startswith("not_") for row in found)


def test_two_names_for_one_ending_are_told_from_two_endings():
    translated = compare(answer(), answer("anthropic", "end_turn"))
    assert translated["ending", "outcome"].is_equal
    assert translated["ending", "finish_reason"].note == "same_ending"
    cut = compare(answer(), replace(answer("anthropic", "max_tokens"), outcome=Outcome.LENGTH))
    assert (cut["ending", "outcome"].left, cut["ending", "outcome"].right) == ("complete", "length")
    assert cut["ending", "finish_reason"].note == ""


def test_missing_counters_name_the_reason():
    found = compare(
        answer(usage=Usage(100, 20, cache_read=64)),
        answer("anthropic", "end_turn", usage=Usage(104, 20, cache_write=30, cache_write_1h=30)),
    )
    assert found["tokens", "output"].is_equal
    assert (found["tokens", "input"].left, found["tokens", "input"].right) == (100, 104)
    assert found["tokens", "cache_read"].note == "not_reported"
    assert found["tokens", "cache_write"].note == "not_reported"
    assert found["tokens", "cache_write_1h"].note == "format_lacks"
    assert ("tokens", "reasoning") not in found


def test_thinking_is_compared_by_presence_length_and_signature():
    thought = answer("anthropic", "end_turn", parts=(ThinkingPart("Let me see", "sig"), TextPart("Yes")))
    found = compare(answer(), thought)
    assert (found["thinking", "present"].left, found["thinking", "present"].right) == (False, True)
    assert found["thinking", "characters"].right == len("Let me see")
    assert found["thinking", "signature"].note == "format_lacks"
    assert ("thinking", "encrypted") not in found
    assert not [name for group, name in compare(answer(), answer()) if group == "thinking"]


def test_measured_times_within_a_tenth_are_equal():
    one, other = answer(timing=Timing(1.0, 1.0, 3.0)), answer(timing=Timing(1.05, 2.5, 3.1))
    found = compare(replace(one, usage=Usage(1, 100)), replace(other, usage=Usage(1, 400)))
    assert found["time", "first_token"].is_equal
    assert not found["time", "first_text"].is_equal
    assert found["time", "first_text"].ratio == 2.5
    assert found["time", "rate"].ratio == pytest.approx(400 / 2.05 / 50)


def test_another_served_model_cost_and_dropped_parameters_are_named():
    one = AnswerFacts(answer(provider_metadata={"model": "m-1", "system_fingerprint": "fp"}), 1_000)
    dropped = ParamAdjustment("not_on_wire", "seed")
    other = AnswerFacts(answer("anthropic", provider_metadata={"model": "m-2"}), 3_000, (dropped,))
    found = rows(one, other)
    assert found["request", "served_model"].note == "other_model"
    assert found["money", "cost"].ratio == 3.0
    assert (found["params", "seed"].left, found["params", "seed"].right) == (None, dropped)
    assert found["ids", "system_fingerprint"].left == "fp"


def test_headers_are_compared_without_regard_to_case_and_those_of_each_request_are_marked():
    left, right = {"X-Request-Id": "1", "Server": "a"}, {"x-request-id": "2", "server": "b", "via": "c"}
    found = rows(AnswerFacts(answer(), headers=left), AnswerFacts(answer(), headers=right))
    assert found["headers", "x-request-id"].note == "per_request"
    assert (found["headers", "server"].left, found["headers", "server"].right) == ("a", "b")
    assert found["headers", "via"].left == ""
    assert not [
        name for group, name in rows(AnswerFacts(answer(), headers=left), AnswerFacts(answer())) if group == "headers"
    ]


def test_a_gateway_with_thousands_of_fields_and_long_values_is_limited():
    many = {f"x-{number}": "v" * 10_000 for number in range(5_000)}
    found = list_differences(
        AnswerFacts(answer(provider_metadata=many), headers=many), AnswerFacts(answer(), headers={})
    )
    assert len(found) < 200
    assert max(len(str(row.left)) for row in found) <= 300
