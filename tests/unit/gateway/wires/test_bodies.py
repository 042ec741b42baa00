"""The JSON of a request: each thing that can be set, as each wire and each family of models has it."""

import json
from typing import Any

import pytest

from lib.core.conversation import Message, TextPart, ThinkingPart
from lib.core.params import FIELDS_BY_NAME, Params
from lib.core.target import Wire
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.unit.gateway.recordings import QUESTION

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
AS_SCHEMA = {"type": "json_schema", "schema": SCHEMA}
NAMED_SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
SYSTEM = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "What is it?"}]


def body(wire: Wire, params: Params, model: str = "m") -> dict[str, Any]:
    return WIRE_MODULES[wire].body(model, QUESTION, params)


def set_by(wire: Wire, params: Params, model: str = "m") -> dict[str, Any]:
    """What the parameters change in a request's body; None where they take something out."""
    plain, changed = body(wire, Params(), model), body(wire, params, model)
    return {
        key: changed.get(key) for key in {**plain, **changed} if plain.get(key, ...) != changed.get(key, ...)
    }


@pytest.mark.parametrize(
    ("wire", "request_"),
    [
        (
            "openai",
            {
                "model": "m",
                "messages": [{"role": "user", "content": "What is it?"}],
                "stream": True,
                "stream_options": {"include_usage": True},
            },
        ),
        (
            "anthropic",
            {
                "model": "m",
                "max_tokens": 8192,
                "messages": [{"role": "user", "content": "What is it?"}],
                "stream": True,
            },
        ),
    ],
)
def test_a_request_with_nothing_set(wire: Wire, request_: dict[str, Any]) -> None:
    assert body(wire, Params()) == request_


# The rows of the reference's table of request fields, by their names: what is set, and what it changes in
# the body over OpenAI's wire and over Anthropic's.
FIELDS: dict[str, tuple[Params, dict[str, Any], dict[str, Any]]] = {
    "system prompt": (Params(system="Be kind."), {"messages": SYSTEM}, {"system": "Be kind."}),
    "output cap": (Params(max_tokens=9), {"max_tokens": 9}, {"max_tokens": 9}),
    "temperature": (Params(temperature=0.7), {"temperature": 0.7}, {"temperature": 0.7}),
    "temperature of 0": (Params(temperature=0.0), {"temperature": 0.0}, {"temperature": 0.0}),
    "temperature of 2": (Params(temperature=2.0), {"temperature": 2.0}, {"temperature": 1.0}),
    "temperature above all": (Params(temperature=9.5), {"temperature": 2.0}, {"temperature": 1.0}),
    "top_p": (Params(top_p=0.9), {"top_p": 0.9}, {"top_p": 0.9}),
    "top_p above 1": (Params(top_p=1.5), {"top_p": 1.0}, {"top_p": 1.0}),
    "top_k": (Params(top_k=5), {}, {"top_k": 5}),
    "penalties": (
        Params(presence_penalty=0.5, frequency_penalty=-3.0),
        {"presence_penalty": 0.5, "frequency_penalty": -2.0},
        {},
    ),
    "n": (Params(n=2), {"n": 2}, {}),
    "n above 128": (Params(n=500), {"n": 128}, {}),
    "logit_bias": (Params(logit_bias='{"7": -100}'), {"logit_bias": {"7": -100}}, {}),
    "seed": (Params(seed=0), {"seed": 0}, {}),
    "stop": (Params(stop=("a", "\n")), {"stop": ["a", "\n"]}, {"stop_sequences": ["a"]}),
    "stop, more than four": (
        Params(stop=tuple("abcde")),
        {"stop": ["a", "b", "c", "d"]},
        {"stop_sequences": ["a", "b", "c", "d", "e"]},
    ),
    "stop, of blanks alone": (Params(stop=(" ",)), {"stop": [" "]}, {}),
    "user id": (Params(user="u-1"), {"user": "u-1"}, {"metadata": {"user_id": "u-1"}}),
    "reasoning depth: none": (
        Params(effort="none"),
        {"reasoning_effort": "none"},
        {"thinking": {"type": "disabled"}},
    ),
    "reasoning depth: minimal": (
        Params(effort="minimal"),
        {"reasoning_effort": "minimal"},
        {"output_config": {"effort": "low"}},
    ),
    **{
        f"reasoning depth: {effort}": (
            Params(effort=effort),
            {"reasoning_effort": effort},
            {"output_config": {"effort": effort}},
        )
        for effort in ("low", "medium", "high", "xhigh", "max")
    },
    "thinking, adaptive": (Params(thinking="adaptive"), {}, {"thinking": {"type": "adaptive"}}),
    "thinking, disabled": (Params(thinking="off"), {}, {"thinking": {"type": "disabled"}}),
    "thinking, by the least budget": (
        Params(thinking="budget", budget=5),
        {},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 8192 + 1024},
    ),
    "thinking, by a budget below the cap": (
        Params(thinking="budget", budget=2048, max_tokens=4000),
        {"max_tokens": 4000},
        {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4000},
    ),
    "thinking, by a budget above the cap": (
        Params(thinking="budget", budget=9000, max_tokens=5000),
        {"max_tokens": 5000},
        {"thinking": {"type": "enabled", "budget_tokens": 4000}, "max_tokens": 5000},
    ),
    "thinking, without room below the cap": (
        Params(thinking="budget", budget=9000, max_tokens=1000),
        {"max_tokens": 1000},
        {"max_tokens": 1000},
    ),
    "stream usage, without a stream": (
        Params(stream=False),
        {"stream": False, "stream_options": None},
        {"stream": False},
    ),
    "prompt cache": (Params(cache="5m"), {}, {"cache_control": {"type": "ephemeral"}}),
    "prompt cache for an hour": (
        Params(cache="1h"),
        {},
        {"cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ),
    "format: any JSON": (Params(format="json"), {"response_format": {"type": "json_object"}}, {}),
    "format: by a schema": (
        Params(format="schema", schema=json.dumps(SCHEMA)),
        {"response_format": NAMED_SCHEMA},
        {"output_config": {"format": AS_SCHEMA}},
    ),
    "format: by a schema that is not there": (Params(format="schema"), {}, {}),
    "format: a schema that is not asked for": (Params(schema="{}"), {}, {}),
    "unknown keys": (
        Params(extra='{"verbosity": "low", "stream": null, "max_tokens": 7}'),
        {"verbosity": "low", "stream": None, "max_tokens": 7},
        {"verbosity": "low", "stream": None, "max_tokens": 7},
    ),
}


@pytest.mark.parametrize("row", FIELDS)
def test_request_fields_row_by_row(row: str) -> None:
    params, openai, anthropic = FIELDS[row]
    assert (set_by("openai", params), set_by("anthropic", params)) == (openai, anthropic)


ALL = Params(temperature=0.7, top_p=0.9, top_k=5, presence_penalty=1.0, stop=("a",), max_tokens=9)
THINKS = Params(thinking="budget", budget=2048, temperature=0.3, top_p=0.5, top_k=3)
ENABLED = {"type": "enabled", "budget_tokens": 2048}
LONGER = 8192 + 2048

# What families of models take, some of them by a name with a folder before it or a step of effort behind.
FAMILIES: dict[tuple[str, Wire, Params], dict[str, Any]] = {
    ("gpt-4o", "openai", ALL): {
        "temperature": 0.7,
        "top_p": 0.9,
        "presence_penalty": 1.0,
        "stop": ["a"],
        "max_tokens": 9,
    },
    **{
        (model, "openai", ALL): {"stop": ["a"], "max_completion_tokens": 9}
        for model in ("o1", "gpt-5", "gpt-5-mini-high", "openai/gpt-5.2", "O9", "gpt-6")
    },
    **{
        (model, "openai", ALL): {"max_completion_tokens": 9}
        for model in ("o3", "o3-mini-high", "openai/o3", "o4-mini", "o4-mini-2025-04-16")
    },
    **{
        (model, "openai", Params(max_tokens=9)): {"max_tokens": 9}
        for model in ("olmo-2", "claude-x", "gpt-4.1", "o", "gpt-50", "o33b", "qwen/qwo1")
    },
    ("claude-3-5-sonnet", "anthropic", ALL): {
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 5,
        "stop_sequences": ["a"],
        "max_tokens": 9,
    },
    **{
        (model, "anthropic", ALL): {
            "temperature": 0.7,
            "top_k": 5,
            "stop_sequences": ["a"],
            "max_tokens": 9,
        }
        for model in ("claude-sonnet-4-5", "claude-opus-4-6", "anthropic/claude-opus-4.5-20251101")
    },
    **{
        (model, "anthropic", ALL): {"stop_sequences": ["a"], "max_tokens": 9}
        for model in ("claude-opus-4-7", "claude-opus-4-7-high", "claude-sonnet-5", "claude-opus-10")
    },
    ("claude-opus-4-7", "anthropic", Params(temperature=1.0, top_p=1.0)): {"temperature": 1.0},
    ("claude-opus-4-7", "openai", Params(temperature=1.7)): {"temperature": 1.0},
    ("claude-3-opus", "openai", Params(temperature=1.7)): {"temperature": 1.0},
    ("claude-opus-4-7", "anthropic", THINKS): {"thinking": {"type": "adaptive"}},
    ("claude-sonnet-4-5", "anthropic", THINKS): {"thinking": ENABLED, "max_tokens": LONGER},
    ("claude-3-7-sonnet", "anthropic", Params(thinking="adaptive", temperature=1.0, top_p=0.95)): {
        "thinking": {"type": "adaptive"},
        "temperature": 1.0,
        "top_p": 0.95,
    },
    ("glm-4.7", "anthropic", THINKS): {
        "thinking": ENABLED,
        "max_tokens": LONGER,
        "temperature": 0.3,
        "top_p": 0.5,
        "top_k": 3,
    },
}


@pytest.mark.parametrize(("model", "wire", "params"), FAMILIES, ids=lambda value: str(value)[:20])
def test_what_families_of_models_take(model: str, wire: Wire, params: Params) -> None:
    assert set_by(wire, params, model) == FAMILIES[model, wire, params]
    assert body(wire, params, model)["model"] == model


def test_every_parameter_is_in_the_table() -> None:
    untouched = Params()
    tried = {
        name
        for params, *_ in FIELDS.values()
        for name in FIELDS_BY_NAME
        if getattr(params, name) != getattr(untouched, name)
    }
    assert tried == set(FIELDS_BY_NAME)


SIGNED, SEALED = ThinkingPart("hm", "sig"), ThinkingPart("", sealed="abc")


@pytest.mark.parametrize(
    ("thoughts", "sent"),
    [
        ((), "4"),
        ((ThinkingPart("hm"),), "4"),
        (
            (SIGNED,),
            [{"type": "thinking", "thinking": "hm", "signature": "sig"}, {"type": "text", "text": "4"}],
        ),
        ((SEALED,), [{"type": "redacted_thinking", "data": "abc"}, {"type": "text", "text": "4"}]),
        (
            (ThinkingPart("hm"), ThinkingPart("", "sig")),
            [{"type": "thinking", "thinking": "", "signature": "sig"}, {"type": "text", "text": "4"}],
        ),
    ],
    ids=["none", "unsigned", "signed", "sealed", "one of each"],
)
def test_thinking_is_sent_back_to_its_maker_only_and_only_signed(
    thoughts: tuple[ThinkingPart, ...], sent: Any
) -> None:
    path = [*QUESTION, Message("assistant", (*thoughts, TextPart("4"))), *QUESTION]
    asked = {"role": "user", "content": "What is it?"}
    answers = {"openai": "4", "anthropic": sent}
    for wire, answer in answers.items():
        messages = WIRE_MODULES[wire].body("m", path, Params())["messages"]
        assert messages == [asked, {"role": "assistant", "content": answer}, asked]


def test_the_headers_carry_one_credential() -> None:
    bearer, version = {"Authorization": "Bearer k"}, {"anthropic-version": "2023-06-01"}
    assert WIRE_MODULES["openai"].headers("k") == bearer
    assert WIRE_MODULES["anthropic"].headers("k") == {**bearer, **version}
    assert (WIRE_MODULES["openai"].headers(""), WIRE_MODULES["anthropic"].headers("")) == ({}, version)
