"""Variables in prompts: which ones a form asks for, and the text with their values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.prompts.template import MAX_VARIABLES, Variable, fill_template, has_placeholders, list_variables


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("No braces.", []),
        ("About {{topic}}.", [Variable("topic")]),
        ("{{ topic }}{{topic|the sea}}", [Variable("topic", "the sea")]),
        ("{{topic|the sea}}{{topic}}{{topic|x}}", [Variable("topic", "the sea")]),
        ("{{target language|en}} {{主题}}", [Variable("target language", "en"), Variable("主题")]),
        ("{{notes...}} {{log…|none}}", [Variable("notes", is_multiline=True), Variable("log", "none", (), True)]),
        ("{{tone|formal;casual; formal}}", [Variable("tone", "formal", ("formal", "casual"))]),
        (r"{{note|a\;b}}", [Variable("note", "a;b")]),
        (r"{{note|a\;b;c}}", [Variable("note", "a;b", ("a;b", "c"))]),
        ("{{text|one\ntwo}}", [Variable("text", "one\ntwo", (), True)]),
        ("{{name|;}}", [Variable("name", "")]),
        # Not variables: escaped ones, automatic ones, and braces of other languages.
        (r"\{{topic}} {{date}} {{time}}", []),
        ("{{date|today}}", [Variable("date", "today")]),
        ("{{ user.name }} {{}} {{1}} {{#if x}} {topic} {{a{b}}} {{x", []),
        ("${{ secrets.KEY }} {{{x}}}", [Variable("x")]),
    ],
)
def test_a_form_asks_for_the_variables_of_a_prompt(text, variables):
    assert list_variables(text) == variables


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ("About {{topic}}, {{topic}}.", {"topic": "tides"}, "About tides, tides."),
        ("About {{topic|the sea}}.", {}, "About the sea."),
        ("About {{topic|the sea}}.", {"topic": ""}, "About ."),
        ("{{tone|formal;casual}}", {}, "formal"),
        ("{{a}}{{b}}", {"a": "{{b}} \\{{", "b": "x"}, "{{b}} \\{{x"),
        (r"\{{topic}} {{topic}}", {"topic": "x"}, "{{topic}} x"),
        ("{{date}} {{time}}", {"date": "Nov 29", "time": "14:05"}, "Nov 29 14:05"),
        ("{{ user.name }} {{}} {1}", {"user": "x"}, "{{ user.name }} {{}} {1}"),
        ("{{{x}}}", {"x": "y"}, "{y}"),
        ("{{text...}}", {"text": "a\nb"}, "a\nb"),
    ],
)
def test_variables_are_replaced_by_their_values(text, values, filled):
    assert fill_template(text, values) == filled


def test_variables_beyond_the_limit_stay_as_they_are_written():
    text = " ".join(f"{{{{v{chr(97 + n)}}}}}" for n in range(MAX_VARIABLES + 2))
    variables = list_variables(text)
    assert len(variables) == MAX_VARIABLES
    filled = fill_template(text, {variable.name: "x" for variable in variables})
    assert filled == " ".join(["x"] * MAX_VARIABLES + ["{{vu}}", "{{vv}}"])


@given(st.text("ab{}|;\\. \n", max_size=60))
def test_any_text_can_be_filled_and_an_escaped_one_is_itself(text):
    values = {variable.name: variable.default for variable in list_variables(text)}
    assert fill_template(text, values) == fill_template(text, {})
    if not has_placeholders(text):
        assert fill_template(text, {}) == text
    escaped = text.replace("{{", "\\{{")
    if "\\{{{" not in escaped:
        assert fill_template(escaped, {"a": "1", "b": "2"}) == text


def test_a_long_text_of_braces_is_read_in_one_pass():
    assert list_variables("{{a " * 200_000) == []
    assert list_variables("{{" * 200_000 + "a|" + " " * 200_000) == []
