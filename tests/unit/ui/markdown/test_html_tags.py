"""<sub>, <sup>, <kbd> and callouts: rendered by marked directives, while they arrive too; other HTML is text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.ui.markdown.sanitize import sanitize, sanitize_arriving

SUB, SUP, KBD = (f']{{background="rgba(0,0,{number},0)"}}' for number in (1, 2, 3))
MARK = re.compile(r'\]\{background="rgba\(0,0,[1-3],0\)"\}')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("H<sub>2</sub>O", f"H:color[2{SUB}O"),
        ("x<SUP>n+1</SUP >", f"x:color[n+1{SUP}"),
        ("<kbd>Ctrl</kbd>+<kbd>C</kbd>", f":color[Ctrl{KBD}+:color[C{KBD}"),
        ("<kbd>[</kbd>", f":color[&#91;{KBD}"),
        ("<sub><sup>a</sup></sub>", f":color[:color[a{SUP}{SUB}"),
        ("<sup>[1](https://a.b)</sup>", f":color[[1](https://a.b){SUP}"),
        ("# x<sup>2</sup>", f"# x:color[2{SUP}"),
        ("|a<sub>1</sub>|\n|---|\n|b<sub>2</sub>|", f"|a:color[1{SUB}|\n|---|\n|b:color[2{SUB}|"),
        ("- **a<sub>i</sub>**", f"- **a:color[i{SUB}**"),
        ("a <sub>b", f"a :color[b{SUB}"),
    ],
)
def test_tags_are_rendered(text, expected):
    assert sanitize(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`H<sub>2</sub>`", "`H<sub>2</sub>`"),
        ("```html\n<sub>2</sub>\n```", "```html\n<sub>2</sub>\n```"),
        ("a<sub class=x>2</sub>", "a<sub class=x>2</sub>"),
        ("a<sub></sub>b", "a&lt;sub></sub>b"),
        ("a<sub>2</sup>b", "a<sub>2</sup>b"),
        ("a</sub>b", "a</sub>b"),
        ("a<subs>2</subs>", "a<subs>2</subs>"),
        ("<b>2</b>", "<b>2</b>"),
        (f"a<sub>{'x' * 400}</sub>b", f"a<sub>{'x' * 400}</sub>b"),
    ],
)
def test_other_tags_are_text(text, expected):
    assert sanitize(text).replace("&lt;", "<") == expected.replace("&lt;", "<")


def test_directives_in_tags_stay_text():
    assert sanitize("<sub>:red[x]</sub>") == f":color[&#58;red[x]{SUB}"
    assert sanitize('<sub>a]{foreground="red"}</sub>') == f':color[a&#93;{{foreground="red"}}{SUB}'


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["<sub>", "</sub>", "<sup>", "</sup>", "<kbd>", "[", "]", "`", "x", "\\", "\n", "$y$"]))
)
def test_every_mark_ends_a_directive_of_its_own(parts):
    text = sanitize("".join(parts))
    rest = re.sub(r"`+[^`]*`+", "", text)
    assert len(MARK.findall(rest)) == rest.count(":color[")


@pytest.mark.parametrize("kind", ["NOTE", "Tip", "important", "WARNING", "CAUTION"])
def test_a_callout_has_a_title_in_the_language_of_the_page(kind):
    title = sanitize(f"> [!{kind}]\n> Text with **bold**.\n>\n> - item").split("\n")
    assert re.fullmatch(
        rf'> :color\[:material/\w+: {kind.capitalize()}\]\{{background="rgba\(0,0,1\d,0\)"\}}  ', title[0]
    )
    assert title[1:] == ["> Text with **bold**.", ">", "> - item"]
    assert kind.capitalize() not in sanitize(f"> [!{kind}]\n> x", "zh")


@pytest.mark.parametrize(
    "text", ["[!NOTE]", "> [!NOTES]\n> x", "> a [!NOTE]", "> a\n> [!NOTE]", "> [!NOTE] Title\n> x"]
)
def test_other_quotes_are_no_callouts(text):
    assert "rgba" not in sanitize(text)


def test_an_arriving_tag_or_callout_is_never_shown_as_its_signs():
    text = "H<sub>2</sub>O and x<sup>n+1</sup>, <kbd>Ctrl</kbd>\n\n> [!NOTE]\n> Text"
    for length in range(len(text) + 1):
        shown = sanitize_arriving(text[:length])
        assert not re.search(r"<|&lt;|\[!", shown), shown


@pytest.mark.parametrize(("name", "letters"), [("c++", "cpp"), ("C#", "csharp"), ("f#", "fsharp")])
def test_a_language_with_signs_in_its_name_is_highlighted(name, letters):
    assert sanitize(f"- a\n  ```{name} title\n  x\n  ```") == f"- a\n  ```{letters} title\n  x\n  ```"
