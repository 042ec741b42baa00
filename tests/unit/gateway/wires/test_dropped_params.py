"""What a target does not take as it was set: said of each such field, and of no other."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core.params import EFFORT_LEVELS, FIELDS_BY_NAME, PARAM_FIELDS, ParamAdjustment, Params
from lib.core.target import Target, Wire
from lib.gateway.wires.request_body import WIRE_MODULES, dropped_params, unsupported_params
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
]
# These are set together and told of together.
TOGETHER = {"schema": "format", "budget": "thinking"}


def number(name: str) -> st.SearchStrategy[float | int | None]:
    """Untouched, inside what a wire takes, at its ends and beyond them."""
    field = FIELDS_BY_NAME[name]
    ends = {end for limits in field.ranges or () for end in (limits.minimum, limits.maximum)}
    least, most = min(ends), max(ends)
    within = st.floats(least, most) if field.kind == "number" else st.integers(int(least), int(most))
    beyond = [end + step for end in ends for step in (-1, 0, 1)]
    exact = float if field.kind == "number" else int
    small = st.integers(1, 5000) if field.kind == "integer" else st.nothing()
    return st.none() | within | small | st.sampled_from([exact(value) for value in beyond])


def choice(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from(("", *FIELDS_BY_NAME[name].choices))


OBJECT = st.sampled_from(["", "{}", '{"7": -100}'])
PARAMS = st.builds(
    Params,
    **{field.name: number(field.name) for field in PARAM_FIELDS if field.ranges},
    **{field.name: choice(field.name) for field in PARAM_FIELDS if field.choices},
    system=st.sampled_from(["", "Be kind."]),
    logit_bias=OBJECT,
    schema=OBJECT,
    stop=st.lists(st.sampled_from("abcdef"), max_size=6, unique=True).map(tuple),
    user=st.sampled_from(["", "u-1"]),
    stream=st.booleans(),
)


def sent(wire: Wire, model: str, params: Params) -> dict[str, Any]:
    """What of the parameters stands in the body, read back out of it under our names."""
    body = WIRE_MODULES[wire].body(model, QUESTION, params)
    same = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "seed", "n", "stream")
    found = {name: body.get(name) for name in same}
    if wire == "openai":
        first, format_ = body["messages"][0], body.get("response_format", {})
        found |= {
            "system": first["content"] if first["role"] == "system" else "",
            "max_tokens": body.get("max_completion_tokens", body.get("max_tokens")),
            "effort": body.get("reasoning_effort", ""),
            "stop": tuple(body.get("stop", ())),
            "user": body.get("user", ""),
            "logit_bias": json.dumps(body["logit_bias"]) if "logit_bias" in body else "",
            "format": {"json_object": "json", "json_schema": "schema"}.get(format_.get("type"), ""),
            "schema": json.dumps(format_["json_schema"]["schema"]) if "json_schema" in format_ else "",
        }
        return found
    output, thinking = body.get("output_config", {}), body.get("thinking", {})
    modes = {"adaptive": "adaptive", "enabled": "budget", "disabled": "off"}
    found |= {
        "system": body.get("system", ""),
        "max_tokens": body["max_tokens"],
        "effort": output.get("effort", ""),
        "stop": tuple(body.get("stop_sequences", ())),
        "user": body.get("metadata", {}).get("user_id", ""),
        "thinking": modes.get(thinking.get("type"), ""),
        "budget": thinking.get("budget_tokens"),
        "cache": body["cache_control"].get("ttl", "5m") if "cache_control" in body else "",
        "format": "schema" if "format" in output else "",
        "schema": json.dumps(output["format"]["schema"]) if "format" in output else "",
    }
    return found


@settings(deadline=None, max_examples=200)
@given(wire=st.sampled_from(list(WIRE_MODULES)), model=st.sampled_from(MODELS), params=PARAMS)
def test_a_loss_is_told_of_what_goes_out_otherwise_and_of_nothing_else(
    wire: Wire, model: str, params: Params
) -> None:
    found, lost = sent(wire, model, params), dropped_params(Target(model, wire), params)
    touched = {name for name in FIELDS_BY_NAME if getattr(params, name) != getattr(Params(), name)}
    changed = {name for name in touched if getattr(params, name) != found.get(name)}
    told = {name for loss in lost for name in loss.param_names.split(",")}
    together = [{TOGETHER.get(name, name) for name in names} for names in (changed, told)]
    assert together[0] == together[1], lost
    for loss in lost:
        if loss.code in ("clamped", "claude_temperature", "budget_lowered"):
            assert float(loss.value) == pytest.approx(found[loss.param_names], rel=1e-5), loss
        elif loss.code in ("stops", "sent_as"):
            assert loss.value == str(len(found["stop"]) if loss.code == "stops" else found[loss.param_names])


@pytest.mark.parametrize("wire", WIRE_MODULES)
@pytest.mark.parametrize("model", MODELS)
def test_of_what_is_untouched_no_loss_is_told(model: str, wire: Wire) -> None:
    assert dropped_params(Target(model, wire), Params()) == []


@pytest.mark.parametrize(
    ("model", "params", "loss"),
    [
        ("m", Params(temperature=1.5), ParamAdjustment("clamped", "temperature", "1")),
        ("m", Params(max_tokens=2_000_000), ParamAdjustment("clamped", "max_tokens", "1000000")),
        ("m", Params(seed=1), ParamAdjustment("not_on_wire", "seed")),
        ("m", Params(effort="minimal"), ParamAdjustment("sent_as", "effort", "low")),
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
            Params(temperature=0.3, thinking="adaptive"),
            ParamAdjustment("with_thinking", "temperature"),
        ),
    ],
)
def test_the_rules_of_anthropics_wire(model: str, params: Params, loss: ParamAdjustment) -> None:
    assert dropped_params(Target(model, "anthropic"), params) == [loss]


@pytest.mark.parametrize(
    ("model", "params", "lost"),
    [
        ("m", Params(temperature=3.0), [ParamAdjustment("clamped", "temperature", "2")]),
        ("claude", Params(temperature=3.0), [ParamAdjustment("claude_temperature", "temperature", "1")]),
        ("gpt-5", Params(temperature=3.0), [ParamAdjustment("family", "temperature")]),
        ("o3", Params(stop=tuple("abcde")), [ParamAdjustment("family", "stop")]),
        ("gpt-5", Params(stop=tuple("abcde")), [ParamAdjustment("stops", "stop", "4")]),
        ("m", Params(cache="1h"), [ParamAdjustment("automatic", "cache")]),
        ("m", Params(top_k=1), [ParamAdjustment("not_on_wire", "top_k")]),
        (
            "claude-sonnet-4-5",
            Params(thinking="budget", temperature=0.3),
            [ParamAdjustment("not_on_wire", "thinking")],
        ),
        ("claude-opus-4-7", Params(thinking="budget"), [ParamAdjustment("not_on_wire", "thinking")]),
    ],
)
def test_the_rules_of_openais_wire(model: str, params: Params, lost: list[ParamAdjustment]) -> None:
    assert dropped_params(Target(model, "openai"), params) == lost


@pytest.mark.parametrize("language", ["en", "zh"])
@settings(deadline=None, max_examples=100)
@given(wire=st.sampled_from(list(WIRE_MODULES)), model=st.sampled_from(MODELS), params=PARAMS)
def test_every_loss_has_its_words(language: str, wire: Wire, model: str, params: Params) -> None:
    words = json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))
    for loss in dropped_params(Target(model, wire), params):
        said = words[f"loss.{loss.code}"].format(field="Field", value=loss.value, wire="Wire")
        assert said.startswith("Field") and loss.value in said
        assert all(f"param.{name}" in words for name in loss.param_names.split(","))


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        (Target("m", "openai"), {"top_k", "thinking", "budget"}),
        (Target("m", "anthropic"), {"presence_penalty", "frequency_penalty", "logit_bias", "seed", "n"}),
        (Target("gpt-4o", "openai"), {"top_k", "thinking", "budget"}),
        (
            Target("o3", "openai"),
            {"top_k", "thinking", "budget", "temperature", "top_p", "stop"}
            | {"presence_penalty", "frequency_penalty", "logit_bias"},
        ),
        (
            Target("claude-opus-4-7", "anthropic"),
            {"presence_penalty", "frequency_penalty", "logit_bias", "seed", "n"}
            | {"temperature", "top_p", "top_k"},
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, Target) else "",
)
def test_what_a_target_takes_in_no_form(target: Target, refused: set[str]) -> None:
    assert unsupported_params(target) == refused
    assert set(EFFORT_LEVELS) == set(FIELDS_BY_NAME["effort"].choices)
