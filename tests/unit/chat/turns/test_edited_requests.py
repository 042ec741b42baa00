"""Edited requests: sent as they are, in the right place, under the permissions, limits and ledger of any question."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lib.chat.comparisons.comparison import ColumnChoice, start_comparison
from lib.chat.exchanges.edited_body import InvalidEdit, to_text
from lib.chat.turns import turn
from lib.chat.turns.edited_requests import send_edited
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.temporary import TemporaryStore
from lib.chat.usage.limits import LimitEnforcer
from lib.config.settings import load_settings
from lib.core import errors
from lib.core.conversation import FilePart, Outcome
from lib.core.exchanges import Exchange
from lib.core.file_content import FileUnavailable
from lib.core.file_storage import StoredFile
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.policy import PER_USER_SCOPE, Limit, Limits, Policy, ScopePolicy
from lib.core.quota import current_counter
from lib.core.target import Target
from lib.core.user import User
from lib.gateway.client import Gateway
from tests.support.replay import JSON, Canned, Replay
from tests.support.usage_records import read_usage_records
from tests.unit.chat.services import wait_for_path
from tests.unit.chat.usage.limited import ANN, NOON, find_price

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "images": "/v1/images/generations"}
ANSWER = b"""data: {"id":"a","choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]}

data: {"id":"a","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20}}

data: [DONE]

"""
PICTURE = StoredFile("image/png", b"\x89PNG\r\n\x1a\n" + b"pixels" * 9, facts={"width": 1000, "height": 1000})
TARGET = Target("m-one", "openai")


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        server.serve(PATHS["openai"], Canned(ANSWER))
        yield server


def build_services(store: Any, replay: Replay, policy: Policy | None = None) -> TurnServices:
    settings = load_settings(
        {"DEERAPI_API_KEY": "sk-team-0123456789", "DEERAPI_BASE_URL": replay.url, "DEERAPI_RETRIES": "0"}, {}
    )
    gateway = Gateway(settings).with_caller(settings.caller_identity.build_caller(User("ann")))
    enforcer = LimitEnforcer(ANN, policy or Policy(), getattr(store, "quotas", None), find_price, lambda: NOON)
    capabilities = Capabilities(image=True, context_window=200_000)
    return TurnServices(
        store,
        gateway,
        GenerationRegistry(),
        price_lookup=find_price,
        limit_enforcer=enforcer,
        capabilities_lookup=lambda _: capabilities,
        max_recorded_bytes=1_000_000,
    )


@pytest.fixture
def services(store, replay) -> Iterator[TurnServices]:
    built = build_services(store, replay)
    yield built
    built.gateway.close()


def ask(services: TurnServices, **fields: Any) -> Exchange:
    """Ask a question, and return its recorded exchange."""
    conversation = turn.ask(services, "ann", None, "Why?", TARGET, Params(), **fields).conversation
    node = wait_for_path(services, conversation.id)[-1]
    return services.store.exchanges.of_answer("ann", node.id)[0]


def send(services: TurnServices, exchange: Exchange, **changes: Any) -> str:
    """Send the body with other fields, and return the conversation of its answer."""
    attempt = exchange.attempts[0]
    text = json.dumps(json.loads(to_text(attempt)) | changes)
    return send_edited(services, "ann", exchange, attempt, text, "(none)").id


def test_other_parameters_are_a_version_of_the_answer_with_a_row(services, store, replay):
    exchange = ask(services)
    assert send(services, exchange, temperature=0.3, x_field={"a": None}) == exchange.conversation_id
    path = wait_for_path(services, exchange.conversation_id)
    sent = replay.requests[-1].json
    assert (sent["temperature"], sent["x_field"]) == (0.3, {"a": None})
    assert sent["user"] == json.loads(exchange.attempts[0].body)["user"] != ""
    assert [node.message.text for node in path] == ["Why?", "Yes."]
    assert path[-1].id != exchange.node_id
    assert path[-1].outcome is Outcome.COMPLETE
    rows = read_usage_records(store, "ann", exchange.conversation_id)
    assert [row.target for row in rows] == [TARGET, TARGET]
    assert rows[0].cost == rows[1].cost > 0
    (recorded,) = store.exchanges.of_answer("ann", path[-1].id)
    assert '"x_field": {"a": null}' in recorded.attempts[0].body


def test_another_model_is_counted_as_that_model(services, store):
    exchange = ask(services)
    send(services, exchange, model="m-two")
    path = wait_for_path(services, exchange.conversation_id)
    assert path[-1].target == Target("m-two", "openai")
    assert read_usage_records(store, "ann", exchange.conversation_id)[-1].target.model == "m-two"


def test_an_edited_request_of_a_column_leaves_the_comparison_as_it_is(services, store):
    choices = [ColumnChoice(TARGET), ColumnChoice(TARGET, Params(temperature=1.0))]
    comparison = start_comparison(services, store.comparisons, "ann", "Why?", choices)
    columns = [column.conversation_id for column in comparison.columns]
    answers = [wait_for_path(services, conversation_id)[-1] for conversation_id in columns]
    started = send(services, store.exchanges.of_answer("ann", answers[0].id)[0], model="m-two")
    assert [node.message.text for node in wait_for_path(services, started)] == ["Why?", "Yes."]
    assert [conversation.id for conversation in store.conversations.page("ann", 9)] == [started]
    assert [len(store.messages.nodes("ann", conversation_id)) for conversation_id in columns] == [2, 2]


def test_other_messages_begin_a_conversation(services, store, replay):
    exchange = ask(services)
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "Two"},
    ]
    started = send(services, exchange, messages=messages)
    assert started != exchange.conversation_id
    path = wait_for_path(services, started)
    assert [node.message.text for node in path] == ["One", "1", "Two", "Yes."]
    conversation = store.conversations.get("ann", started)
    assert (conversation.title, conversation.params.system) == ("Two", "Be brief.")
    assert replay.requests[-1].json["messages"] == messages


def test_a_refusal_changes_nothing_in_the_body(services, replay):
    exchange = ask(services)
    refusal = {"error": {"message": "Unsupported parameter: 'x_field'", "param": "x_field", "code": "unsupported"}}
    replay.serve(PATHS["openai"], Canned(json.dumps(refusal).encode(), 400, JSON))
    count = len(replay.requests)
    send(services, exchange, x_field=1)
    path = wait_for_path(services, exchange.conversation_id)
    assert path[-1].outcome is Outcome.FAILED
    assert len(replay.requests) == count + 1


def policy_of(**limits: Limit) -> Policy:
    return Policy({PER_USER_SCOPE: ScopePolicy(Limits(**limits))})


@pytest.mark.parametrize(
    ("policy", "changes", "error"),
    [
        (Policy({PER_USER_SCOPE: ScopePolicy(model_patterns=("m-one",))}), {"model": "m-two"}, errors.ModelNotAllowed),
        (policy_of(tokens_day=Limit(hard=20_000)), {"max_tokens": 30_000}, errors.LimitExceededError),
        (policy_of(tokens_day=Limit(hard=20_000)), {"Max_Completion_Tokens": 30_000}, errors.LimitExceededError),
        (policy_of(tokens_day=Limit(hard=20_000)), {"max_tokens": 3_000, "n": 9}, errors.LimitExceededError),
        (
            policy_of(tokens_day=Limit(hard=20_000)),
            {"messages": [{"role": "user", "content": "word " * 30_000}]},
            errors.LimitExceededError,
        ),
        (policy_of(tokens_day=Limit(hard=20_000)), {"tools": ["word " * 30_000]}, errors.LimitExceededError),
        (policy_of(requests_minute=Limit(hard=0)), {}, errors.LimitExceededError),
        (policy_of(cost_day=Limit(hard=10**9)), {"model": "unpriced"}, errors.PriceUnknown),
    ],
)
def test_permissions_and_limits_are_those_of_the_edited_body(services, store, replay, policy, changes, error):
    exchange = ask(services)
    limited = build_services(store, replay, policy)
    count, before = len(replay.requests), wait_for_path(services, exchange.conversation_id)
    with pytest.raises(error):
        send(limited, exchange, **changes)
    assert len(replay.requests) == count
    assert wait_for_path(services, exchange.conversation_id) == before
    limited.gateway.close()


def test_the_reservation_is_settled_by_the_real_usage(services, store, replay):
    limited = build_services(store, replay, policy_of(tokens_day=Limit(hard=10**6)))
    exchange = ask(limited)
    send(limited, exchange, max_tokens=50_000)
    wait_for_path(limited, exchange.conversation_id)
    counter = current_counter("person:ann", "tokens_day", NOON)
    assert store.quotas.used("ann", [counter])[counter] == 60
    limited.gateway.close()


def test_files_are_sent_from_the_store_and_counted(services, store, replay):
    store.attachments.put("ann", PICTURE)
    part = FilePart(PICTURE.digest, "a.png", "image/png", PICTURE.size, "image", 1000, 1000)
    exchange = ask(services, files=(part,))
    before = replay.requests[-1].json["messages"]
    send(services, exchange, temperature=0.1)
    wait_for_path(services, exchange.conversation_id)
    assert replay.requests[-1].json["messages"] == before
    limited = build_services(store, replay, policy_of(tokens_day=Limit(hard=1_500)))
    with pytest.raises(errors.LimitExceededError):
        send(limited, exchange, max_tokens=100)
    limited.gateway.close()


def test_a_file_that_is_gone_is_named_before_anything_is_sent(services, store, replay):
    store.attachments.put("ann", PICTURE)
    part = FilePart(PICTURE.digest, "a.png", "image/png", PICTURE.size, "image", 1000, 1000)
    exchange = ask(services, files=(part,))
    first = exchange.attempts[0]
    files = tuple(replace(file, digest="0" * 64) for file in first.files)
    lost = replace(exchange, attempts=(replace(first, files=files),))
    count = len(replay.requests)
    with pytest.raises(FileUnavailable):
        send(services, lost, temperature=0.1)
    assert len(replay.requests) == count


def test_an_answer_that_is_gone_gets_no_version(services, store):
    exchange = ask(services)
    store.messages.set_deleted("ann", exchange.conversation_id, [exchange.node_id], 1.0)
    assert send(services, exchange, temperature=0.1) != exchange.conversation_id


def test_nothing_is_sent_while_an_answer_arrives(services, replay):
    exchange = ask(services)
    replay.serve(PATHS["openai"], Canned(ANSWER, silence=10))
    turn.regenerate(services, "ann", exchange.conversation_id, TARGET, Params())
    with pytest.raises(errors.TurnInProgress):
        send(services, exchange, temperature=0.1)
    replay.resume()
    wait_for_path(services, exchange.conversation_id)


def test_a_temporary_chat_stays_in_memory(store, replay):
    temporary = TemporaryStore("ann", store.usage)
    services = build_services(temporary, replay)
    services = replace(services, limit_enforcer=build_services(store, replay).limit_enforcer)
    exchange = ask(services)
    send(services, exchange, temperature=0.2)
    wait_for_path(services, exchange.conversation_id)
    assert store.conversations.get("ann", exchange.conversation_id) is None
    assert store.exchanges.recent("ann", 10) == []
    attempt = exchange.attempts[0]
    changed = to_text(attempt).replace("Why?", "How?")
    with pytest.raises(InvalidEdit, match="temporary"):
        send_edited(services, "ann", exchange, attempt, changed, "(none)", is_temporary=True)


def test_what_is_invalid_is_refused_before_anything_is_written(services, replay):
    exchange = ask(services)
    with pytest.raises(InvalidEdit, match="reserved"):
        send(services, exchange, models=["m-two"])
    assert len(replay.requests) == 1


def test_an_edited_form_keeps_its_images(services, store, replay):
    path = "/v1/images/edits"
    second = replace(PICTURE, data=PICTURE.data + b"2")
    for file in (PICTURE, second):
        store.attachments.put("ann", file)
    images = json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(PICTURE.data * 9).decode()}]})
    replay.serve(path, Canned(images.encode(), headers=JSON))
    parts = tuple(FilePart(each.digest, "a.png", "image/png", each.size, "image") for each in (PICTURE, second))
    target = Target("gpt-image-2", "images")
    conversation = turn.ask(services, "ann", None, "Brighter", target, Params(), files=parts).conversation
    node = wait_for_path(services, conversation.id)[-1]
    exchange = store.exchanges.of_answer("ann", node.id)[0]
    assert send(services, exchange, quality="low") == conversation.id
    assert wait_for_path(services, conversation.id)[-1].outcome is Outcome.COMPLETE
    first, edited = (request.body for request in replay.requests_for(path))
    for file in (PICTURE, second):
        assert first.count(file.data) == edited.count(file.data)
    assert b'name="quality"\r\n\r\nlow' in edited
    assert edited.count(b'name="image[]"') == 2
