"""Edited bodies: what may be sent, what counts, and what is refused because nobody would have counted it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lib.chat.exchanges.edited_body import InvalidEdit, can_edit, parse_edit, to_text
from lib.chat.exchanges.response_facts import pretty_json
from lib.core.exchanges import Attempt, Exchange
from lib.core.target import Target, Wire
from tests.unit.chat.exchanges.recorded import (
    ANTHROPIC_HEADERS,
    CHAT,
    CLAUDE,
    IMAGE,
    PICTURE,
    attempt_of,
    chat_with_file,
    claude_with_file,
    edit_form,
)

PLAIN = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "stream": True}


def exchange_of(body: dict[str, Any], wire: Wire, *files) -> tuple[Exchange, Attempt]:
    headers = ANTHROPIC_HEADERS if wire == "anthropic" else {}
    attempt = attempt_of("http://a/v1/x", body, *files, headers=headers, is_form="image" in body)
    return Exchange("e", Target(body["model"], wire), (attempt,)), attempt


def edit(body: dict[str, Any], wire: Wire = "openai", **changes: Any):
    """Return the body with these fields changed, None for none of them, as it would be sent."""
    exchange, attempt = exchange_of(body, wire)
    edited = {name: value for name, value in (body | changes).items() if value is not None or name in body}
    return parse_edit(json.dumps({k: v for k, v in edited.items() if v is not ...}), exchange, attempt)


def refusal(body: dict[str, Any], wire: Wire = "openai", **changes: Any) -> str:
    with pytest.raises(InvalidEdit) as caught:
        edit(body, wire, **changes)
    return caught.value.reason


@pytest.mark.parametrize(("body", "wire"), [(CHAT, "openai"), (CLAUDE, "anthropic"), (IMAGE, "images")])
def test_an_unchanged_text_sends_the_same_body(body, wire):
    exchange, attempt = exchange_of(body, wire)
    assert can_edit(attempt)
    edited = parse_edit(to_text(attempt), exchange, attempt)
    assert edited.fields == body
    assert edited.text == attempt.body
    assert edited.is_same_question
    assert edited.target == exchange.target


@pytest.mark.parametrize("build", [chat_with_file, claude_with_file])
def test_files_are_shown_as_marks_and_stay_files(build):
    body, file = build(PICTURE)
    exchange, attempt = exchange_of(body, "anthropic", file)
    text = to_text(attempt)
    assert f"[file 1: image/png, {len(PICTURE)} bytes]" in text
    assert file.mark not in text
    edited = parse_edit(text.replace("What's this?", "And that?"), exchange, attempt)
    assert edited.text.count(file.mark) == 1
    assert not edited.is_same_question


def test_other_parameters_are_another_answer_to_the_same_question():
    edited = edit(PLAIN, model="large", temperature=0.2, max_tokens=50)
    assert edited.is_same_question
    assert edited.target == Target("large", "openai")
    assert edited.params.max_tokens == 50
    assert not edit(PLAIN, messages=[{"role": "user", "content": "Hi"}]).is_same_question
    assert not edit(CLAUDE, "anthropic", system="Other").is_same_question


@pytest.mark.parametrize(
    ("changes", "limit", "count"),
    [
        ({"max_tokens": 10, "Max_Tokens": 90_000}, 90_000, None),
        ({"max_completion_tokens": "70000", "n": 8}, 70_000, 8),
        ({"extra_body": {"max_output_tokens": 60_000, "N": 5}}, 60_000, 5),
        ({"generationConfig": {"maxOutputTokens": 50_000, "candidateCount": 4}}, 50_000, 4),
    ],
)
def test_limits_and_counts_are_found_in_every_spelling(changes, limit, count):
    params = edit(PLAIN, **changes).params
    assert (params.max_tokens, params.n) == (limit, count)


@pytest.mark.parametrize(
    "name",
    ["Model", "MODEL", "models", "fallbacks", "route", "engine", "api_base", "extra_headers", "Messages", "Stream"]
    + ["custom_llm_provider", "user_config", "prompt", "input", "User", "Safety_Identifier"],
)
def test_fields_that_would_get_round_the_rules_are_refused(name):
    assert refusal(PLAIN, **{name: "x"}) == "reserved"


@pytest.mark.parametrize(
    "changes",
    [
        {"extra_body": {"model": "large"}},
        {"options": {"Models": ["large"]}},
        {"service_tier": "priority"},
        {"Speed": "fast"},
        {"metadata": {"User_ID": "someone"}},
    ],
)
def test_nested_fields_and_dear_tiers_are_refused(changes):
    assert refusal(PLAIN, **changes) == "reserved"


def test_the_stream_stays_as_it_was():
    assert refusal(CHAT, stream=False) == "fixed_field"
    assert refusal(CHAT, stream=...) == "fixed_field"
    assert refusal(CHAT, stream_options={}) == "fixed_field"


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "image_url", "image_url": {"url": "https://example.com/big.png"}}],
        [{"type": "text", "text": "a", "image_url": "data:image/png;base64,AAAA"}],
        [{"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}],
        [{"type": "document", "source": {"type": "file", "file_id": "file-1"}}],
        [{"type": "document", "source": {"type": "base64", "data": "AAAA"}}],
        [{"type": "tool_result", "content": [{"type": "image", "source": {"type": "base64", "data": "AAAA"}}]}],
        [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}],
        ["text"],
    ],
)
def test_no_file_comes_in_that_was_not_counted(content):
    messages = [{"role": "user", "content": content}]
    assert refusal(PLAIN, messages=messages) in ("new_file", "block")
    assert refusal(CLAUDE, "anthropic", system=content) in ("new_file", "block")


def test_a_file_is_neither_doubled_nor_moved():
    body, file = chat_with_file(PICTURE)
    exchange, attempt = exchange_of(body, "openai", file)
    text = to_text(attempt)
    mark = f"[file 1: image/png, {len(PICTURE)} bytes]"
    for changed, reason in (
        (text.replace('"What\'s this?"', json.dumps(mark)), "file_twice"),
        (text[:-2] + f', "user": "{mark}"' + "}", "file_moved"),
    ):
        with pytest.raises(InvalidEdit) as caught:
            parse_edit(changed, exchange, attempt)
        assert caught.value.reason == reason


@pytest.mark.parametrize("odd", [{}, {"a": 1}, [], [[]], 1, True])
def test_values_of_another_type_are_refused(odd):
    assert refusal(PLAIN, messages=[{"role": "user", "content": [{"type": odd, "text": "x"}]}]) == "block"
    assert refusal(IMAGE, "images", mask=[odd]) == "new_file"


def test_images_have_a_maximum_and_no_new_file():
    assert refusal(IMAGE, "images", n=11) == "too_many_images"
    assert refusal(IMAGE, "images", image="AAAA") == "fixed_field"
    assert edit(IMAGE, "images", n=10, size="3840x2160").params.n == 10
    assert edit(IMAGE, "images", size="3840x2160").params.size == "3840x2160"
    body, files = edit_form(PICTURE)
    exchange, attempt = exchange_of(body, "images", *files)
    with pytest.raises(InvalidEdit, match="new_file"):
        parse_edit(json.dumps(body | {"mask": "AAAA"}), exchange, attempt)


def test_the_cache_of_an_hour_is_counted_wherever_it_is_asked_for():
    block = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert edit(CLAUDE, "anthropic", messages=[{"role": "user", "content": [block]}]).params.cache == "1h"


@pytest.mark.parametrize(
    ("text", "reason", "values"),
    [
        ('{"model": "a",\n "messages": [}', "no_json", {"line": 2, "column": 15}),
        ("[1]", "no_object", {}),
        ('{"model": NaN}', "no_number", {"name": "NaN"}),
        ('{"model": "a", "model": "b"}', "twice", {"name": "model"}),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "too_deep", {}),
        ("[" * 100_000, "too_deep", {}),
        ('{"messages": []}', "no_model", {}),
        ('{"model": 1}', "no_model", {}),
        (" " * 600_000, "too_long", {"limit": 500_000}),
    ],
)
def test_errors_are_named_with_their_place(text, reason, values):
    exchange, attempt = exchange_of({"model": "tiny"}, "openai")
    with pytest.raises(InvalidEdit) as caught:
        parse_edit(text, exchange, attempt)
    assert caught.value.reason == reason
    assert values.items() <= caught.value.values.items()


@pytest.mark.parametrize("messages", [[], "Hello", ["Hello"], {}])
def test_a_chat_needs_messages(messages):
    assert refusal(PLAIN, messages=messages) == "no_messages"


def test_the_fields_of_a_form_have_the_types_of_json_again():
    body, files = edit_form(PICTURE)
    exchange, attempt = exchange_of(body | {"n": "3", "stream": "true", "prompt": "12"}, "images", *files)
    edited = parse_edit(to_text(attempt).replace('"n": 3', '"n": 4'), exchange, attempt)
    assert (edited.fields["n"], edited.fields["stream"], edited.fields["prompt"]) == (4, True, "12")
    assert edited.params.n == 4
    assert edited.is_same_question


def test_a_body_that_would_be_too_long_with_an_indentation_is_edited_as_it_was_sent():
    deep = '{"model": "m", "messages": ' + "[" * 150 + ", ".join(["1"] * 50_000) + "]" * 150 + "}"
    attempt = replace(attempt_of("http://a/v1/x", PLAIN), body=deep)
    assert to_text(attempt) == deep
    assert pretty_json(deep) == deep
    assert pretty_json('{"a": [1]}') == '{\n  "a": [\n    1\n  ]\n}'
