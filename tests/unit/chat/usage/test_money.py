"""Cost records: each request of a turn is a row on both wires, and every total is the sum of the rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.turns.temporary import TemporaryStore
from lib.chat.usage import report
from lib.config.settings import Settings
from lib.core import errors
from lib.core.conversation import Outcome, Usage
from lib.core.events import Finish, Restart, RetryScheduled, TextDelta, UsageReport
from lib.core.models import ModelList
from lib.core.params import Params
from lib.core.pricing import NANOS_PER_DOLLAR
from lib.core.target import Target
from lib.core.usage import UsageRecord, UsageTotal, to_usage_total
from lib.gateway.catalog.prices import Prices
from lib.gateway.client import Gateway
from lib.ui.chat import answer_actions, answer_text
from lib.ui.text import escape_markdown
from lib.ui.widgets import cost
from tests.fake_gateway import FakeGateway
from tests.support.replay import JSON, Canned, Replay, soon
from tests.support.usage_records import read_usage_records
from tests.unit.chat.services import ScriptedGateway, wait_for_path, wait_until

each_wire = pytest.mark.parametrize("wire", ["openai", "anthropic"])
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
BUSY = Canned(b'{"error":{"message":"busy","type":"rate_limit_error"}}', 429, {**JSON, "Retry-After": "0"})
RESPONSES = {
    "openai": b'data: {"id":"x1","choices":[{"index":0,"delta":{"content":"Yes."},'
    b'"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":500,'
    b'"prompt_tokens_details":{"cached_tokens":400}}}\n\ndata: [DONE]\n\n',
    "anthropic": b'event: message_start\ndata: {"type":"message_start","message":{"id":"x1","usage":'
    b'{"input_tokens":600,"cache_read_input_tokens":400,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
    b'{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
    b'{"type":"text_delta","text":"Yes."}}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":500}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeGateway]:
    started = FakeGateway(pace=200)
    yield started
    started.close()


@pytest.fixture
def services(store, server) -> Iterator[TurnServices]:
    client = Gateway(Settings(base_url=server.url, retries=2))
    model_list = ModelList(prices=client.fetch_prices())
    price_of = Prices(lambda: model_list).price_of
    yield TurnServices(
        store, client, GenerationRegistry(), UtilityModelService(client, store, price_of), None, price_of
    )
    client.close()


def ask_question(services: TurnServices, target: Target, params: Params | None = None) -> str:
    return turn.ask(services, "ann", None, "Why is it so?", target, params or Params()).conversation.id


@each_wire
def test_a_complete_answer_is_one_row_with_its_cost(services, store, server, wire):
    before = services.gateway.fetch_balance().used
    conversation_id = ask_question(services, Target("demo-crlf", wire))
    node = wait_for_path(services, conversation_id)[-1]
    (row,) = read_usage_records(store, "ann", conversation_id)
    assert (row.id, row.node_id, row.purpose, row.outcome) == (
        node.usage_record_id,
        node.id,
        "answer",
        Outcome.COMPLETE,
    )
    assert (row.target, row.usage, row.price_source) == (Target("demo-crlf", wire), node.usage, "gateway")
    assert row.request_id == node.request_id != ""
    assert row.timing.first_token is not None and row.timing.total >= row.timing.first_token
    uncached = row.usage.input - (row.usage.cache_read or 0) - (row.usage.cache_write or 0)
    weighted = uncached + row.usage.output * 4
    assert row.cost == weighted * 1000 + (row.usage.cache_read or 0) * 100 + (row.usage.cache_write or 0) * 1250
    # The gateway deducts the same amount.
    assert soon(lambda: services.gateway.fetch_balance().used - before == row.cost)


@each_wire
def test_stopped_interrupted_and_failed_answers_are_rows(services, store, wire):
    for model, outcome in (
        ("demo-endless", Outcome.STOPPED),
        ("demo-breaks", Outcome.INTERRUPTED),
        ("demo-error-event", Outcome.FAILED),
        ("demo-wrong-key", Outcome.FAILED),
    ):
        conversation_id = ask_question(services, Target(model, wire))
        if outcome is Outcome.STOPPED:
            answer = services.generations.find("ann", conversation_id)
            wait_until(lambda answer=answer: answer.wait(-1, 0).node.message.text)
            answer.stop()
        node = wait_for_path(services, conversation_id)[-1]
        (row,) = read_usage_records(store, "ann", conversation_id)
        assert (node.outcome, row.outcome, row.node_id) == (outcome, outcome, node.id)
        assert row.cost is None or row.usage.output
        unknown = model != "demo-wrong-key" and row.cost is None
        assert store.usage.totals_by_answer("ann", conversation_id)[node.id].unpriced_count == unknown


@each_wire
def test_records_of_a_personal_key_say_so(services, store, wire):
    personal = replace(
        services,
        uses_personal_key=True,
        utility_models=services.utility_models.with_gateway(
            services.gateway, services.price_lookup, uses_personal_key=True
        ),
        utility_model=UtilityModel(Target("demo-thinker", wire), 8000),
    )
    conversation_id = ask_question(personal, Target("demo-thinker", wire))
    wait_for_path(personal, conversation_id)
    wait_until(lambda: len(read_usage_records(store, "ann", conversation_id)) == 2)
    rows = read_usage_records(store, "ann", conversation_id)
    assert {row.purpose: row.uses_personal_key for row in rows} == {"answer": True, "title": True}
    assert store.usage.total() == UsageTotal()


@each_wire
def test_each_automatic_retry_is_a_row(services, store, wire):
    with Replay() as replay:
        replay.serve(PATHS[wire], BUSY, BUSY, Canned(RESPONSES[wire]))
        client = Gateway(Settings(base_url=replay.url, retries=2))
        conversation_id = ask_question(replace(services, gateway=client), Target("demo-thinker", wire))
        node = wait_for_path(services, conversation_id)[-1]
        client.close()
    assert node.outcome is Outcome.COMPLETE
    rows = sorted(read_usage_records(store, "ann", conversation_id), key=lambda row: row.id)
    assert [row.id for row in rows] == [
        node.usage_record_id,
        f"{node.usage_record_id}.2",
        f"{node.usage_record_id}.3",
    ]
    assert [row.outcome for row in rows] == [Outcome.FAILED, Outcome.FAILED, Outcome.COMPLETE]
    assert [row.cost for row in rows] == [None, None, (600 * 3 + 400 * 3 // 10 + 500 * 12) * 1000]
    # Refused attempts cost nothing and are not unknown.
    assert store.usage.totals_by_answer("ann", conversation_id)[node.id].unpriced_count == 0


@each_wire
def test_tokens_written_to_the_cache_have_their_own_price(services, store, wire):
    """OpenAI's count is part of the prompt, Anthropic's comes on top of it."""
    body = RESPONSES[wire].replace(b'"cached_tokens":400', b'"cached_tokens":400,"cache_write_tokens":200')
    body = body.replace(b'"input_tokens":600', b'"input_tokens":400,"cache_creation_input_tokens":200')
    with Replay() as replay:
        replay.serve(PATHS[wire], Canned(body))
        client = Gateway(Settings(base_url=replay.url, retries=0))
        conversation_id = ask_question(replace(services, gateway=client), Target("demo-thinker", wire))
        wait_for_path(services, conversation_id)
        client.close()
    (row,) = read_usage_records(store, "ann", conversation_id)
    assert row.usage == Usage(1000, 500, 400, 200)
    assert row.cost == (400 * 3 + 400 * 3 // 10 + 200 * 15 // 4 + 500 * 12) * 1000


@each_wire
def test_a_write_for_one_hour_costs_more_from_the_wire_to_the_csv(services, store, wire):
    lifetimes = b'"cache_creation":{"ephemeral_5m_input_tokens":150,"ephemeral_1h_input_tokens":50}'
    body = RESPONSES[wire].replace(b'"cached_tokens":400', b'"cached_tokens":400,' + lifetimes)
    body = body.replace(b'"input_tokens":600', b'"input_tokens":400,' + lifetimes)
    with Replay() as replay:
        replay.serve(PATHS[wire], Canned(body))
        client = Gateway(Settings(base_url=replay.url, retries=0))
        conversation_id = ask_question(replace(services, gateway=client), Target("demo-thinker", wire))
        answer = wait_for_path(services, conversation_id)[-1]
        client.close()
    (row,) = read_usage_records(store, "ann", conversation_id)
    assert row.usage == answer.usage == Usage(1000, 500, 400, 200, cache_write_1h=50)
    # At 3 dollars for the input: 3.75 for five minutes, 6 for an hour.
    assert row.cost == (400 * 3 + 400 * 3 // 10 + 150 * 15 // 4 + 50 * 6 + 500 * 12) * 1000 + 500
    assert store.usage.total().usage == row.usage
    days = report.split_into_day_ranges(date.today(), date.today() + timedelta(days=1), UTC)
    (line,) = csv.DictReader(io.StringIO(report.usage_to_csv(store.usage.daily("ann", days))))
    assert (line["written"], line["written_1h"]) == ("200", "50")
    details = answer_actions.details_table(answer)
    assert "400 tokens read · 150 written for 5 minutes · 50 written for 1 hour" in details


@each_wire
def test_a_continuation_is_a_row_and_the_footer_shows_the_sum(services, store, wire):
    conversation_id = ask_question(services, Target("demo-cut-by-length", wire))
    first = wait_for_path(services, conversation_id)[-1]
    turn.continue_answer(services, "ann", conversation_id, first.id, Params())
    continued = wait_for_path(services, conversation_id)[-1]
    rows = read_usage_records(store, "ann", conversation_id)
    assert [row.node_id for row in rows] == [first.id] * 2
    assert {row.id for row in rows} == {first.usage_record_id, continued.usage_record_id}
    assert rows[0].usage == first.usage
    assert rows[0].usage + rows[1].usage == continued.usage
    assert store.usage.totals_by_answer("ann", conversation_id) == {
        first.id: to_usage_total(rows[0]) + to_usage_total(rows[1])
    }


def test_alternatives_are_one_row(services, store):
    conversation_id = ask_question(services, Target("demo-crlf", "openai"), Params(n=3))
    node = wait_for_path(services, conversation_id)[-1]
    (row,) = read_usage_records(store, "ann", conversation_id)
    assert (row.id, row.usage) == (node.usage_record_id, node.usage)
    assert len(store.messages.nodes("ann", conversation_id)) == 4
    assert [node.usage_record_id for node in store.messages.nodes("ann", conversation_id)].count("") == 3


@each_wire
def test_titles_are_included_in_the_conversation_total(services, store, wire):
    titling = replace(services, utility_model=UtilityModel(Target("demo-cheap", wire)))
    conversation_id = ask_question(titling, Target("demo-crlf", wire))
    wait_for_path(titling, conversation_id)
    wait_until(lambda: len(read_usage_records(store, "ann", conversation_id)) == 2)
    totals = store.usage.totals_by_answer("ann", conversation_id)
    assert totals[""].cost > 0
    assert sum(totals.values(), UsageTotal()) == sum(
        map(to_usage_total, read_usage_records(store, "ann", conversation_id)), UsageTotal()
    )


@each_wire
def test_a_temporary_chat_is_counted_without_identifiers(services, store, wire):
    temporary_store = TemporaryStore("ann", store.usage)
    temporary_services = replace(services, store=temporary_store)
    conversation_id = ask_question(temporary_services, Target("demo-crlf", wire))
    node = wait_for_path(temporary_services, conversation_id)[-1]
    (row,) = read_usage_records(store, "ann", None)
    assert (row.conversation_id, row.node_id, row.request_id) == (None, None, "")
    assert (row.usage, row.purpose) == (node.usage, "answer")
    assert row.cost > 0
    assert temporary_store.usage.totals_by_answer("ann", conversation_id) == {node.id: to_usage_total(row)}
    assert store.usage.total() == to_usage_total(row)
    assert store.conversations.page("ann", 9) == []


@each_wire
def test_an_unknown_price_is_shown_as_unknown(services, store, wire):
    conversation_id = ask_question(services, Target("demo-echo", wire))
    node = wait_for_path(services, conversation_id)[-1]
    total = store.usage.totals_by_answer("ann", conversation_id)[node.id]
    assert (total.cost, total.unpriced_count, total.request_count) == (0, 1, 1)
    assert answer_text.format_footer(node, total).endswith("Cost unknown")


counts = st.none() | st.integers(0, 5_000)
reports = st.builds(UsageReport, st.builds(Usage, counts, counts, counts, counts, counts))
endings = st.sampled_from(
    [
        [Finish(Outcome.COMPLETE, "stop")],
        [Finish(Outcome.LENGTH, "length")],
        [],
        [errors.StreamInterrupted()],
        [errors.Overloaded("busy", status=529)],
    ]
)
retries = st.lists(
    st.builds(lambda usage_report: [usage_report, Restart(), RetryScheduled(0.0, 2, 3, "cut")], reports),
    max_size=2,
)
answers = st.builds(
    lambda retried, usage_report, end: [
        *(event for attempt in retried for event in attempt),
        TextDelta("So"),
        usage_report,
        *end,
    ],
    retries,
    reports,
    endings,
)
turn_scripts = st.lists(
    st.tuples(answers, st.sampled_from(["demo-crlf", "demo-thinker", "demo-echo"])),
    min_size=1,
    max_size=3,
)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(turn_scripts=turn_scripts, wire=st.sampled_from(["openai", "anthropic"]))
def test_footer_conversation_and_usage_page_show_the_sums_of_the_rows(services, store, turn_scripts, wire):
    before = store.usage.total()
    scripted_services = replace(services, gateway=ScriptedGateway(*(events for events, _ in turn_scripts)))
    conversation_id = None
    for _, model in turn_scripts:
        conversation_id = turn.ask(
            scripted_services, "ann", conversation_id, "Why?", Target(model, wire), Params()
        ).conversation.id
        wait_for_path(scripted_services, conversation_id)
    rows = read_usage_records(store, "ann", conversation_id)
    totals = store.usage.totals_by_answer("ann", conversation_id)
    nodes = [node for node in store.messages.nodes("ann", conversation_id) if node.message.role == "assistant"]
    assert len(rows) == sum(1 + sum(type(event) is RetryScheduled for event in events) for events, _ in turn_scripts)
    for node in nodes:
        node_rows: list[UsageRecord] = [row for row in rows if row.node_id == node.id]
        footer = answer_text.format_footer(node, totals[node.id])
        total = sum(map(to_usage_total, node_rows), UsageTotal())
        assert footer.endswith(escape_markdown(cost.cost_text(total)))
        if total.usage.input is not None:
            assert f" · {total.usage.input:,} in" in footer
        if total.usage.output is not None:
            assert f" · {total.usage.output:,} out" in footer
    conversation_total = sum(totals.values(), UsageTotal())
    today = datetime.now(UTC).date()
    page_total = report.load_statistics(
        store.usage, "ann", today - timedelta(days=1), today + timedelta(days=1), UTC
    ).total
    row_total = sum(map(to_usage_total, rows), UsageTotal())
    assert conversation_total == row_total
    assert page_total.cost - before.cost == row_total.cost
    assert (
        page_total.request_count - before.request_count,
        page_total.unpriced_count - before.unpriced_count,
    ) == (
        row_total.request_count,
        row_total.unpriced_count,
    )
    assert row_total.cost <= NANOS_PER_DOLLAR
