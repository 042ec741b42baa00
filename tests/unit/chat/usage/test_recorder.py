"""Usage records: one per request behind an answer, without estimates."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lib.chat.usage.recorder import RequestInfo, UsageRecorder
from lib.core.conversation import ImagePart, Outcome, Usage
from lib.core.events import (
    ContentPart,
    Event,
    Finish,
    FinishRevoked,
    ProviderMetadata,
    Restart,
    RetryScheduled,
    TextDelta,
    TextWasThinking,
    ThinkingDelta,
    UsageReport,
)
from lib.core.pricing import ModelPrice, Price
from lib.core.target import Target

MODEL_PRICE = ModelPrice(Price(Decimal(1), Decimal(2)), "settings")
DONE = Finish(Outcome.COMPLETE, "stop")
RETRY = RetryScheduled(0.0, 2, 3, "overloaded")


def record_usage(*events: Event, wire="openai", outcome=Outcome.COMPLETE, request_id=""):
    recorder = UsageRecorder(RequestInfo("r", "c", "answer", Target("m", wire), "a"), {"m": MODEL_PRICE}.get)
    for event in events:
        recorder.add_event(event)
    return recorder.finish(outcome, request_id)


def test_one_request_is_one_record():
    (record,) = record_usage(
        ProviderMetadata({"id": "msg_1"}),
        ThinkingDelta("Hm"),
        TextDelta("Yes"),
        DONE,
        UsageReport(Usage(10, 5)),
    )
    assert (record.id, record.conversation_id, record.node_id, record.purpose) == ("r", "c", "a", "answer")
    assert (record.usage, record.cost, record.price, record.price_source) == (
        Usage(10, 5),
        20_000,
        MODEL_PRICE.base_price,
        "settings",
    )
    assert (record.outcome, record.request_id) == (Outcome.COMPLETE, "msg_1")
    assert 0 <= record.timing.first_token <= record.timing.first_text <= record.timing.total


def test_repeated_usage_reports_are_merged():
    (record,) = record_usage(
        UsageReport(Usage(10, 1)), UsageReport(Usage(output=7)), UsageReport(Usage(output=9)), DONE
    )
    assert record.usage == Usage(10, 9)


def test_each_attempt_is_a_record():
    first, second, third = record_usage(
        *(Restart(), RETRY),
        *(UsageReport(Usage(4, 1)), Restart(), RETRY),
        *(ProviderMetadata({"request_id": "q-3"}), TextDelta("Yes"), UsageReport(Usage(10, 5)), DONE),
    )
    assert [record.id for record in (first, second, third)] == ["r", "r.2", "r.3"]
    assert [record.outcome for record in (first, second, third)] == [Outcome.FAILED] * 2 + [Outcome.COMPLETE]
    assert [record.usage for record in (first, second, third)] == [Usage(), Usage(4, 1), Usage(10, 5)]
    assert [record.cost for record in (first, second, third)] == [None, 6_000, 20_000]
    assert [record.request_id for record in (first, second, third)] == ["", "", "q-3"]
    assert first.timing.first_token is None


def test_an_announced_retry_that_is_not_sent_is_no_record():
    (record,) = record_usage(Restart(), RetryScheduled(3600.0, 2, 3, "overloaded"), outcome=Outcome.STOPPED)
    assert (record.id, record.outcome) == ("r", Outcome.FAILED)


def test_a_restart_within_one_request_adds_up_the_usage():
    (record,) = record_usage(UsageReport(Usage(10, 3)), Restart(), UsageReport(Usage(10, 5)), DONE)
    assert record.usage == Usage(20, 8)


@pytest.mark.parametrize(
    "events",
    [
        [UsageReport(Usage(10, 1)), TextDelta("Cut")],
        [UsageReport(Usage(10, 1)), Restart(), UsageReport(Usage(10, 1)), DONE, UsageReport(Usage(output=9))],
    ],
)
def test_preliminary_output_counts_of_the_anthropic_wire_are_discarded(events):
    (record,) = record_usage(*events, wire="anthropic", outcome=Outcome.STOPPED)
    assert (record.usage.output, record.cost) == (None, None)
    assert record.usage.input
    (openai_record,) = record_usage(*events, outcome=Outcome.STOPPED)
    assert openai_record.cost


def test_a_failure_provides_the_request_id():
    (record,) = record_usage(outcome=Outcome.FAILED, request_id="req-9")
    assert (record.request_id, record.usage, record.cost) == ("req-9", Usage(), None)
    assert record.timing.total is not None


def test_a_model_without_a_price_has_no_cost():
    recorder = UsageRecorder(RequestInfo("r", "c", "answer", Target("other", "openai")), {"m": MODEL_PRICE}.get)
    recorder.add_event(UsageReport(Usage(10, 5)))
    (record,) = recorder.finish(Outcome.COMPLETE)
    assert (record.usage, record.cost, record.price, record.price_source) == (Usage(10, 5), None, None, None)


def test_an_answer_with_alternatives_is_one_record():
    (record,) = record_usage(
        ProviderMetadata({"id": "all"}, choice=1),
        TextDelta("A"),
        TextDelta("B", choice=1),
        DONE,
        UsageReport(Usage(10, 5)),
    )
    assert record.usage == Usage(10, 5)


def test_text_that_was_thinking_is_no_first_text():
    (record,) = record_usage(TextDelta("Hm"), TextWasThinking(), DONE)
    assert record.timing.first_token is not None
    assert record.timing.first_text is None
    (record,) = record_usage(TextDelta("Hm"), TextWasThinking(), TextDelta("Yes"), DONE)
    assert record.timing.first_token <= record.timing.first_text


def test_image_is_a_first_text():
    (record,) = record_usage(ContentPart(ImagePart(url="https://a.example/")), DONE)
    assert record.timing.first_token == record.timing.first_text is not None


def test_output_behind_a_revoked_stop_reason_is_an_estimate():
    (record,) = record_usage(UsageReport(Usage(10, 5)), DONE, FinishRevoked(), wire="anthropic")
    assert record.usage == Usage(10)
