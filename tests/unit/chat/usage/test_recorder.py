"""Every request behind an answer is counted once, with what was told of it and no guess."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lib.chat.usage.recorder import RequestInfo, UsageRecorder
from lib.core.conversation import Outcome, Usage
from lib.core.events import (
    Event,
    Finish,
    ProviderMetadata,
    Restart,
    RetryScheduled,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.core.pricing import ModelPrice, Price
from lib.core.target import Target

TARIFF = ModelPrice(Price(Decimal(1), Decimal(2)), "settings")
DONE = Finish(Outcome.COMPLETE, "stop")
AGAIN = RetryScheduled(0.0, 2, 3, "overloaded")


def counted(*events: Event, wire="openai", outcome=Outcome.COMPLETE, request_id=""):
    tally = UsageRecorder(RequestInfo("r", "c", "answer", Target("m", wire), "a"), {"m": TARIFF}.get)
    for event in events:
        tally.add_event(event)
    return tally.finish(outcome, request_id)


def test_one_request_is_one_entry():
    (spend,) = counted(
        ProviderMetadata({"id": "msg_1"}),
        ThinkingDelta("Hm"),
        TextDelta("Yes"),
        DONE,
        UsageReport(Usage(10, 5)),
    )
    assert (spend.id, spend.conversation_id, spend.node_id, spend.purpose) == ("r", "c", "a", "answer")
    assert (spend.usage, spend.cost, spend.price, spend.price_source) == (
        Usage(10, 5),
        20_000,
        TARIFF.base_price,
        "settings",
    )
    assert (spend.outcome, spend.request_id) == (Outcome.COMPLETE, "msg_1")
    assert 0 <= spend.timing.first_token <= spend.timing.first_text <= spend.timing.total


def test_counters_that_come_in_parts_and_again_are_one_count():
    (spend,) = counted(
        UsageReport(Usage(10, 1)), UsageReport(Usage(output=7)), UsageReport(Usage(output=9)), DONE
    )
    assert spend.usage == Usage(10, 9)


def test_each_try_is_a_request_of_its_own():
    first, second, third = counted(
        *(Restart(), AGAIN),
        *(UsageReport(Usage(4, 1)), Restart(), AGAIN),
        *(ProviderMetadata({"request_id": "q-3"}), TextDelta("Yes"), UsageReport(Usage(10, 5)), DONE),
    )
    assert [spend.id for spend in (first, second, third)] == ["r", "r.2", "r.3"]
    assert [spend.outcome for spend in (first, second, third)] == [Outcome.FAILED] * 2 + [Outcome.COMPLETE]
    assert [spend.usage for spend in (first, second, third)] == [Usage(), Usage(4, 1), Usage(10, 5)]
    assert [spend.cost for spend in (first, second, third)] == [None, 6_000, 20_000]
    assert [spend.request_id for spend in (first, second, third)] == ["", "", "q-3"]
    assert first.timing.first_token is None


def test_a_try_that_was_never_made_is_none():
    (only,) = counted(Restart(), RetryScheduled(3600.0, 2, 3, "overloaded"), outcome=Outcome.STOPPED)
    assert (only.id, only.outcome) == ("r", Outcome.FAILED)


def test_a_second_beginning_inside_one_request_is_paid_for_with_the_first():
    (spend,) = counted(UsageReport(Usage(10, 3)), Restart(), UsageReport(Usage(10, 5)), DONE)
    assert spend.usage == Usage(20, 8)


@pytest.mark.parametrize(
    "events",
    [
        [UsageReport(Usage(10, 1)), TextDelta("Cut")],
        [UsageReport(Usage(10, 1)), Restart(), UsageReport(Usage(10, 1)), DONE, UsageReport(Usage(output=9))],
    ],
)
def test_what_anthropics_wire_counts_before_its_last_word_is_no_count(events):
    (spend,) = counted(*events, wire="anthropic", outcome=Outcome.STOPPED)
    assert (spend.usage.output, spend.cost) == (None, None)
    assert spend.usage.input
    (known,) = counted(*events, outcome=Outcome.STOPPED)
    assert known.cost


def test_a_failure_tells_its_request_where_nothing_else_did():
    (spend,) = counted(outcome=Outcome.FAILED, request_id="req-9")
    assert (spend.request_id, spend.usage, spend.cost) == ("req-9", Usage(), None)
    assert spend.timing.total is not None


def test_a_model_without_a_price_has_no_cost():
    tally = UsageRecorder(RequestInfo("r", "c", "answer", Target("other", "openai")), {"m": TARIFF}.get)
    tally.add_event(UsageReport(Usage(10, 5)))
    (spend,) = tally.finish(Outcome.COMPLETE)
    assert (spend.usage, spend.cost, spend.price, spend.price_source) == (Usage(10, 5), None, None, None)


def test_an_answer_to_several_is_one_request():
    (spend,) = counted(
        ProviderMetadata({"id": "all"}, choice=1),
        TextDelta("A"),
        TextDelta("B", choice=1),
        DONE,
        UsageReport(Usage(10, 5)),
    )
    assert spend.usage == Usage(10, 5)
