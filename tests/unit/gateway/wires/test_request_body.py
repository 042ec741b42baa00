"""Request bodies of a target: reported params, and the order of messages."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.conversation import Message, TextPart, ThinkingPart
from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import (
    EFFORT_LEVELS,
    FIELDS_BY_NAME,
    PARAM_FIELDS,
    ParamAdjustment,
    Params,
    is_search_param,
)
from lib.core.target import Target, Wire
from lib.gateway.wires.request_body import (
    WIRE_MODULES,
    dropped_params,
    normalize_messages,
    unsupported_params,
)
from tests.support.examples import count_examples
from tests.unit.gateway.recordings import QUESTION

LOCALES = Path(__file__).parents[4] / "lib" / "locale"
MODELS = [
    "m",
    "gpt-4o",
    "gpt-5",
    "openai/o3",
    "o4-mini-high",
    "claude",
    "claude-3-5-sonnet-20241022",
    "claude-sonnet-4-5",
    "anthropic/claude-opus-4-6",
    "claude-opus-4-7",
    "claude-3-haiku-20240307",
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "claude-mythos-preview",
    "gpt-5-chat-latest",
    "gpt-5.2",
]
CAPABILITIES = [
    UNKNOWN_CAPABILITIES,
    Capabilities(max_output_tokens=2000),
    Capabilities(efforts=("low", "high"), thinking_modes=("adaptive", "between_tools")),
    Capabilities(efforts=(), thinking_modes=()),
]
# Params that are set together and reported as one.
REPORTED_AS = {"schema": "format", "budget": "thinking"}


def numbers(name: str) -> st.SearchStrategy[float | int | None]:
    """None, and numbers inside, at and outside the range of a wire."""
    field = FIELDS_BY_NAME[name]
    bounds = {bound for limits in field.ranges or () for bound in (limits.minimum, limits.maximum)}
    minimum, maximum = min(bounds), max(bounds)
    inside = st.floats(minimum, maximum) if field.kind == "number" else st.integers(int(minimum), int(maximum))
    outside = [bound + step for bound in bounds for step in (-1, 0, 1)]
    convert = float if field.kind == "number" else int
    small = st.integers(1, 5000) if field.kind == "integer" else st.nothing()
    return st.none() | inside | small | st.sampled_from([convert(value) for value in outside])


def choices(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from(("", *FIELDS_BY_NAME[name].choices))


JSON_TEXTS = st.sampled_from(["", "{}", '{"7": -100}'])
PARAMS = st.builds(
    Params,
    **{field.name: numbers(field.name) for field in PARAM_FIELDS if field.ranges},
    **{field.name: choices(field.name) for field in PARAM_FIELDS if field.choices},
    system=st.sampled_from(["", "Be kind."]),
    logit_bias=JSON_TEXTS,
    schema=JSON_TEXTS,
    stop=st.lists(st.sampled_from("abcdef"), max_size=6, unique=True).map(tuple),
    user=st.sampled_from(["", "u-1"]),
    prompt_cache_key=st.sampled_from(["", "k"]),
    stream=st.booleans(),
    web_search=st.booleans(),
)


def read_body(wire: Wire, model: str, params: Params, capabilities: Capabilities) -> dict[str, Any]:
    """The params in a request body, under the names of Params."""
    body = WIRE_MODULES[wire].body(model, QUESTION, params, capabilities)
    unchanged_names = (
        "temperature",
        "top_p",
        "top_k",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "n",
        "stream",
    )
    sent = {name: body.get(name) for name in unchanged_names}
    if wire == "openai":
        first_message, response_format = body["messages"][0], body.get("response_format", {})
        sent |= {
            "system": first_message["content"] if first_message["role"] == "system" else "",
            "max_tokens": body.get("max_completion_tokens", body.get("max_tokens")),
            "effort": body.get("reasoning_effort", ""),
            "stop": tuple(body.get("stop", ())),
            "user": body.get("user", ""),
            "verbosity": body.get("verbosity", ""),
            "prompt_cache_key": body.get("prompt_cache_key", ""),
            "logit_bias": json.dumps(body["logit_bias"]) if "logit_bias" in body else "",
            "format": {"json_object": "json", "json_schema": "schema"}.get(response_format.get("type"), ""),
            "schema": json.dumps(response_format["json_schema"]["schema"]) if "json_schema" in response_format else "",
            "web_search": "web_search_options" in body,
            "search_context": body.get("web_search_options", {}).get("search_context_size", ""),
        }
        return sent
    output_config, thinking = body.get("output_config", {}), body.get("thinking", {})
    modes = {"adaptive": "adaptive", "enabled": "budget", "disabled": "off", "between_tools": "off"}
    sent |= {
        "system": body.get("system", ""),
        "max_tokens": body["max_tokens"],
        "effort": output_config.get("effort", ""),
        "stop": tuple(body.get("stop_sequences", ())),
        "user": body.get("metadata", {}).get("user_id", ""),
        "thinking": modes.get(thinking.get("type"), ""),
        "budget": thinking.get("budget_tokens"),
        "display": thinking.get("display", ""),
        "cache": body["cache_control"].get("ttl", "5m") if "cache_control" in body else "off",
        "format": "schema" if "format" in output_config else "",
        "schema": json.dumps(output_config["format"]["schema"]) if "format" in output_config else "",
        "web_search": "tools" in body,
        "search_uses": body["tools"][0]["max_uses"] if "tools" in body else None,
    }
    return sent


@settings(deadline=None, max_examples=count_examples(100))
@given(
    wire=st.sampled_from(list(WIRE_MODULES)),
    model=st.sampled_from(MODELS),
    params=PARAMS,
    capabilities=st.sampled_from(CAPABILITIES),
)
def test_every_param_sent_differently_is_reported_and_no_other(
    wire: Wire, model: str, params: Params, capabilities: Capabilities
) -> None:
    sent = read_body(wire, model, params, capabilities)
    adjustments = dropped_params(Target(model, wire), params, capabilities)
    set_names = {name for name in FIELDS_BY_NAME if getattr(params, name) != getattr(Params(), name)}
    changed = {name for name in set_names if getattr(params, name) != sent.get(name)}
    reported = {name for adjustment in adjustments for name in adjustment.param_names.split(",")}
    if not params.web_search:  # its options are kept for when it is on
        changed -= {name for name in FIELDS_BY_NAME if is_search_param(name)}
    changed -= {name for name, field in FIELDS_BY_NAME.items() if field.group == "image"}  # of other targets
    grouped = [{REPORTED_AS.get(name, name) for name in group} for group in (changed, reported)]
    assert grouped[0] == grouped[1], adjustments
    for adjustment in adjustments:
        if adjustment.code in ("clamped", "claude_temperature", "budget_lowered", "output_limit"):
            assert float(adjustment.value) == pytest.approx(sent[adjustment.param_names], rel=1e-5), adjustment
        elif adjustment.code in ("stops", "sent_as"):
            assert adjustment.value == str(
                len(sent["stop"]) if adjustment.code == "stops" else sent[adjustment.param_names]
            )


@pytest.mark.parametrize("wire", WIRE_MODULES)
@pytest.mark.parametrize("model", MODELS)
def test_defaults_are_not_reported(model: str, wire: Wire) -> None:
    assert dropped_params(Target(model, wire), Params()) == []


@pytest.mark.parametrize(
    ("model", "params", "adjustment"),
    [
        ("m", Params(temperature=1.5), ParamAdjustment("clamped", "temperature", "1")),
        ("m", Params(max_tokens=2_000_000), ParamAdjustment("clamped", "max_tokens", "1000000")),
        ("m", Params(seed=1), ParamAdjustment("not_on_wire", "seed")),
        ("m", Params(effort="minimal"), ParamAdjustment("sent_as", "effort", "low")),
        ("m", Params(display="omitted"), ParamAdjustment("display_needs", "display")),
        ("m", Params(verbosity="low"), ParamAdjustment("not_on_wire", "verbosity")),
        ("m", Params(prompt_cache_key="k"), ParamAdjustment("not_on_wire", "prompt_cache_key")),
        ("claude-3-haiku-20240307", Params(max_tokens=8192), ParamAdjustment("output_limit", "max_tokens", "4096")),
        ("claude-opus-5-5", Params(thinking="off"), ParamAdjustment("always_thinks", "thinking")),
        ("claude-sonnet-4-5", Params(thinking="adaptive"), ParamAdjustment("as_budget", "thinking")),
        ("m", Params(effort="none"), ParamAdjustment("thinking_off", "effort")),
        ("m", Params(effort="none", thinking="adaptive"), ParamAdjustment("thinking_off", "effort,thinking")),
        (
            "m",
            Params(effort="none", thinking="budget", budget=5),
            ParamAdjustment("thinking_off", "effort,thinking,budget"),
        ),
        ("m", Params(effort="none", thinking="off"), ParamAdjustment("thinking_off", "effort")),
        ("m", Params(format="json"), ParamAdjustment("schema_only", "format")),
        ("m", Params(format="schema"), ParamAdjustment("schema_needs", "schema")),
        ("m", Params(schema="{}"), ParamAdjustment("schema_needs", "schema")),
        ("m", Params(budget=2048), ParamAdjustment("budget_needs", "budget")),
        ("m", Params(thinking="budget", max_tokens=500), ParamAdjustment("no_room", "budget")),
        (
            "m",
            Params(thinking="budget", budget=4000, max_tokens=3000),
            ParamAdjustment("budget_lowered", "budget", "2400"),
        ),
        ("gpt-5", Params(temperature=0.5, top_p=0.5), ParamAdjustment("family", "temperature,top_p")),
        ("claude-opus-4-7", Params(thinking="budget", budget=2048), ParamAdjustment("adaptive", "budget")),
        ("claude-opus-4-7", Params(temperature=0.3, top_k=2), ParamAdjustment("family", "temperature,top_k")),
        ("claude-sonnet-4-5", Params(temperature=0.3, top_p=0.5), ParamAdjustment("one_sampler", "top_p")),
        (
            "claude-sonnet-4-5",
            Params(temperature=0.3, thinking="budget"),
            ParamAdjustment("with_thinking", "temperature"),
        ),
    ],
)
def test_dropped_params_of_anthropic(model: str, params: Params, adjustment: ParamAdjustment) -> None:
    assert dropped_params(Target(model, "anthropic"), params) == [adjustment]


@pytest.mark.parametrize(
    ("model", "params", "adjustments"),
    [
        ("m", Params(temperature=3.0), [ParamAdjustment("clamped", "temperature", "2")]),
        ("claude", Params(temperature=3.0), [ParamAdjustment("claude_temperature", "temperature", "1")]),
        ("gpt-5", Params(temperature=3.0), [ParamAdjustment("family", "temperature")]),
        ("o3", Params(stop=tuple("abcde")), [ParamAdjustment("family", "stop")]),
        ("gpt-5", Params(stop=tuple("abcde")), [ParamAdjustment("family", "stop")]),
        ("gpt-6", Params(stop=tuple("abcde")), [ParamAdjustment("stops", "stop", "4")]),
        ("m", Params(cache="1h"), [ParamAdjustment("automatic", "cache")]),
        ("m", Params(display="omitted"), [ParamAdjustment("not_on_wire", "display")]),
        ("gpt-4o", Params(verbosity="low"), [ParamAdjustment("family", "verbosity")]),
        ("m", Params(top_k=1), [ParamAdjustment("not_on_wire", "top_k")]),
        (
            "claude-sonnet-4-5",
            Params(thinking="budget", temperature=0.3),
            [ParamAdjustment("not_on_wire", "thinking")],
        ),
        ("claude-opus-4-7", Params(thinking="budget"), [ParamAdjustment("not_on_wire", "thinking")]),
    ],
)
def test_dropped_params_of_openai(model: str, params: Params, adjustments: list[ParamAdjustment]) -> None:
    assert dropped_params(Target(model, "openai"), params) == adjustments


@pytest.mark.parametrize("language", ["en", "zh"])
@settings(deadline=None, max_examples=count_examples(100))
@given(wire=st.sampled_from(list(WIRE_MODULES)), model=st.sampled_from(MODELS), params=PARAMS)
def test_every_adjustment_has_a_text(language: str, wire: Wire, model: str, params: Params) -> None:
    texts = json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))
    for adjustment in dropped_params(Target(model, wire), params):
        text = texts[f"param_adjustment.{adjustment.code}"].format(field="Field", value=adjustment.value, wire="Wire")
        assert text.startswith("Field") and adjustment.value in text
        assert all(f"param.{name}" in texts for name in adjustment.param_names.split(","))


ONLY_OPENAI = {
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "seed",
    "n",
    "verbosity",
    "prompt_cache_key",
}


SEARCH = {name for name in FIELDS_BY_NAME if is_search_param(name)}


@pytest.mark.parametrize(
    ("target", "unsupported"),
    [
        (Target("m", "openai"), {"top_k", "thinking", "budget", "display"} | SEARCH),
        (Target("m", "anthropic"), ONLY_OPENAI | SEARCH),
        (Target("gpt-4o", "openai"), {"top_k", "thinking", "budget", "display", "verbosity"} | SEARCH),
        (
            Target("o3", "openai"),
            {"top_k", "thinking", "budget", "display", "verbosity", "temperature", "top_p", "stop"}
            | {"presence_penalty", "frequency_penalty", "logit_bias"}
            | SEARCH,
        ),
        (
            Target("claude-opus-4-7", "anthropic"),
            ONLY_OPENAI | {"temperature", "top_p", "top_k", "search_context"},
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, Target) else "",
)
def test_unsupported_params(target: Target, unsupported: set[str]) -> None:
    assert unsupported_params(target) == unsupported
    assert set(EFFORT_LEVELS) == set(FIELDS_BY_NAME["effort"].choices)


def user(*texts: str) -> Message:
    return Message("user", tuple(map(TextPart, texts)))


def assistant(text: str, thinking: str = "") -> Message:
    return Message("assistant", (ThinkingPart(thinking), TextPart(text)) if thinking else (TextPart(text),))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([], []),
        ([user("a")], [("user", "a")]),
        ([user("a"), assistant("b"), user("c")], [("user", "a"), ("assistant", "b"), ("user", "c")]),
        ([user("a"), user("b")], [("user", "a\n\nb")]),
        ([user("a"), user("b"), user("c")], [("user", "a\n\nb\n\nc")]),
        ([user("a"), assistant(""), user("b")], [("user", "a\n\nb")]),
        ([user("a"), assistant(" \n"), user("b")], [("user", "a\n\nb")]),
        ([user("a"), assistant("", "only a thought"), user("b")], [("user", "a\n\nb")]),
        ([assistant("hello"), user("a")], [("user", "a")]),
        ([assistant("hello"), assistant("again"), user("a")], [("user", "a")]),
        ([user(" "), assistant("hello"), user("a")], [("user", "a")]),
        (
            [user("a"), assistant("b"), assistant("c"), user("d")],
            [("user", "a"), ("assistant", "b\n\nc"), ("user", "d")],
        ),
        ([user("  a  ")], [("user", "  a  ")]),
        ([user(""), user("")], []),
    ],
)
def test_messages_are_normalized_for_both_wires(path: list[Message], expected: list[tuple[str, str]]) -> None:
    before = list(path)
    assert [(message.role, message.text) for message in normalize_messages(path)] == expected
    assert path == before
