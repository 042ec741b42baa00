"""Rules of Claude models, against the tables of Anthropic's documentation and the types of its SDK."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import EFFORT_LEVELS, ParamAdjustment, Params
from lib.core.target import Target
from lib.gateway.wires import anthropic
from lib.gateway.wires.models import claude_rules
from lib.gateway.wires.request_body import dropped_params
from tests.support import sdks
from tests.unit.gateway.recordings import QUESTION

SUMMARY = {"type": "adaptive", "display": "summarized"}
ADAPTIVE, ENABLED = {"type": "adaptive"}, {"type": "enabled", "budget_tokens": 4096}
DISABLED, BETWEEN_TOOLS = {"type": "disabled"}, {"type": "between_tools"}

# By platform.claude.com, "Thinking", "Configuring thinking": what is sent for no thinking mode, "adaptive",
# "budget" (of 4096 tokens) and "off"; None for no field. A type that the table marks "400 error" is not sent.
THINKING_TABLE: dict[str, tuple[Any, Any, Any, Any]] = {
    "claude-opus-5-5": (SUMMARY, SUMMARY, SUMMARY, SUMMARY),
    "claude-sonnet-5-5": (SUMMARY, SUMMARY, SUMMARY, BETWEEN_TOOLS),
    "claude-haiku-5-5": (SUMMARY, SUMMARY, SUMMARY, DISABLED),
    "claude-fable-5-1": (SUMMARY, SUMMARY, SUMMARY, SUMMARY),
    "claude-mythos-5-1": (SUMMARY, SUMMARY, SUMMARY, SUMMARY),
    "claude-fable-5": (SUMMARY, SUMMARY, SUMMARY, SUMMARY),
    "claude-mythos-5": (SUMMARY, SUMMARY, SUMMARY, SUMMARY),
    "claude-opus-5": (SUMMARY, SUMMARY, SUMMARY, DISABLED),
    "claude-sonnet-5": (SUMMARY, SUMMARY, SUMMARY, DISABLED),
    "claude-opus-4-8": (None, SUMMARY, SUMMARY, DISABLED),
    "claude-opus-4-7": (None, SUMMARY, SUMMARY, DISABLED),
    "claude-mythos-preview": (SUMMARY, SUMMARY, {**ENABLED, "display": "summarized"}, SUMMARY),
    "claude-opus-4-6": (None, ADAPTIVE, ENABLED, DISABLED),
    "claude-sonnet-4-6": (None, ADAPTIVE, ENABLED, DISABLED),
    "claude-opus-4-5-20251101": (None, ENABLED, ENABLED, DISABLED),
    "claude-sonnet-4-5": (None, ENABLED, ENABLED, DISABLED),
    "claude-haiku-4-5-20251001": (None, ENABLED, ENABLED, DISABLED),
    # Names of resellers and clouds, dated and with suffixes.
    "anthropic/claude-sonnet-5.5": (SUMMARY, SUMMARY, SUMMARY, BETWEEN_TOOLS),
    "anthropic.claude-haiku-5-5": (SUMMARY, SUMMARY, SUMMARY, DISABLED),
    "claude-opus-5-5-20260922-thinking": (SUMMARY, SUMMARY, SUMMARY, SUMMARY),
    "claude-4.5-sonnet": (None, ENABLED, ENABLED, DISABLED),
    "claude-3-7-sonnet-20250219": (None, ENABLED, ENABLED, DISABLED),
    "claude-opus-4-20250514": (None, ENABLED, ENABLED, DISABLED),
    # Models that do not think, and one that is no Claude.
    "claude-3-5-haiku-20241022": (None, None, None, None),
    "claude-3-haiku-20240307": (None, None, None, None),
    "glm-5": (None, ADAPTIVE, ENABLED, DISABLED),
    "sonnet-5-5": (None, ADAPTIVE, ENABLED, DISABLED),
}


def body(model: str, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES) -> dict[str, Any]:
    return anthropic.body(model, QUESTION, params, capabilities)


@pytest.mark.parametrize("model", THINKING_TABLE)
def test_thinking_is_sent_as_documented_for_the_model(model: str) -> None:
    sent = tuple(
        body(model, Params(thinking=mode, budget=4096 if mode == "budget" else None)).get("thinking")
        for mode in ("", "adaptive", "budget", "off")
    )
    assert sent == THINKING_TABLE[model]
    for thinking in filter(None, sent):
        assert TypeAdapter(sdks.anthropic.types.ThinkingConfigParam).validate_python(thinking) == thinking


LOW_TO_HIGH = ("low", "medium", "high")
# By platform.claude.com, "Effort", "Effort levels".
EFFORTS: dict[str, tuple[str, ...] | None] = {
    **dict.fromkeys(
        (
            "claude-fable-5-1",
            "claude-mythos-5",
            "claude-opus-5-5",
            "claude-opus-5",
            "claude-opus-4-8",
            "claude-opus-4-7",
            "claude-sonnet-5-5",
            "claude-sonnet-5",
            "claude-haiku-5-5",
        ),
        (*LOW_TO_HIGH, "xhigh", "max"),
    ),
    **dict.fromkeys(("claude-mythos-preview", "claude-opus-4-6", "claude-sonnet-4-6"), (*LOW_TO_HIGH, "max")),
    "claude-opus-4-5-20251101": LOW_TO_HIGH,
    **dict.fromkeys(("claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-1", "claude-3-5-sonnet"), ()),
    "m": None,
}


@pytest.mark.parametrize("model", EFFORTS)
def test_efforts_of_models(model: str) -> None:
    accepted = EFFORTS[model]
    assert claude_rules.rules_of(model).efforts == accepted
    for effort in EFFORT_LEVELS[2:]:
        config = body(model, Params(effort=effort)).get("output_config")
        if accepted is None or effort in accepted:
            assert config == {"effort": effort}
            assert TypeAdapter(sdks.anthropic.types.OutputConfigParam).validate_python(config) == config
        else:
            assert (config or {}).get("effort") in (accepted[-2:] if accepted else (None,))


@pytest.mark.parametrize(
    ("model", "params", "sent", "adjustments"),
    [
        ("claude-opus-4-6", Params(effort="xhigh"), "high", [ParamAdjustment("sent_as", "effort", "high")]),
        ("claude-opus-4-5", Params(effort="max"), "high", [ParamAdjustment("sent_as", "effort", "high")]),
        ("claude-sonnet-4-5", Params(effort="low"), None, [ParamAdjustment("family", "effort")]),
        ("claude-opus-5-5", Params(effort="none"), "low", [ParamAdjustment("sent_as", "effort", "low")]),
        ("claude-fable-5", Params(effort="minimal"), "low", [ParamAdjustment("sent_as", "effort", "low")]),
        # Thinking can be off at "high" and below only.
        *(
            (model, Params(thinking="off", effort=effort), "high", [ParamAdjustment("sent_as", "effort", "high")])
            for model in ("claude-opus-5", "claude-haiku-5-5", "claude-sonnet-5-5")
            for effort in ("xhigh", "max")
        ),
        ("claude-sonnet-5", Params(thinking="off", effort="max"), "max", []),
        ("claude-opus-4-8", Params(thinking="off", effort="max"), "max", []),
        ("claude-sonnet-5-5", Params(thinking="adaptive", effort="max"), "max", []),
    ],
)
def test_efforts_that_a_model_rejects(
    model: str, params: Params, sent: str | None, adjustments: list[ParamAdjustment]
) -> None:
    assert body(model, params).get("output_config", {}).get("effort") == sent
    assert dropped_params(Target(model, "anthropic"), params) == adjustments


def test_thinking_that_is_off_has_no_display() -> None:
    for model in ("claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-5"):
        for params in (Params(thinking="off", display="summarized"), Params(effort="none", display="omitted")):
            assert set(body(model, params)["thinking"]) == {"type"}
            assert ParamAdjustment("display_needs", "display") in dropped_params(Target(model, "anthropic"), params)


@pytest.mark.parametrize(
    ("model", "params", "thinking"),
    [
        ("claude-opus-5", Params(display="omitted"), {"type": "adaptive", "display": "omitted"}),
        ("claude-opus-4-7", Params(display="summarized"), None),  # does not think unless told
        ("claude-opus-4-6", Params(thinking="adaptive"), ADAPTIVE),  # its default is the summary
        (
            "claude-opus-4-6",
            Params(thinking="adaptive", display="omitted"),
            {"type": "adaptive", "display": "omitted"},
        ),
    ],
)
def test_display_of_thinking(model: str, params: Params, thinking: dict[str, Any] | None) -> None:
    assert body(model, params).get("thinking") == thinking


@pytest.mark.parametrize(
    ("extra", "thinking"),
    [
        ('{"thinking": {"type": "disabled"}}', DISABLED),
        ('{"thinking": {"type": "between_tools"}}', BETWEEN_TOOLS),
        ('{"thinking": {"display": "omitted"}}', {"type": "adaptive", "display": "omitted"}),
        ('{"thinking": null}', None),
        ('{"top_k": 4}', SUMMARY),
    ],
)
def test_extra_json_replaces_or_changes_the_thinking_that_is_sent_by_default(extra: str, thinking: Any) -> None:
    assert body("claude-opus-5", Params(extra=extra)).get("thinking") == thinking


@pytest.mark.parametrize(
    ("capabilities", "params", "thinking", "effort"),
    [
        (Capabilities(thinking_modes=("adaptive", "disabled")), Params(thinking="off"), DISABLED, None),
        (Capabilities(thinking_modes=("adaptive",)), Params(thinking="off"), SUMMARY, None),
        (Capabilities(thinking_modes=("adaptive", "between_tools")), Params(thinking="off"), BETWEEN_TOOLS, None),
        (Capabilities(efforts=("low", "high")), Params(effort="max"), SUMMARY, "high"),
        (Capabilities(efforts=()), Params(effort="max"), SUMMARY, None),
        (Capabilities(efforts=("ultra", "max", "low")), Params(effort="xhigh"), SUMMARY, "low"),
    ],
)
def test_the_model_list_of_the_gateway_has_priority_over_the_name(
    capabilities: Capabilities, params: Params, thinking: Any, effort: str | None
) -> None:
    request = body("claude-opus-5-5", params, capabilities)
    assert (request.get("thinking"), request.get("output_config", {}).get("effort")) == (thinking, effort)


@pytest.mark.parametrize(
    ("model", "known_maximum", "sent"),
    [
        ("claude-opus-5-5", 128_000, 128_000),
        ("claude-opus-5-5", None, 32_000),
        ("claude-sonnet-5", None, 32_000),
        ("anthropic/claude-haiku-5.5", None, 32_000),
        ("claude-mythos-preview", None, 32_000),
        ("claude-opus-4-8", None, 8192),
        ("claude-sonnet-4-5", 64_000, 64_000),
        ("claude-sonnet-4-5", None, 8192),
        ("claude-3-5-sonnet-20241022", None, 8192),
        ("claude-3-haiku-20240307", None, 4096),
        ("claude-3-haiku-20240307", 4096, 4096),
        ("claude-3-opus", None, 4096),
        ("claude-2.1", None, 4096),
        ("kimi-k3", 16_000, 16_000),
        ("kimi-k3", None, 8192),
        ("claude", None, 8192),
    ],
)
def test_default_output_limit(model: str, known_maximum: int | None, sent: int) -> None:
    assert body(model, Params(), Capabilities(max_output_tokens=known_maximum))["max_tokens"] == sent


@pytest.mark.parametrize(
    ("model", "known_maximum", "typed", "sent"),
    [
        ("claude-3-haiku-20240307", None, 4097, 4096),
        ("claude-3-haiku-20240307", None, 4096, 4096),
        ("claude-3-5-haiku", None, 20_000, 8192),
        ("claude-opus-4-1-20250805", None, 64_000, 32_000),
        ("claude-sonnet-4-20250514", None, 100_000, 64_000),
        ("claude-opus-5-5", 128_000, 200_000, 128_000),
        ("claude-opus-5-5", None, 200_000, 200_000),
        ("kimi-k3", 16_000, 16_001, 16_000),
        ("m", None, 500_000, 500_000),
    ],
)
def test_output_limit_is_never_above_the_maximum_of_the_model(
    model: str, known_maximum: int | None, typed: int, sent: int
) -> None:
    capabilities, params = Capabilities(max_output_tokens=known_maximum), Params(max_tokens=typed)
    expected = [ParamAdjustment("output_limit", "max_tokens", str(sent))] if sent != typed else []
    assert body(model, params, capabilities)["max_tokens"] == sent
    assert dropped_params(Target(model, "anthropic"), params, capabilities) == expected
    assert dropped_params(Target(model, "openai"), params, capabilities) == expected


def test_thinking_budget_fits_below_the_output_limit() -> None:
    params = Params(thinking="budget", budget=70_000)
    request = body("claude-sonnet-4-5", params, Capabilities(max_output_tokens=64_000))
    assert (request["max_tokens"], request["thinking"]["budget_tokens"]) == (64_000, 51_200)
    request = body("claude-sonnet-4-5", params)
    assert (request["max_tokens"], request["thinking"]["budget_tokens"]) == (64_000, 51_200)
