"""Parameters that a turn decides: output limit, reservation, prompt caches."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from lib.chat.context.window import ContextEstimate
from lib.chat.turns import request_params, turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.request_params import MIN_CACHED_TOKENS, resolve_params
from lib.chat.turns.services import TurnServices
from lib.chat.usage.limits import LimitEnforcer
from lib.core import errors
from lib.core.conversation import Message, Node, Outcome, TextPart, Usage
from lib.core.events import Finish, TextDelta, UsageReport
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.policy import PER_USER_SCOPE, Limit, Limits, Policy, ScopePolicy
from lib.core.pricing import ModelPrice, Price
from lib.core.target import Target
from lib.gateway.wires.request_body import build_body
from tests.unit.chat.services import ScriptedGateway, wait_for_path
from tests.unit.chat.usage.limited import ANN, NOON, find_price

OPUS, HAIKU = Target("claude-opus-5-5", "anthropic"), Target("claude-3-haiku-20240307", "anthropic")
GPT = Target("gpt-5", "openai")
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
ANSWER = Node("a", "q", Message("assistant", (TextPart("Because."),)), 2.0)
PATH = [QUESTION, ANSWER, replace(QUESTION, id="q2", parent_id="a")]
CLAUDE_PRICE = ModelPrice(Price(Decimal(4), Decimal(20), Decimal("0.2"), Decimal(5)), "library")
LONG = ContextEstimate(20_000, None, True)
DONE = [TextDelta("Because."), UsageReport(Usage(1000, 500)), Finish(Outcome.COMPLETE, "stop")]


def resolve(target: Target = OPUS, params: Params | None = None, **changes: Any) -> Params:
    arguments = {
        "capabilities": Capabilities(),
        "price": CLAUDE_PRICE,
        "estimate": LONG,
        "path": PATH,
        "conversation_id": "c",
        **changes,
    }
    return resolve_params(target, params or Params(), **arguments)


@pytest.mark.parametrize(
    ("target", "typed", "capabilities", "limit"),
    [
        (OPUS, None, Capabilities(), 32_000),
        (OPUS, None, Capabilities(max_output_tokens=128_000), 128_000),
        (OPUS, 500, Capabilities(max_output_tokens=128_000), 500),
        (OPUS, 200_000, Capabilities(max_output_tokens=128_000), 128_000),
        (HAIKU, None, Capabilities(), 4096),
        (HAIKU, 8192, Capabilities(), 4096),
        (GPT, None, Capabilities(max_output_tokens=128_000), None),
        (GPT, 200_000, Capabilities(max_output_tokens=128_000), 128_000),
        # What the prompt leaves of the context window; a tight one keeps room for an ordinary answer.
        (OPUS, None, Capabilities(context_window=40_000, max_output_tokens=32_000), 40_000 - (20_000 - 1024 + 50)),
        (OPUS, None, Capabilities(context_window=20_000, max_output_tokens=20_000), 1024),
        (OPUS, 30_000, Capabilities(context_window=40_000, max_output_tokens=32_000), 30_000),
    ],
)
def test_output_limit(target: Target, typed: int | None, capabilities: Capabilities, limit: int | None) -> None:
    estimate = ContextEstimate(20_000, capabilities.context_window, True)
    params = Params(max_tokens=typed)
    resolved = resolve(target, params, capabilities=capabilities, estimate=estimate)
    assert resolved.max_tokens == limit
    if target.wire == "anthropic":
        assert build_body(target, [QUESTION.message], resolved, capabilities)["max_tokens"] == limit


@pytest.mark.parametrize(
    ("changes", "cache"),
    [
        ({}, "5m"),
        ({"params": Params(cache="off")}, "off"),
        ({"params": Params(cache="1h")}, "1h"),
        ({"path": [QUESTION]}, ""),
        ({"estimate": ContextEstimate(MIN_CACHED_TOKENS - 51, None, True)}, ""),
        ({"price": None}, ""),
        ({"price": ModelPrice(Price(Decimal(4), Decimal(20)), "gateway")}, ""),
        ({"price": ModelPrice(Price(Decimal(4), Decimal(20), Decimal("0.2")), "gateway")}, "5m"),
        # Reading saves 1, writing costs 1 more: nothing is gained by the next question.
        ({"price": ModelPrice(Price(Decimal(4), Decimal(20), Decimal(3), Decimal(5)), "gateway")}, ""),
        ({"price": ModelPrice(Price(Decimal(0), Decimal(0), Decimal(0), None, Decimal(1)), "gateway")}, ""),
        ({"target": Target("claude-opus-5-5", "openai")}, ""),
        ({"target": Target("kimi-k3", "anthropic")}, ""),
    ],
)
def test_prompt_cache_of_long_conversations_with_claude(changes: dict[str, Any], cache: str) -> None:
    resolved = resolve(**changes)
    assert resolved.cache == cache
    if resolved.cache == "5m":
        assert build_body(OPUS, [QUESTION.message], resolved)["cache_control"] == {"type": "ephemeral"}
    elif cache == "off":
        assert "cache_control" not in build_body(OPUS, [QUESTION.message], resolved)


def test_prompt_cache_key_is_a_stable_pseudonym_of_the_conversation() -> None:
    keys = [resolve(GPT, conversation_id=name).prompt_cache_key for name in ("c", "c", "d")]
    assert keys[0] == keys[1] != keys[2] and all(len(key) == 32 and key.isalnum() for key in keys)
    assert build_body(GPT, [QUESTION.message], resolve(GPT))["prompt_cache_key"] == keys[0]
    assert resolve(GPT, Params(prompt_cache_key="mine")).prompt_cache_key == "mine"


@pytest.mark.parametrize(
    ("target", "is_sent"),
    [
        *((Target(model, "openai"), True) for model in ("gpt-4o-mini", "gpt-4.1", "o3", "openai/gpt-6-luna", "gpt-5")),
        *((Target(model, "openai"), False) for model in ("gpt-oss-120b", "kimi-k2.5", "claude-opus-5", "m", "gpt-4")),
        *((Target(model, "openai"), False) for model in ("groq/gpt-5", "o33b", "qwen/o3")),
        (Target("gpt-5", "anthropic"), False),
    ],
)
def test_prompt_cache_key_is_sent_by_itself_to_openai_models_only(target: Target, is_sent: bool) -> None:
    assert bool(resolve(target).prompt_cache_key) == is_sent


def build_services(store: Any, *limits: tuple[str, Limit], answers: int = 1) -> TurnServices:
    policy = Policy({PER_USER_SCOPE: ScopePolicy(Limits(**dict(limits)))})
    return TurnServices(
        store,
        ScriptedGateway(*[DONE] * answers),  # type: ignore[arg-type]
        GenerationRegistry(),
        price_lookup=find_price,
        limit_enforcer=LimitEnforcer(ANN, policy, store.quotas, find_price, lambda: NOON),
        capabilities_lookup=lambda _: Capabilities(context_window=10**6, max_output_tokens=128_000),
    )


def ask(services: TurnServices, params: Params, monkeypatch: pytest.MonkeyPatch) -> tuple[Params, list[Usage]]:
    """Ask a question; returns the parameters that were sent and the usage of each attempt to reserve."""
    reserved: list[Usage] = []
    reserve_all = services.limit_enforcer.reserve_all
    monkeypatch.setattr(
        services.limit_enforcer,
        "reserve_all",
        lambda requests: (reserved.extend(request.max_usage for request in requests), reserve_all(requests)),
    )
    conversation = turn.ask(services, "ann", None, "Why?", OPUS, params).conversation
    wait_for_path(services, conversation.id)
    assert conversation.params == params
    return services.gateway.sent[-1][2], reserved  # type: ignore[attr-defined]


@pytest.mark.parametrize("typed", [None, 700, 500_000])
def test_the_output_limit_that_is_sent_is_reserved(store: Any, monkeypatch: Any, typed: int | None) -> None:
    services = build_services(store, ("tokens_day", Limit(hard=10**6)))
    sent, reserved = ask(services, Params(max_tokens=typed), monkeypatch)
    assert [usage.output for usage in reserved] == [sent.max_tokens] == [min(typed or 128_000, 128_000)]


def test_a_default_limit_is_halved_until_a_small_budget_is_sufficient(store: Any, monkeypatch: Any) -> None:
    services = build_services(store, ("tokens_day", Limit(hard=20_000)))
    sent, reserved = ask(services, Params(), monkeypatch)
    assert [usage.output for usage in reserved] == [128_000, 64_000, 32_000, 16_000]
    assert sent.max_tokens == 16_000


@pytest.mark.parametrize("typed", [2000, None])
def test_a_limit_that_no_budget_covers_is_refused(store: Any, monkeypatch: Any, typed: int | None) -> None:
    services = build_services(store, ("tokens_day", Limit(hard=900)))
    with pytest.raises(errors.LimitExceededError):
        ask(services, Params(max_tokens=typed), monkeypatch)
    assert services.gateway.sent == []  # type: ignore[attr-defined]
    assert store.conversations.page("ann", 9) == []


def test_cache_key_tells_nothing_about_the_conversation() -> None:
    assert "0123456789abcdef" not in request_params.cache_key_of("0123456789abcdef")
