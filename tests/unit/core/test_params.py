"""Parameters: the table of them, what is typed into them, and what was saved of them."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.params import (
    FIELDS_BY_NAME,
    PARAM_FIELDS,
    ParamAdjustment,
    ParamField,
    Params,
    clamp_params,
    load_params,
    merge_patch,
    parse_json_object,
    parse_stop_sequences,
)
from lib.core.target import WIRES, Wire

LOCALES = Path(__file__).parents[3] / "lib" / "locale"
EXTRAS = {"area": "example", "lines": "example", "json": "example"}
each_field = pytest.mark.parametrize("field", PARAM_FIELDS, ids=lambda field: field.name)


def test_every_parameter_stands_in_the_table_once() -> None:
    assert sorted(field.name for field in PARAM_FIELDS) == sorted(field.name for field in fields(Params))
    assert [FIELDS_BY_NAME[field.name] for field in PARAM_FIELDS] == list(PARAM_FIELDS)


@each_field
def test_a_parameter_is_set_in_a_way_that_fits_it(field: ParamField) -> None:
    default = getattr(Params(), field.name)
    assert bool(field.choices) == (field.kind == "choice")
    assert (field.ranges is not None) == (field.kind in ("number", "integer"))
    assert (default is None) == (field.ranges is not None)
    assert any(field.wire_name(wire) for wire in WIRES)
    for limits in field.ranges or ():
        assert limits.minimum < limits.maximum and 0 < field.step <= limits.maximum - limits.minimum


@pytest.mark.parametrize("language", ["en", "zh"])
@each_field
def test_every_parameter_and_every_choice_has_its_words(field: ParamField, language: str) -> None:
    words = json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))
    needed = [f"param.{field.name}", f"param.{field.name}_help"]
    needed += [f"param.{field.name}_{EXTRAS[field.kind]}"] if field.kind in EXTRAS else []
    needed += [f"{field.name}.{choice}" for choice in field.choices]
    needed += [f"params.{field.group}"] if field.group != "basic" else []
    assert [key for key in needed if not words.get(key, "").strip()] == []


@pytest.mark.parametrize(
    ("wire", "given_", "meant", "value"),
    [
        ("openai", {"temperature": 2.5}, {"temperature": 2.0}, "2"),
        ("openai", {"temperature": -0.1}, {"temperature": 0.0}, "0"),
        ("anthropic", {"temperature": 1.5}, {"temperature": 1.0}, "1"),
        ("openai", {"presence_penalty": -9.0}, {"presence_penalty": -2.0}, "-2"),
        ("openai", {"n": 0}, {"n": 1}, "1"),
        ("openai", {"max_tokens": 2_000_000}, {"max_tokens": 1_000_000}, "1000000"),
        ("openai", {"seed": 2**53}, {"seed": 2**53 - 1}, str(2**53 - 1)),
        ("anthropic", {"budget": 5}, {"budget": 1024}, "1024"),
    ],
)
def test_a_number_is_brought_inside_what_the_wire_takes(
    wire: Wire, given_: dict[str, Any], meant: dict[str, Any], value: str
) -> None:
    (name,) = given_
    fitting, losses = clamp_params(wire, Params(**given_))
    assert fitting == Params(**meant)
    assert type(getattr(fitting, name)) is type(given_[name])
    assert losses == [ParamAdjustment("clamped", name, value)]


@pytest.mark.parametrize(
    ("wire", "params"),
    [
        ("openai", Params()),
        ("anthropic", Params()),
        ("openai", Params(temperature=2.0, top_p=0.0, n=128, seed=-5)),
        ("anthropic", Params(temperature=0.0, top_k=1, budget=1024)),
        ("openai", Params(top_k=0, budget=1)),
        ("anthropic", Params(n=500, seed=2**60, presence_penalty=9.0)),
    ],
)
def test_what_fits_or_is_not_on_the_wire_is_left_alone(wire: Wire, params: Params) -> None:
    assert clamp_params(wire, params) == (params, [])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", {}),
        (" \n", {}),
        ("{}", {}),
        (' {"a": [1, null, "世"]}\n', {"a": [1, None, "世"]}),
        ('{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_a_json_object_that_was_typed(text: str, meant: dict[str, Any]) -> None:
    assert parse_json_object(text) == meant


@pytest.mark.parametrize(
    "text",
    ["[]", "1", "null", '"a"', "{", "{'a': 1}", '{"a": 1,}', '{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}']
    + ['{"a": [[-1e999]]}', "{} {}", "a", '{"a":' * 50_000, "[" * 50_000, '{"a": ' + "9" * 5_000 + "}"],
    ids=lambda text: text[:12],
)
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json_object(text)


@given(
    st.text(max_size=30) | st.sampled_from(["{", "}", '{"a":', "1e400}"]).flatmap(lambda a: st.just(a * 2))
)
def test_whatever_is_typed_is_an_object_that_can_be_sent_or_is_refused(text: str) -> None:
    try:
        found = parse_json_object(text)
    except ValueError:
        return
    assert isinstance(found, dict)
    json.dumps(found, allow_nan=False)


# The examples of RFC 7386, those whose both sides are objects, and some more.
MERGES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    (
        {"title": "Goodbye!", "author": {"givenName": "John", "familyName": "Doe"}, "tags": ["a", "b"]},
        {"title": "Hello!", "phone": "+1", "author": {"familyName": None}, "tags": ["a"]},
        {"title": "Hello!", "author": {"givenName": "John"}, "tags": ["a"], "phone": "+1"},
    ),
    ({"a": 1}, {}, {"a": 1}),
    ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
    ({"a": 1}, {"b": None}, {"a": 1}),
    ({"a": True}, {"a": False, "b": ""}, {"a": False, "b": ""}),
]


@pytest.mark.parametrize(("body", "patch", "meant"), MERGES)
def test_a_patch_is_merged_as_the_rfc_says(
    body: dict[str, Any], patch: dict[str, Any], meant: dict[str, Any]
) -> None:
    before = json.dumps([body, patch])
    assert merge_patch(body, patch) == meant
    assert json.dumps([body, patch]) == before


def test_what_was_saved_is_read_back() -> None:
    params = Params("Be kind.", 0.5, stop=("a", "\n"), thinking="adaptive", stream=False)
    assert load_params(json.loads(json.dumps(asdict(params)))) == params
    assert load_params({}) == Params()
    assert load_params({"temperature": 0.5, "verbosity": "low", "stop": ["a", 7]}) == Params(
        temperature=0.5, stop=("a", "7")
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", ()),
        ("END", ("END",)),
        ("a\nb\r\nc", ("a", "b", "c")),
        ("a\n\n\nb", ("a", "b")),
        ("a\nb\na", ("a", "b")),
        (" a ", (" a ",)),
        (r"\n", ("\n",)),
        (r"a\tb\n\n", ("a\tb\n\n",)),
        (r"\n" + "\nEND", ("\n", "END")),
    ],
)
def test_stop_sequences_stand_one_on_each_line(text: str, meant: tuple[str, ...]) -> None:
    assert parse_stop_sequences(text) == meant
