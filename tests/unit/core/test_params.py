"""Parameters: field table, parsing of input, and saved values."""

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
from lib.core.target import ALL_WIRES, Wire

LOCALES = Path(__file__).parents[3] / "lib" / "locale"
EXTRAS = {"area": "example", "lines": "example", "json": "example"}
each_field = pytest.mark.parametrize("field", PARAM_FIELDS, ids=lambda field: field.name)


def test_every_parameter_is_in_the_field_table_once() -> None:
    assert sorted(field.name for field in PARAM_FIELDS) == sorted(field.name for field in fields(Params))
    assert [FIELDS_BY_NAME[field.name] for field in PARAM_FIELDS] == list(PARAM_FIELDS)


@each_field
def test_field_kinds_match_their_ranges_and_defaults(field: ParamField) -> None:
    default = getattr(Params(), field.name)
    assert bool(field.choices) == (field.kind == "choice")
    assert (field.ranges is not None) == (field.kind in ("number", "integer"))
    assert (default is None) == (field.ranges is not None)
    assert any(field.wire_name(wire) for wire in ALL_WIRES)
    for limits in field.ranges or ():
        assert limits.minimum < limits.maximum and 0 < field.step <= limits.maximum - limits.minimum


@pytest.mark.parametrize("language", ["en", "zh"])
@each_field
def test_every_parameter_and_choice_has_a_text(field: ParamField, language: str) -> None:
    texts = json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))
    keys = [f"param.{field.name}", f"param.{field.name}_help"]
    keys += [f"param.{field.name}_{EXTRAS[field.kind]}"] if field.kind in EXTRAS else []
    keys += [f"{field.name}.{choice}" for choice in field.choices]
    keys += [f"params.{field.group}"] if field.group != "basic" else []
    assert [key for key in keys if not texts.get(key, "").strip()] == []


@pytest.mark.parametrize(
    ("wire", "params", "expected", "value"),
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
def test_numbers_are_clamped_to_the_range_of_the_wire(
    wire: Wire, params: dict[str, Any], expected: dict[str, Any], value: str
) -> None:
    (name,) = params
    clamped, adjustments = clamp_params(wire, Params(**params))
    assert clamped == Params(**expected)
    assert type(getattr(clamped, name)) is type(params[name])
    assert adjustments == [ParamAdjustment("clamped", name, value)]


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
def test_valid_and_unsupported_params_are_unchanged(wire: Wire, params: Params) -> None:
    assert clamp_params(wire, params) == (params, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (" \n", {}),
        ("{}", {}),
        (' {"a": [1, null, "世"]}\n', {"a": [1, None, "世"]}),
        ('{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_json_objects_are_parsed(text: str, expected: dict[str, Any]) -> None:
    assert parse_json_object(text) == expected


@pytest.mark.parametrize(
    "text",
    ["[]", "1", "null", '"a"', "{", "{'a': 1}", '{"a": 1,}', '{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}']
    + ['{"a": [[-1e999]]}', "{} {}", "a", '{"a":' * 50_000, "[" * 50_000, '{"a": ' + "9" * 5_000 + "}"],
    ids=lambda text: text[:12],
)
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json_object(text)


@given(st.text(max_size=30) | st.sampled_from(["{", "}", '{"a":', "1e400}"]).flatmap(lambda a: st.just(a * 2)))
def test_any_text_is_a_serializable_object_or_is_refused(text: str) -> None:
    try:
        parsed = parse_json_object(text)
    except ValueError:
        return
    assert isinstance(parsed, dict)
    json.dumps(parsed, allow_nan=False)


# Examples of RFC 7386 with objects on both sides, and further cases.
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


@pytest.mark.parametrize(("body", "patch", "expected"), MERGES)
def test_patches_are_merged_as_in_rfc_7386(
    body: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = json.dumps([body, patch])
    assert merge_patch(body, patch) == expected
    assert json.dumps([body, patch]) == before


def test_saved_params_are_loaded() -> None:
    params = Params("Be kind.", 0.5, stop=("a", "\n"), thinking="adaptive", stream=False)
    assert load_params(json.loads(json.dumps(asdict(params)))) == params
    assert load_params({}) == Params()
    assert load_params({"temperature": 0.5, "unknown": "low", "stop": ["a", 7]}) == Params(
        temperature=0.5, stop=("a", "7")
    )


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_stop_sequences_are_read_one_per_line(text: str, expected: tuple[str, ...]) -> None:
    assert parse_stop_sequences(text) == expected
