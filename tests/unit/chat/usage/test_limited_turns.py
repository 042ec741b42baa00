"""Limits of turns: refused before anything is saved or sent, reserved while running, settled once."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from lib.chat.turns import shorten, turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.turns.temporary import TemporaryStore
from lib.chat.usage.limits import NO_LIMITS, LimitEnforcer
from lib.core import errors
from lib.core.conversation import Outcome, Truncation, Usage
from lib.core.events import Finish, RetryScheduled, TextDelta, UsageReport
from lib.core.params import Params
from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE, Limit, Limits, Policy, ScopePolicy
from lib.core.pricing import NANOS_PER_DOLLAR
from lib.core.quota import current_counter
from lib.core.target import Target
from lib.gateway.wires import request_body
from tests.support.usage_records import read_usage_records
from tests.unit.chat.services import ScriptedGateway, wait_for_path, wait_until
from tests.unit.chat.usage.limited import ANN, NOON, find_price

TARGET, UTILITY_MODEL = Target("m-one", "openai"), UtilityModel(Target("small", "openai"), 8192)
DONE = [
    TextDelta("Because."),
    UsageReport(Usage(input=1000, output=500)),
    Finish(Outcome.COMPLETE, "stop"),
]
CUT = [TextDelta("Be"), UsageReport(Usage(input=100, output=50)), Finish(Outcome.LENGTH, "length")]
DONE_COST = 1000 * 1000 + 500 * 4000  # nano-dollars


def user_policy(**limits: Limit) -> Policy:
    return Policy({PER_USER_SCOPE: ScopePolicy(Limits(**limits))})


HIGH_LIMITS = user_policy(
    requests_minute=Limit(hard=100), tokens_day=Limit(hard=10**6), cost_day=Limit(hard=NANOS_PER_DOLLAR)
)


def build_services(
    store: Any,
    policy: Policy,
    *answers: Any,
    turn_store: Any = None,
    utility_model: UtilityModel | None = None,
) -> TurnServices:
    gateway = ScriptedGateway(*answers)
    enforcer = LimitEnforcer(ANN, policy, store.quotas, find_price, lambda: NOON)
    utility_models = UtilityModelService(gateway, turn_store or store, find_price)
    return TurnServices(
        turn_store or store,
        gateway,
        GenerationRegistry(),
        utility_models,
        utility_model,
        find_price,
        enforcer,
    )


def used_amounts(store: Any) -> tuple[int, ...]:
    """Return the user's counted requests, tokens and nano-dollars."""
    names = ("requests_minute", "tokens_day", "cost_day")
    counters = [current_counter("person:ann", name, NOON) for name in names]
    amounts = store.quotas.used("ann", counters)
    return tuple(amounts[counter] for counter in counters)


def ask_question(
    services: TurnServices,
    conversation_id: str | None = None,
    target: Target = TARGET,
    params: Params | None = None,
) -> str:
    return turn.ask(services, "ann", conversation_id, "Why is it so?", target, params or Params()).conversation.id


REFUSALS = {
    "requests": (user_policy(requests_minute=Limit(hard=0)), TARGET, errors.LimitExceededError),
    "tokens": (user_policy(tokens_month=Limit(hard=1000)), TARGET, errors.LimitExceededError),
    "cost": (user_policy(cost_day=Limit(hard=1000)), TARGET, errors.LimitExceededError),
    "team cost": (
        Policy({TEAM_SCOPE: ScopePolicy(Limits(cost_month=Limit(hard=9)))}),
        TARGET,
        errors.LimitExceededError,
    ),
    "group tokens": (
        Policy({"group:sales": ScopePolicy(Limits(tokens_day=Limit(hard=9)))}),
        TARGET,
        errors.LimitExceededError,
    ),
    "no price": (
        user_policy(cost_day=Limit(hard=NANOS_PER_DOLLAR)),
        Target("unpriced", "openai"),
        errors.PriceUnknown,
    ),
    "the model": (
        Policy({PER_USER_SCOPE: ScopePolicy(model_patterns=("n-*",))}),
        TARGET,
        errors.ModelNotAllowed,
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refused_turn_is_neither_saved_nor_sent(store, case):
    policy, target, error_type = REFUSALS[case]
    services = build_services(store, policy)
    with pytest.raises(error_type):
        ask_question(services, target=target)
    assert store.conversations.page("ann", 9) == []
    unlimited = replace(services, limit_enforcer=NO_LIMITS, gateway=ScriptedGateway(CUT, DONE))
    conversation_id = ask_question(unlimited, target=target)
    before = wait_for_path(unlimited, conversation_id)
    for retry in (
        lambda: ask_question(services, conversation_id, target),
        lambda: turn.regenerate(services, "ann", conversation_id, target, Params()),
        lambda: turn.continue_answer(services, "ann", conversation_id, before[-1].id, Params()),
    ):
        with pytest.raises(error_type):
            retry()
        assert store.messages.nodes("ann", conversation_id) == before
    assert services.gateway.sent == []
    # The refused turns have released the conversation.
    ask_question(unlimited, conversation_id)
    assert wait_for_path(unlimited, conversation_id)[-1].outcome is Outcome.COMPLETE


def test_no_quota_is_read_without_limits(store):
    class UnavailableQuotas:
        def __getattr__(self, name: str) -> Any:
            pytest.fail(f"unexpected call of {name}")

    services = replace(
        build_services(store, Policy(), DONE),
        limit_enforcer=LimitEnforcer(ANN, Policy(), UnavailableQuotas(), find_price),
    )
    assert wait_for_path(services, ask_question(services))[-1].outcome is Outcome.COMPLETE
    assert services.limit_enforcer.limit_statuses() == services.limit_enforcer.warnings() == []


def test_a_finished_answer_counts_its_actual_usage(store):
    services = build_services(store, HIGH_LIMITS, DONE, CUT, DONE)
    conversation_id = ask_question(services)
    wait_for_path(services, conversation_id)
    assert used_amounts(store) == (1, 1500, DONE_COST)
    turn.regenerate(services, "ann", conversation_id, TARGET, Params())
    cut = wait_for_path(services, conversation_id)[-1]
    assert used_amounts(store) == (2, 1650, DONE_COST + 100 * 1000 + 50 * 4000)
    turn.continue_answer(services, "ann", conversation_id, cut.id, Params())
    assert wait_for_path(services, conversation_id)[-1].outcome is Outcome.COMPLETE
    assert used_amounts(store) == (3, 3150, 2 * DONE_COST + 300_000)
    assert sum(row.cost for row in read_usage_records(store, "ann", conversation_id)) == 2 * DONE_COST + 300_000


def test_the_maximum_is_reserved_while_the_answer_arrives(store):
    release = threading.Event()
    services = build_services(store, HIGH_LIMITS, [release, *DONE])
    conversation_id = ask_question(services, params=Params(max_tokens=700, n=2))
    requests, tokens, cost = used_amounts(store)
    assert requests == 1
    assert 2 * 700 < tokens < 2 * 700 + 200
    assert 4000 * 2 * 700 < cost < 4000 * 2 * 700 + 200_000
    release.set()
    wait_for_path(services, conversation_id)
    assert used_amounts(store) == (1, 1500, DONE_COST)


@pytest.mark.parametrize(
    ("extra", "output_tokens"),
    [
        ({"max_tokens": 9000, "n": 3}, 9000 * 3),
        ({"Max_Completion_Tokens": "9000", "extra_body": {"N": 3}}, 9000 * 3),
        ({"reasoning": {"max_tokens": 5000}}, 5700),
        # Without any limit, the amount of an answer without one.
        ({"max_tokens": None, "model": "another", "messages": []}, 1024),
    ],
)
def test_what_the_extra_json_sets_is_reserved_and_sent(store, extra, output_tokens):
    release = threading.Event()
    services = build_services(store, HIGH_LIMITS, [release, *DONE])
    params = Params(max_tokens=700, extra=json.dumps(extra))
    conversation_id = ask_question(services, params=params)
    _, tokens, _ = used_amounts(store)
    assert output_tokens < tokens < output_tokens + 200
    wait_until(lambda: services.gateway.sent)
    target, messages, sent = services.gateway.sent[0]
    body = request_body.build_body(target, messages, sent)
    assert (body["model"], body["messages"]) == (TARGET.model, [{"role": "user", "content": messages[0].text}])
    budget = body.get("reasoning", {}).get("max_tokens", 0)
    assert ((body.get("max_tokens") or 1024) + budget) * body.get("n", 1) == output_tokens
    assert store.conversations.get("ann", conversation_id).params == params
    release.set()
    wait_for_path(services, conversation_id)


def test_a_prompt_in_the_extra_json_is_reserved(store):
    release = threading.Event()
    services = build_services(store, HIGH_LIMITS, [release, *DONE])
    conversation_id = ask_question(services, params=Params(extra=json.dumps({"system": "word " * 20_000})))
    assert used_amounts(store)[1] > 20_000
    release.set()
    wait_for_path(services, conversation_id)


def test_extra_json_beyond_the_limit_sends_nothing(store):
    services = build_services(store, user_policy(tokens_day=Limit(hard=5000)), DONE)
    for extra in ('{"max_tokens": 6000}', '{"n": 6}', '{"MAX_TOKENS": 3000, "n": 2}'):
        with pytest.raises(errors.LimitExceededError):
            ask_question(services, params=Params(max_tokens=900, extra=extra))
    assert (services.gateway.sent, used_amounts(store)) == ([], (0, 0, 0))


def test_alternatives_of_one_request_are_counted_once(store):
    both = [TextDelta("One"), TextDelta("Two", choice=1), *DONE[1:]]
    services = build_services(store, HIGH_LIMITS, both)
    wait_for_path(services, ask_question(services, params=Params(n=2)))
    assert used_amounts(store) == (1, 1500, DONE_COST)


ENDS = {
    "refused": ([errors.Overloaded("busy")], (1, 0, 0)),
    "failed": ([TextDelta("Be"), errors.StreamError("no")], None),
    "cut": ([TextDelta("Be"), errors.StreamInterrupted()], None),
    "no token counts": ([TextDelta("Be"), Finish(Outcome.COMPLETE, "stop")], None),
    "retried": ([RetryScheduled(0.0, 1, 2, "overloaded"), *DONE], (2, 1500, DONE_COST)),
}


@pytest.mark.parametrize("ending", ENDS)
def test_only_unknown_usage_stays_reserved_after_the_end(store, ending):
    events, expected = ENDS[ending]
    release = threading.Event()
    services = build_services(store, HIGH_LIMITS, [release, *events])
    conversation_id = ask_question(services)
    reserved = used_amounts(store)
    release.set()
    wait_for_path(services, conversation_id)
    assert used_amounts(store) == (expected or reserved)
    services.limit_enforcer.release(read_usage_records(store, "ann", conversation_id)[0].id.partition(".")[0])
    assert used_amounts(store) == (expected or reserved)


@pytest.mark.parametrize("ending", ["stopped", "interrupted"])
def test_a_stopped_answer_counts_the_reserved_amount(store, ending):
    services = build_services(store, HIGH_LIMITS, [TextDelta("Be"), threading.Event()])
    conversation_id = ask_question(services)
    reserved, answer = used_amounts(store), services.generations.find("ann", conversation_id)
    wait_until(lambda: answer.wait(-1, 0).node.message.text)
    if ending == "interrupted":
        answer.interrupt()
    answer.stop()
    wait_for_path(services, conversation_id)
    assert used_amounts(store) == reserved
    assert read_usage_records(store, "ann", conversation_id)[0].cost is None


def test_the_reservation_is_released_when_the_turn_cannot_be_saved(store, monkeypatch):
    services = build_services(store, HIGH_LIMITS, DONE)

    def refuse(*_: Any) -> None:
        raise errors.StoreError("disk full")

    with monkeypatch.context() as patch, pytest.raises(errors.StoreError):
        patch.setattr(store.messages, "save_turn", refuse)
        ask_question(services)
    assert used_amounts(store) == (0, 0, 0)
    # A reservation that cannot be released stays counted.
    with monkeypatch.context() as patch, pytest.raises(errors.StoreError, match="disk full"):
        patch.setattr(store.messages, "save_turn", refuse)
        patch.setattr(store.quotas, "release", refuse)
        ask_question(services)
    assert used_amounts(store)[0] == 1
    assert services.gateway.sent == []


def test_a_temporary_chat_counts_towards_limits(store):
    temporary_store = TemporaryStore("ann", store.usage)
    services = build_services(store, HIGH_LIMITS, [RetryScheduled(0.0, 1, 2, "cut"), *DONE], turn_store=temporary_store)
    wait_for_path(services, ask_question(services))
    assert used_amounts(store) == (2, 1500, DONE_COST)
    with pytest.raises(errors.LimitExceededError):
        ask_question(
            replace(
                services,
                limit_enforcer=LimitEnforcer(
                    ANN, user_policy(tokens_day=Limit(hard=1600)), store.quotas, find_price, lambda: NOON
                ),
            )
        )


def wait_for_workers() -> None:
    wait_until(lambda: not any(thread.name in ("title", "summary") for thread in threading.enumerate()))


def test_a_title_is_counted_and_skipped_at_the_limit(store):
    # Model rules do not apply to the utility model, which the user does not choose.
    policy = Policy({PER_USER_SCOPE: ScopePolicy(HIGH_LIMITS.scopes[PER_USER_SCOPE].limits, model_patterns=("m-*",))})
    titled = [TextDelta("A title"), *DONE[1:]]
    services = build_services(store, policy, titled, titled, utility_model=UTILITY_MODEL)
    conversation_id = ask_question(services)
    wait_for_path(services, conversation_id)
    wait_for_workers()
    assert store.conversations.get("ann", conversation_id).title_source == "model"
    assert used_amounts(store) == (2, 3000, 2 * DONE_COST)
    services = build_services(store, user_policy(requests_minute=Limit(hard=3)), DONE, utility_model=UTILITY_MODEL)
    conversation_id = ask_question(services)
    assert wait_for_path(services, conversation_id)[-1].outcome is Outcome.COMPLETE
    wait_for_workers()
    assert store.conversations.get("ann", conversation_id).title_source == "question"
    assert used_amounts(store)[0] == 3
    assert len(services.gateway.sent) == 1


def test_a_summary_is_counted_and_fails_at_the_limit(store):
    services = build_services(store, HIGH_LIMITS, *[DONE] * 3)
    conversation_id = ask_question(services)
    for _ in range(2):
        path = wait_for_path(services, conversation_id)
        ask_question(services, conversation_id)
    path, before = wait_for_path(services, conversation_id), used_amounts(store)
    summarizing = build_services(store, HIGH_LIMITS, DONE, utility_model=UTILITY_MODEL)
    conversation = store.conversations.get("ann", conversation_id)
    job = shorten.summarise_dropped(
        summarizing, "ann", conversation, path, Truncation(path[4].id), in_new_conversation=False
    )
    wait_until(lambda: job.state != "running")
    assert job.state == "done"
    assert used_amounts(store) == (before[0] + 1, before[1] + 1500, before[2] + DONE_COST)
    limited = build_services(store, user_policy(cost_day=Limit(hard=4 * DONE_COST + 1000)), utility_model=UTILITY_MODEL)
    job = shorten.summarise_dropped(
        limited, "ann", conversation, path, Truncation(path[4].id), in_new_conversation=False
    )
    wait_until(lambda: job.state != "running")
    assert (job.state, job.error_code) == ("failed", "over_limit")
    assert limited.gateway.sent == []
