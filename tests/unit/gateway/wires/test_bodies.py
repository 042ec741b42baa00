"""Request bodies: each param on each wire, and for the model families with their own rules."""

import json
from dataclasses import replace
from typing import Any

import pytest

from lib.core.conversation import Message, TextPart, ThinkingPart
from lib.core.params import PARAM_FIELDS, Params
from lib.core.target import Wire
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.unit.gateway.recordings import QUESTION

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
OUTPUT_FORMAT = {"type": "json_schema", "schema": SCHEMA}
RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
SYSTEM_MESSAGES = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "What is it?"}]


def body(wire: Wire, params: Params, model: str = "m") -> dict[str, Any]:
    return WIRE_MODULES[wire].body(model, QUESTION, params)


SEARCH_PARAMS = Params(
    web_search=True,
    search_context="high",
    search_uses=3,
    search_domains=("https://a.example/", "*.b.example/docs"),
    search_blocked=("c.example",),
    search_country="de",
    search_city="Munich",
)


def changes_of(wire: Wire, params: Params, model: str = "m") -> dict[str, Any]:
    """Fields of the body that the params change; None for a removed one."""
    default_body, changed_body = body(wire, Params(), model), body(wire, params, model)
    return {
        key: changed_body.get(key)
        for key in {**default_body, **changed_body}
        if default_body.get(key, ...) != changed_body.get(key, ...)
    }


@pytest.mark.parametrize(
    ("wire", "expected"),
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
def test_body_of_default_params(wire: Wire, expected: dict[str, Any]) -> None:
    assert body(wire, Params()) == expected


# Params, and the fields that they change in the bodies of OpenAI's and Anthropic's wire.
CASES: dict[str, tuple[Params, dict[str, Any], dict[str, Any]]] = {
    "system prompt": (Params(system="Be kind."), {"messages": SYSTEM_MESSAGES}, {"system": "Be kind."}),
    "max_tokens": (Params(max_tokens=9), {"max_tokens": 9}, {"max_tokens": 9}),
    "temperature": (Params(temperature=0.7), {"temperature": 0.7}, {"temperature": 0.7}),
    "temperature of 0": (Params(temperature=0.0), {"temperature": 0.0}, {"temperature": 0.0}),
    "temperature of 2": (Params(temperature=2.0), {"temperature": 2.0}, {"temperature": 1.0}),
    "temperature above both ranges": (Params(temperature=9.5), {"temperature": 2.0}, {"temperature": 1.0}),
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
    "stop, only whitespace": (Params(stop=(" ",)), {"stop": [" "]}, {}),
    "user": (Params(user="u-1"), {"user": "u-1"}, {"metadata": {"user_id": "u-1"}}),
    "effort: none": (
        Params(effort="none"),
        {"reasoning_effort": "none"},
        {"thinking": {"type": "disabled"}},
    ),
    "effort: minimal": (
        Params(effort="minimal"),
        {"reasoning_effort": "minimal"},
        {"output_config": {"effort": "low"}},
    ),
    **{
        f"effort: {effort}": (
            Params(effort=effort),
            {"reasoning_effort": effort},
            {"output_config": {"effort": effort}},
        )
        for effort in ("low", "medium", "high", "xhigh", "max")
    },
    "thinking, adaptive": (Params(thinking="adaptive"), {}, {"thinking": {"type": "adaptive"}}),
    "thinking, disabled": (Params(thinking="off"), {}, {"thinking": {"type": "disabled"}}),
    "thinking, budget below the minimum": (
        Params(thinking="budget", budget=5),
        {},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 8192 + 1024},
    ),
    "thinking, budget below max_tokens": (
        Params(thinking="budget", budget=2048, max_tokens=4000),
        {"max_tokens": 4000},
        {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4000},
    ),
    "thinking, budget above max_tokens": (
        Params(thinking="budget", budget=9000, max_tokens=5000),
        {"max_tokens": 5000},
        {"thinking": {"type": "enabled", "budget_tokens": 4000}, "max_tokens": 5000},
    ),
    "thinking, max_tokens too small": (
        Params(thinking="budget", budget=9000, max_tokens=1000),
        {"max_tokens": 1000},
        {"max_tokens": 1000},
    ),
    "no stream": (
        Params(stream=False),
        {"stream": False, "stream_options": None},
        {"stream": False},
    ),
    "display of thinking": (
        Params(thinking="adaptive", display="omitted"),
        {},
        {"thinking": {"type": "adaptive", "display": "omitted"}},
    ),
    "display of thinking that is off": (
        Params(thinking="off", display="summarized"),
        {},
        {"thinking": {"type": "disabled"}},
    ),
    "verbosity": (Params(verbosity="low"), {"verbosity": "low"}, {}),
    "prompt cache key": (Params(prompt_cache_key="k"), {"prompt_cache_key": "k"}, {}),
    "prompt cache off": (Params(cache="off"), {}, {}),
    "prompt cache": (Params(cache="5m"), {}, {"cache_control": {"type": "ephemeral"}}),
    "prompt cache for an hour": (
        Params(cache="1h"),
        {},
        {"cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ),
    "format: any JSON": (Params(format="json"), {"response_format": {"type": "json_object"}}, {}),
    "format: schema": (
        Params(format="schema", schema=json.dumps(SCHEMA)),
        {"response_format": RESPONSE_FORMAT},
        {"output_config": {"format": OUTPUT_FORMAT}},
    ),
    "format: schema missing": (Params(format="schema"), {}, {}),
    "format: schema without the format": (Params(schema="{}"), {}, {}),
    "web search of a model without it": (SEARCH_PARAMS, {}, {}),
    "extra": (
        Params(extra='{"verbosity": "low", "stream": null, "Model": "x", "messages": [], "max_tokens": 7}'),
        {"verbosity": "low", "max_tokens": 7},
        {"verbosity": "low", "max_tokens": 7},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_body_of_each_param(case: str) -> None:
    params, openai, anthropic = CASES[case]
    assert (changes_of("openai", params), changes_of("anthropic", params)) == (openai, anthropic)


ALL_SAMPLERS = Params(temperature=0.7, top_p=0.9, top_k=5, presence_penalty=1.0, stop=("a",), max_tokens=9)
WITH_BUDGET = Params(thinking="budget", budget=2048, temperature=0.3, top_p=0.5, top_k=3)
ENABLED_THINKING = {"type": "enabled", "budget_tokens": 2048}
MAX_TOKENS_WITH_BUDGET = 8192 + 2048

# Changed fields by model, wire and params; some models have a folder or an effort suffix in their name.
MODEL_FAMILIES: dict[tuple[str, Wire, Params], dict[str, Any]] = {
    ("gpt-4o", "openai", ALL_SAMPLERS): {
        "temperature": 0.7,
        "top_p": 0.9,
        "presence_penalty": 1.0,
        "stop": ["a"],
        "max_tokens": 9,
    },
    **{
        (model, "openai", ALL_SAMPLERS): {"stop": ["a"], "max_completion_tokens": 9}
        for model in ("o1", "O9", "gpt-5.6-luna", "gpt-6")
    },
    **{
        (model, "openai", ALL_SAMPLERS): {"max_completion_tokens": 9}
        for model in ("o3", "o3-mini-high", "openai/o3", "o4-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5-mini-high")
    },
    **{
        (model, "openai", Params(max_tokens=9)): {"max_tokens": 9}
        for model in ("olmo-2", "claude-x", "gpt-4.1", "o", "gpt-50", "o33b", "qwen/qwo1")
    },
    ("claude-3-5-sonnet", "anthropic", ALL_SAMPLERS): {
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 5,
        "stop_sequences": ["a"],
        "max_tokens": 9,
    },
    **{
        (model, "anthropic", ALL_SAMPLERS): {
            "temperature": 0.7,
            "top_k": 5,
            "stop_sequences": ["a"],
            "max_tokens": 9,
        }
        for model in ("claude-sonnet-4-5", "claude-opus-4-6", "anthropic/claude-opus-4.5-20251101")
    },
    **{
        (model, "anthropic", ALL_SAMPLERS): {"stop_sequences": ["a"], "max_tokens": 9}
        for model in ("claude-opus-4-7", "claude-opus-4-7-high", "claude-sonnet-5", "claude-opus-10")
    },
    ("claude-opus-4-7", "anthropic", Params(temperature=1.0, top_p=1.0)): {"temperature": 1.0},
    ("claude-opus-4-7", "openai", Params(temperature=1.7)): {"temperature": 1.0},
    ("claude-3-opus", "openai", Params(temperature=1.7)): {"temperature": 1.0},
    ("claude-opus-4-7", "anthropic", WITH_BUDGET): {"thinking": {"type": "adaptive", "display": "summarized"}},
    ("claude-sonnet-4-5", "anthropic", WITH_BUDGET): {
        "thinking": ENABLED_THINKING,
        "max_tokens": MAX_TOKENS_WITH_BUDGET,
    },
    ("claude-3-7-sonnet", "anthropic", Params(thinking="budget", temperature=1.0, top_p=0.95)): {
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "max_tokens": 8192 + 1024,
        "temperature": 1.0,
        "top_p": 0.95,
    },
    ("glm-4.7", "anthropic", WITH_BUDGET): {
        "thinking": ENABLED_THINKING,
        "max_tokens": MAX_TOKENS_WITH_BUDGET,
        "temperature": 0.3,
        "top_p": 0.5,
        "top_k": 3,
    },
}


@pytest.mark.parametrize(("model", "wire", "params"), MODEL_FAMILIES, ids=lambda value: str(value)[:20])
def test_params_of_model_families(model: str, wire: Wire, params: Params) -> None:
    assert changes_of(wire, params, model) == MODEL_FAMILIES[model, wire, params]
    assert body(wire, params, model)["model"] == model


PLACE = {"city": "Munich", "country": "DE"}
OPTIONS = {
    "search_context_size": "high",
    "user_location": {"type": "approximate", "approximate": PLACE},
}
TOOL: dict[str, Any] = {
    "type": "web_search_20250305",
    "name": "web_search",
    "max_uses": 3,
    "allowed_domains": ["a.example", "b.example/docs"],
    "user_location": {"type": "approximate", **PLACE},
}
DEFAULT_TOOL = {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}


def test_web_search_on_both_wires() -> None:
    claude = "anthropic/claude-sonnet-4-5"
    assert changes_of("openai", SEARCH_PARAMS, claude) == {"web_search_options": OPTIONS}
    assert changes_of("anthropic", SEARCH_PARAMS, claude) == {"tools": [TOOL]}
    blocked = replace(SEARCH_PARAMS, search_domains=())
    assert changes_of("anthropic", blocked, claude)["tools"][0]["blocked_domains"] == ["c.example"]
    on = Params(web_search=True)
    assert changes_of("openai", on, claude) == {"web_search_options": {}}
    assert changes_of("anthropic", on, claude) == {"tools": [DEFAULT_TOOL]}
    assert changes_of("anthropic", replace(SEARCH_PARAMS, web_search=False), claude) == {}


def test_tools_of_extra_json_stay_beside_the_search() -> None:
    own, later = {"name": "own", "input_schema": {}}, {"type": "web_search_20260318", "name": "web_search"}

    def tools(extra: Any) -> Any:
        params = Params(web_search=True, extra=json.dumps({"tools": extra}))
        return body("anthropic", params, "claude-opus-4-6").get("tools")

    assert tools([own]) == [own, DEFAULT_TOOL]
    assert tools([later, own]) == [later, own]
    assert tools([{"name": "web_search", "input_schema": {}}]) == [{"name": "web_search", "input_schema": {}}]
    assert tools(None) is None
    more = Params(web_search=True, extra='{"web_search_options": {"search_context_size": "low"}}')
    assert body("openai", more, "claude-opus-4-6")["web_search_options"] == {"search_context_size": "low"}


def test_every_param_has_a_case() -> None:
    defaults = Params()
    compared = {
        name
        for params, *_ in CASES.values()
        for name in (field.name for field in PARAM_FIELDS)
        if getattr(params, name) != getattr(defaults, name)
    }
    # Those of images are compared in test_images.
    assert compared == {field.name for field in PARAM_FIELDS if field.group != "image"}


@pytest.mark.parametrize(
    "thinking",
    [(), (ThinkingPart("hm"),), (ThinkingPart("hm", "sig"),), (ThinkingPart("", redacted_data="abc"),)],
    ids=["none", "unsigned", "signed", "redacted"],
)
def test_thinking_of_earlier_answers_is_not_sent_back(thinking: tuple[ThinkingPart, ...]) -> None:
    path = [*QUESTION, Message("assistant", (*thinking, TextPart("4"))), *QUESTION]
    question = {"role": "user", "content": "What is it?"}
    for wire in WIRE_MODULES.values():
        messages = wire.body("m", path, Params())["messages"]
        assert messages == [question, {"role": "assistant", "content": "4"}, question]


def test_headers_carry_one_credential() -> None:
    bearer, version = {"Authorization": "Bearer k"}, {"anthropic-version": "2023-06-01"}
    assert WIRE_MODULES["openai"].headers("k") == bearer
    assert WIRE_MODULES["anthropic"].headers("k") == {**bearer, **version}
    assert (WIRE_MODULES["openai"].headers(""), WIRE_MODULES["anthropic"].headers("")) == ({}, version)
