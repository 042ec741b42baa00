"""Parameters that model families reject, against the vendors' documentation."""

import pytest

from lib.core.models import UNKNOWN_CAPABILITIES
from lib.core.params import Params, changed_params
from lib.core.target import Wire
from lib.gateway.wires.models.quirks import adapt_params, is_openai_reasoning, takes_max_completion_tokens

BOTH_SAMPLERS = Params(temperature=0.7, top_p=0.9)


def kept(wire: Wire, model: str, params: Params) -> set[str]:
    """Names of the params that are sent as they were set."""
    adapted, _ = adapt_params(wire, model, params, UNKNOWN_CAPABILITIES)
    return {name for name in changed_params(params) if getattr(adapted, name) == getattr(params, name)}


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("claude-opus-4-1", {"temperature"}),
        ("claude-opus-4-1-20250805", {"temperature"}),
        ("anthropic/claude-opus-4.1", {"temperature"}),
        ("claude-sonnet-4-5", {"temperature"}),
        ("claude-opus-4-6", {"temperature"}),
        ("claude-opus-4-20250514", {"temperature", "top_p"}),
        ("claude-sonnet-4", {"temperature", "top_p"}),
        ("claude-3-7-sonnet-20250219", {"temperature", "top_p"}),
        ("claude-opus-4-7", set()),
        ("claude-mythos-preview", set()),
        ("claude-fable-5", set()),
        ("glm-4.1", {"temperature", "top_p"}),
    ],
)
def test_claude_from_opus_4_1_takes_one_sampler(wire: Wire, model: str, names: set[str]) -> None:
    assert kept(wire, model, BOTH_SAMPLERS) == names


@pytest.mark.parametrize(
    ("model", "top_p", "is_kept"),
    [
        ("claude-opus-4-7", 1.0, True),
        ("claude-opus-4-7", 0.98, False),
        ("claude-haiku-5-5", 0.99, True),
        ("claude-haiku-5-5", 1.0, False),
        ("claude-opus-5-5", 1.0, False),
        ("claude-opus-5", 1.0, True),
    ],
)
def test_newer_claude_takes_the_default_top_p(model: str, top_p: float, is_kept: bool) -> None:
    assert kept("anthropic", model, Params(top_p=top_p)) == ({"top_p"} if is_kept else set())


ALL_SAMPLERS = Params(temperature=0.3, top_p=0.9, presence_penalty=1.0, frequency_penalty=0.5, logit_bias='{"7": 1}')
SAMPLER_NAMES = {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias"}


@pytest.mark.parametrize(
    ("model", "names"),
    [
        *((model, SAMPLER_NAMES) for model in ("gpt-5-chat-latest", "gpt-5.1-chat-latest", "openai/gpt-5-chat")),
        *((model, SAMPLER_NAMES) for model in ("gpt-4o", "gpt-4.1", "chatgpt-4o-latest", "gpt-oss-120b", "m")),
        *((model, set()) for model in ("gpt-5", "gpt-5-mini", "o3", "o1-preview", "gpt-5.5", "gpt-5.6-luna")),
        *((model, set()) for model in ("gpt-6-astra", "gpt-5.1-codex", "gpt-5.2-pro")),
        # Without an effort these do not reason, and take the two samplers.
        *((model, {"temperature", "top_p"}) for model in ("gpt-5.1", "gpt-5.2-2025-12-11", "openai/gpt-5.4-mini")),
    ],
)
def test_samplers_of_openai_models(model: str, names: set[str]) -> None:
    assert kept("openai", model, ALL_SAMPLERS) == names


@pytest.mark.parametrize(
    ("model", "effort", "names"),
    [
        ("gpt-5.1", "none", {"temperature", "effort"}),
        ("gpt-5.1", "low", {"effort"}),
        ("gpt-5.6-sol", "none", {"temperature", "effort"}),
        ("gpt-6-luna", "none", {"temperature", "effort"}),
        ("gpt-6-luna", "high", {"effort"}),
        ("gpt-5", "none", {"effort"}),
        ("o3", "none", {"effort"}),
    ],
)
def test_temperature_goes_with_the_effort_none(model: str, effort: str, names: set[str]) -> None:
    assert kept("openai", model, Params(temperature=0.3, effort=effort)) == names


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("gpt-5-chat-latest", set()),
        ("gpt-5.2-chat-latest", set()),
        ("gpt-4o", {"effort"}),
        ("o3", {"effort"}),
        ("gpt-5", {"effort", "verbosity"}),
        ("gpt-6-sol", {"effort", "verbosity"}),
        ("m", {"effort", "verbosity"}),
        ("o33b", {"effort", "verbosity"}),
    ],
)
def test_effort_and_verbosity_of_openai_models(model: str, names: set[str]) -> None:
    assert kept("openai", model, Params(effort="low", verbosity="low")) == names


@pytest.mark.parametrize(
    ("model", "takes_stop"),
    [
        *((model, False) for model in ("o3", "o4-mini", "gpt-5", "gpt-5-mini", "gpt-5-2025-08-07", "gpt-5.2")),
        *((model, True) for model in ("o1", "gpt-5-chat-latest", "gpt-5.4-mini", "gpt-6", "gpt-4o", "gpt-50")),
    ],
)
def test_stop_sequences_of_openai_models(model: str, takes_stop: bool) -> None:
    assert kept("openai", model, Params(stop=("a",))) == ({"stop"} if takes_stop else set())


def test_chat_models_of_gpt_5_do_not_reason_and_take_the_newer_name_of_the_limit() -> None:
    assert not is_openai_reasoning("gpt-5-chat-latest") and takes_max_completion_tokens("gpt-5-chat-latest")
    assert is_openai_reasoning("gpt-5-mini") and not takes_max_completion_tokens("gpt-4o")
