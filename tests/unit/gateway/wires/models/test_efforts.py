"""Levels of effort beside a model."""

from dataclasses import replace

import pytest

from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.gateway.wires.models.efforts import list_efforts, with_least_thinking

LOW_TO_HIGH = ["low", "medium", "high"]


@pytest.mark.parametrize(
    ("model", "wire", "efforts"),
    [
        ("claude-opus-5-5", "anthropic", [*LOW_TO_HIGH, "xhigh", "max"]),
        ("claude-sonnet-5-5", "anthropic", ["none", *LOW_TO_HIGH, "xhigh", "max"]),
        ("claude-opus-4-8", "anthropic", [*LOW_TO_HIGH, "xhigh", "max"]),
        ("claude-opus-4-6", "anthropic", [*LOW_TO_HIGH, "max"]),
        ("claude-opus-5-5", "openai", LOW_TO_HIGH),
        ("claude-sonnet-4-5", "anthropic", []),
        ("claude-3-haiku", "anthropic", []),
        ("claude", "anthropic", []),
        ("gpt-5", "openai", ["minimal", *LOW_TO_HIGH]),
        ("openai/gpt-5-mini", "openai", ["minimal", *LOW_TO_HIGH]),
        ("gpt-5.1", "openai", ["none", *LOW_TO_HIGH]),
        ("gpt-5.2-2025-12-11", "openai", ["none", *LOW_TO_HIGH, "xhigh"]),
        ("gpt-5.2-pro", "openai", ["medium", "high", "xhigh"]),
        ("gpt-5.6-luna", "openai", ["none", *LOW_TO_HIGH, "xhigh", "max"]),
        ("gpt-6-sol", "openai", ["none", *LOW_TO_HIGH, "xhigh", "max"]),
        ("gpt-6-astra", "openai", [*LOW_TO_HIGH, "xhigh", "max"]),
        ("o3", "openai", LOW_TO_HIGH),
        ("o1-mini", "openai", []),
        ("gpt-5-chat-latest", "openai", []),
        ("gpt-5-pro", "openai", []),
        ("openai/gpt-oss-120b", "openai", LOW_TO_HIGH),
        ("gpt-4o", "openai", []),
        ("gpt-50", "openai", []),
        ("o33b", "openai", []),
        ("m", "openai", []),
        ("glm-5", "anthropic", []),
    ],
)
def test_efforts_by_the_name_of_the_model(model: str, wire: Wire, efforts: list[str]) -> None:
    assert list(list_efforts(Target(model, wire), Capabilities())) == efforts


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize("model", ["m", "gpt-4o", "claude-opus-5-5"])
def test_the_model_list_of_the_gateway_has_priority(model: str, wire: Wire) -> None:
    target = Target(model, wire)
    assert list_efforts(target, Capabilities(efforts=("low", "ultra", "max"))) == ("low", "max")
    assert list_efforts(target, Capabilities(efforts=("high",))) == ()
    assert list_efforts(target, Capabilities(efforts=())) == ()


@pytest.mark.parametrize(
    ("model", "wire", "params"),
    [
        ("claude-sonnet-5-5", "anthropic", Params(thinking="off")),
        ("claude-haiku-5-5", "anthropic", Params(thinking="off")),
        ("claude-opus-5-5", "anthropic", Params(effort="low")),
        ("claude-mythos-preview", "anthropic", Params(effort="low")),
        ("claude-opus-4-8", "anthropic", Params()),
        ("claude-haiku-4-5", "anthropic", Params()),
        ("claude-opus-5-5", "openai", Params()),
        ("gpt-5-mini", "openai", Params(effort="minimal")),
        ("gpt-6-luna", "openai", Params(effort="none")),
        ("o3", "openai", Params(effort="low")),
        ("gpt-5-pro", "openai", Params()),
        ("gpt-4o-mini", "openai", Params()),
        ("gpt-oss-20b", "openai", Params()),
        ("m", "anthropic", Params()),
    ],
)
def test_small_tasks_think_as_little_as_the_model_allows(model: str, wire: Wire, params: Params) -> None:
    task = Params(system="Give a title.", max_tokens=1000)
    assert with_least_thinking(Target(model, wire), task) == replace(params, system="Give a title.", max_tokens=1000)
