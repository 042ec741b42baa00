"""Money that adds up: each request of a turn is a row, over both wires, and every sum is that of the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.turns.temporary import TemporaryStore
from lib.chat.turns.turn import TurnServices
from lib.chat.usage import report as usage
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
from lib.ui.chat import answer_text
from lib.ui.text.i18n import escape_markdown
from lib.ui.widgets import cost
from tests.fake_gateway import FakeGateway
from tests.support.replay import JSON, Canned, Replay, soon
from tests.unit.chat.services import Scripted, settled, until

each_wire = pytest.mark.parametrize("wire", ["openai", "anthropic"])
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
BUSY = Canned(b'{"error":{"message":"busy","type":"rate_limit_error"}}', 429, {**JSON, "Retry-After": "0"})
SAID = {
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
def desk(store, server) -> Iterator[TurnServices]:
    client = Gateway(Settings(base_url=server.url, retries=2))
    known = ModelList(prices=client.fetch_prices())
    tariffs = Prices(lambda: known).price_of
    yield TurnServices(
        store, client, GenerationRegistry(), UtilityModelService(client, store, tariffs), None, tariffs
    )
    client.close()


def asked(desk: TurnServices, target: Target, params: Params | None = None) -> str:
    return turn.ask(desk, "ann", None, "Why is it so?", target, params or Params()).conversation.id


@each_wire
def test_a_whole_answer_is_one_row_that_says_what_it_cost(desk, store, server, wire):
    before = desk.gateway.fetch_balance().used
    talk = asked(desk, Target("demo-crlf", wire))
    node = settled(desk, talk)[-1]
    (row,) = store.usage.records("ann", talk)
    assert (row.id, row.node_id, row.purpose, row.outcome) == (
        node.usage_record_id,
        node.id,
        "answer",
        Outcome.COMPLETE,
    )
    assert (row.target, row.usage, row.price_source) == (Target("demo-crlf", wire), node.usage, "gateway")
    assert row.request_id == node.request_id != ""
    assert row.timing.first_token is not None and row.timing.total >= row.timing.first_token
    fresh = row.usage.input - (row.usage.cache_read or 0) - (row.usage.cache_write or 0)
    told = fresh + row.usage.output * 4
    assert row.cost == told * 1000 + (row.usage.cache_read or 0) * 100 + (row.usage.cache_write or 0) * 1250
    # What the gateway says that it took is what is written here.
    assert soon(lambda: desk.gateway.fetch_balance().used - before == row.cost)


@each_wire
def test_stopped_cut_and_failed_ones_are_rows_too(desk, store, wire):
    for model, outcome in (
        ("demo-endless", Outcome.STOPPED),
        ("demo-breaks", Outcome.INTERRUPTED),
        ("demo-error-event", Outcome.FAILED),
        ("demo-wrong-key", Outcome.FAILED),
    ):
        talk = asked(desk, Target(model, wire))
        if outcome is Outcome.STOPPED:
            answer = desk.generations.find("ann", talk)
            until(lambda answer=answer: answer.wait(-1, 0).node.message.text)
            answer.stop()
        node = settled(desk, talk)[-1]
        (row,) = store.usage.records("ann", talk)
        assert (node.outcome, row.outcome, row.node_id) == (outcome, outcome, node.id)
        assert row.cost is None or row.usage.output
        unknown = model != "demo-wrong-key" and row.cost is None
        assert store.usage.totals_by_answer("ann", talk)[node.id].unpriced_count == unknown


@each_wire
def test_each_automatic_try_is_a_row(desk, store, wire):
    with Replay() as replay:
        replay.serve(PATHS[wire], BUSY, BUSY, Canned(SAID[wire]))
        client = Gateway(Settings(base_url=replay.url, retries=2))
        talk = asked(replace(desk, gateway=client), Target("demo-thinker", wire))
        node = settled(desk, talk)[-1]
        client.close()
    assert node.outcome is Outcome.COMPLETE
    rows = sorted(store.usage.records("ann", talk), key=lambda row: row.id)
    assert [row.id for row in rows] == [
        node.usage_record_id,
        f"{node.usage_record_id}.2",
        f"{node.usage_record_id}.3",
    ]
    assert [row.outcome for row in rows] == [Outcome.FAILED, Outcome.FAILED, Outcome.COMPLETE]
    assert [row.cost for row in rows] == [None, None, (600 * 3 + 400 * 3 // 10 + 500 * 12) * 1000]
    # Refused tries took nothing, and leave nothing unknown.
    assert store.usage.totals_by_answer("ann", talk)[node.id].unpriced_count == 0


@each_wire
def test_going_on_is_a_request_of_its_own_and_the_foot_has_the_sum(desk, store, wire):
    talk = asked(desk, Target("demo-cut-by-length", wire))
    first = settled(desk, talk)[-1]
    turn.continue_answer(desk, "ann", talk, first.id, Params())
    both = settled(desk, talk)[-1]
    rows = store.usage.records("ann", talk)
    assert [row.node_id for row in rows] == [first.id] * 2
    assert {row.id for row in rows} == {first.usage_record_id, both.usage_record_id}
    assert rows[0].usage == first.usage
    assert rows[0].usage + rows[1].usage == both.usage
    assert store.usage.totals_by_answer("ann", talk) == {
        first.id: to_usage_total(rows[0]) + to_usage_total(rows[1])
    }


def test_alternatives_are_one_request(desk, store):
    talk = asked(desk, Target("demo-crlf", "openai"), Params(n=3))
    node = settled(desk, talk)[-1]
    (row,) = store.usage.records("ann", talk)
    assert (row.id, row.usage) == (node.usage_record_id, node.usage)
    assert len(store.messages.nodes("ann", talk)) == 4
    assert [one.usage_record_id for one in store.messages.nodes("ann", talk)].count("") == 3


@each_wire
def test_titles_are_in_the_sum_of_their_conversation(desk, store, wire):
    cheap = replace(desk, utility_model=UtilityModel(Target("demo-cheap", wire)))
    talk = asked(cheap, Target("demo-crlf", wire))
    settled(cheap, talk)
    until(lambda: len(store.usage.records("ann", talk)) == 2)
    told = store.usage.totals_by_answer("ann", talk)
    assert told[""].cost > 0
    assert sum(told.values(), UsageTotal()) == sum(
        map(to_usage_total, store.usage.records("ann", talk)), UsageTotal()
    )


@each_wire
def test_a_temporary_chat_is_counted_and_not_named(desk, store, wire):
    scratch = TemporaryStore("ann", store.usage)
    hidden = replace(desk, store=scratch)
    talk = asked(hidden, Target("demo-crlf", wire))
    node = settled(hidden, talk)[-1]
    (row,) = store.usage.records("ann", None)
    assert (row.conversation_id, row.node_id, row.request_id) == (None, None, "")
    assert (row.usage, row.purpose) == (node.usage, "answer")
    assert row.cost > 0
    assert scratch.usage.totals_by_answer("ann", talk) == {node.id: to_usage_total(row)}
    assert store.usage.total() == to_usage_total(row)
    assert store.conversations.page("ann", 9) == []


@each_wire
def test_an_unknown_price_is_said_to_be_unknown(desk, store, wire):
    talk = asked(desk, Target("demo-echo", wire))
    node = settled(desk, talk)[-1]
    told = store.usage.totals_by_answer("ann", talk)[node.id]
    assert (told.cost, told.unpriced_count, told.request_count) == (0, 1, 1)
    assert answer_text.format_footer(node, told).endswith("Cost unknown")


counts = some.none() | some.integers(0, 5_000)
reports = some.builds(UsageReport, some.builds(Usage, counts, counts, counts, counts, counts))
ends = some.sampled_from(
    [
        [Finish(Outcome.COMPLETE, "stop")],
        [Finish(Outcome.LENGTH, "length")],
        [],
        [errors.StreamInterrupted()],
        [errors.Overloaded("busy", status=529)],
    ]
)
tries = some.lists(
    some.builds(lambda report: [report, Restart(), RetryScheduled(0.0, 2, 3, "cut")], reports), max_size=2
)
answers = some.builds(
    lambda again, report, end: [*(event for one in again for event in one), TextDelta("So"), report, *end],
    tries,
    reports,
    ends,
)
turns = some.lists(
    some.tuples(answers, some.sampled_from(["demo-crlf", "demo-thinker", "demo-echo"])),
    min_size=1,
    max_size=3,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=turns, wire=some.sampled_from(["openai", "anthropic"]))
def test_foot_conversation_and_page_show_the_sums_of_the_rows(desk, store, said, wire):
    before = store.usage.total()
    scripted = replace(desk, gateway=Scripted(*(events for events, _ in said)))
    talk = None
    for _, model in said:
        talk = turn.ask(scripted, "ann", talk, "Why?", Target(model, wire), Params()).conversation.id
        settled(scripted, talk)
    rows = store.usage.records("ann", talk)
    told = store.usage.totals_by_answer("ann", talk)
    nodes = [node for node in store.messages.nodes("ann", talk) if node.message.role == "assistant"]
    assert len(rows) == sum(1 + sum(type(event) is RetryScheduled for event in events) for events, _ in said)
    for node in nodes:
        own: list[UsageRecord] = [row for row in rows if row.node_id == node.id]
        foot = answer_text.format_footer(node, told[node.id])
        total = sum(map(to_usage_total, own), UsageTotal())
        assert foot.endswith(escape_markdown(cost.cost_text(total)))
        if total.usage.input is not None:
            assert f" · {total.usage.input:,} in" in foot
        if total.usage.output is not None:
            assert f" · {total.usage.output:,} out" in foot
    conversation = sum(told.values(), UsageTotal())
    today = datetime.now(UTC).date()
    page = usage.load_user_statistics(
        store.usage, "ann", today - timedelta(days=1), today + timedelta(days=1), UTC
    ).total
    whole = sum(map(to_usage_total, rows), UsageTotal())
    assert conversation == whole
    assert page.cost - before.cost == whole.cost
    assert (page.request_count - before.request_count, page.unpriced_count - before.unpriced_count) == (
        whole.request_count,
        whole.unpriced_count,
    )
    assert whole.cost <= NANOS_PER_DOLLAR
