"""What a reader sees of a model's text, and what a hostile model's text cannot do."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.ui.markdown.sanitize import sanitize

IMAGE = "![x](http://stranger/)"

FORMULAS = [
    (r"\(a^2\)", "$a^2$"),
    (r"so \( a + b \) holds", "so $a + b$ holds"),
    (r"公式\(x\)是", "公式$x$是"),
    (r"\(x\)\(y\)", "$x$ $y$"),
    (r"the \(n\)th and $k$th", "the $$n$$th and $$k$$th"),
    ("Then:\n\\[\nE = mc^2\n\\]\nwhere", "Then:\n\n$$\nE = mc^2\n$$\n\nwhere"),
    (r"\[ x \]", "$$\nx\n$$"),
    ("$$ x $$", "$$\nx\n$$"),
    ("$$\na \\\\\nb % no\n$$", "$$\na \\\\ b\n$$"),
    (r"Then \[ x = 1 \], so", "Then\n\n$$\nx = 1,\n$$\n\nso"),
    ("Then \\[\n  x = 1\n\\] so", "Then\n\n$$\nx = 1\n$$\n\nso"),
    ("1. \\[y\\]\n2. c", "1. $$\n   y\n   $$\n\n2. c"),
    ("- a\n\n  \\[\n  y\n  \\]", "- a\n\n  $$\n  y\n  $$"),
    ("> \\[\n> y\n> \\]\n> b", "> $$\n> y\n> $$\n>\n> b"),
    ("# On \\[x\\]", "# On $x$"),
    ("| a |\n|---|\n| \\[x\\] |", "| a |\n|---|\n| $x$ |"),
    ("mid $$x$$ line", "mid $$x$$ line"),
    (r"\(5\$\)", r"$$5\$$$"),
    ("\\[\n- x\n\\]", "$$\n\\displaystyle - x\n$$"),
]
PLAIN = [
    (r"\(unclosed and `code`", r"\(unclosed and `code`"),
    ("\\[\nunclosed\n\n- a", "\\[\nunclosed\n\n- a"),
    (r"see \[1\] and \[2, 3\]", r"see \[1\] and \[2, 3\]"),
    (r"a literal \\(x\\)", r"a literal \\(x\\)"),
    ("costs $5 and you get $x^2$ for $10", r"costs \$5 and you get $x^2$ for \$10"),
    ("$HOME and $PATH", r"\$HOME and \$PATH"),
    ("$HOME/$PATH", r"\$HOME/\$PATH"),
    ("$5 and $10", r"\$5 and \$10"),
    ("US$ 30", r"US\$ 30"),
    ("between $5-$10", r"between \$5-\$10"),
    ("$5 million and $x$", r"\$5 million and $x$"),
    ("$5 or 5$", r"\$5 or 5\$"),
    ("$ and $$ and $$$", r"\$ and \$\$ and \$\$\$"),
    ("from $$ to $$ a meal", r"from \$\$ to \$\$ a meal"),
    (r"already \$5", r"already \$5"),
    ("<b>x</b> and a < b", "&lt;b>x&lt;/b> and a < b"),
    (
        'a[^1] <http://x.y> [b](http://x.y "t")\n\n[^1]: n',
        'a[^1] <http://x.y> [b](http://x.y "t")\n\n[^1]: n',
    ),
    ("- [ ] a\n- [x] b :tada: :material/home: :red[c]", "- [ ] a\n- [x] b :tada: :material/home: :red[c]"),
    ("| a | b |\n|:--|--:|\n| 1 | `2` |", "| a | b |\n|:--|--:|\n| 1 | `2` |"),
    ("https://x.y/?$a=1 and [z](https://x.y/?$a=1)", "https\\://x.y/?\\$a=1 and [z](https://x.y/?%24a=1)"),
]
PICTURES = [
    (IMAGE, "[x](http://stranger/)"),
    ("![](http://h/)", "[image](http://h/)"),
    ("![a][ref]\n\n[ref]: http://h/", "[a][ref]\n\n[ref]: http://h/"),
    ("![a]\n\n[a]: http://h/", "&#33;[a]\n\n[a]: http://h/"),
    ("[![a](http://x)](http://y)", "[a](http://y)"),
    ("Wow!![a](u)", "Wow&#33;[a](u)"),
    (r"\![a](u) \\![b](u)", r"&#33;[a](u) \\[b](u)"),
    ("![x](http://h/?d=", "[x](http://h/?d="),
    ("vec![1, 2]", "vec&#33;[1, 2]"),
    ("![a](data:image/png;base64,AAAA)", "![a](data:image/png;base64,AAAA)"),
    ("![a](data:image/svg+xml;base64,AAAA)", "[a](data:image/svg+xml;base64,AAAA)"),
    ("$n![k]$", "$n! [k]$"),
]
CODE = [
    f"`{IMAGE}` is how",
    "use `$HOME` and `\\(x\\)` and ``a`b`` and `<b>`",
    f"```md\n{IMAGE}\n$5 \\(x\\) <b>\n```",
    f"~~~\n{IMAGE}\n~~~",
    f"```\n{IMAGE}\n$x",
    f"- a\n\n  ```md\n  {IMAGE}\n  ```",
    f"1. a\n   ```md\n   {IMAGE} $x\n   ```",
    f"> ```md\n> {IMAGE} $x\n> ```",
    f"text\n\n    {IMAGE} $x\n\ntext",
    f"[^1]: a\n\n    ```\n    {IMAGE}\n    ```",
    "cat `a | b $x` and `c`",
    '```mermaid\nflowchart TD\n  A[The image] -->|yes| B("b<br/>c #quot;d#quot;")\nstyle A fill:#f9f;\n```',
    "```mermaid\nsequenceDiagram\n  A->>B: 5 > 4\n```",
]
DIAGRAMS = [
    'A@{ img: "http://h/x.png" }',
    'A@{ "img" : x, icon: "fa:user" }',
    'A["<img src=x>"]',
    'A["#60;img#62;"]',
    'A["&lt;img"]',
    'A["![x](http:h/)"]',
    "%%{init: {'themeCSS': '*{}'}}%%",
    "style A fill:url(x)",
    "style A fill:\\75rl(x)",
    "classDef a background:image-set('x')",
    "@import 'x'",
    'click A "http://h"',
    "A[//h/x]",
    "A[data:image/png]",
]
FENCES = [
    "```mermaid",
    "``` Mermaid x",
    "~~~MERMAID",
    "```m&#101;rmaid",
    "```mermaid-x",
    "```-language-mermaid",
]


def shown(text: str) -> str:
    """What is left of a text without the code that the samples of this file hold."""
    text = re.sub(r"(?ms)^[ >]*(```+|~~~+).*?(^[ >]*\1[ ]*$|\Z)", "", text)
    return re.sub(r"(?m)(`+)[^`\n]+\1|^    .*$", "", text)


@pytest.mark.parametrize(("text", "expected"), FORMULAS + PLAIN + PICTURES)
def test_text_comes_out_as_meant(text: str, expected: str) -> None:
    assert sanitize(text) == expected


@pytest.mark.parametrize("text", CODE)
def test_code_is_left_alone(text: str) -> None:
    assert sanitize(text) == text


@pytest.mark.parametrize("source", DIAGRAMS)
@pytest.mark.parametrize("fence", FENCES)
def test_a_diagram_that_could_load_something_is_shown_as_code(fence: str, source: str) -> None:
    for text in (f"{fence}\n{source}\n{fence[:3]}", f"> {fence}\n> A-->B\n> {source}"):
        assert sanitize(text) == text.replace(fence, fence[:3] + "text")


def test_front_matter_makes_a_diagram_code_and_prose_after_it_stays() -> None:
    text = "```mermaid\n---\nconfig: {}\n---\nA-->B\n```\n\nnext"
    assert sanitize(text) == text.replace("mermaid", "text")


def test_a_dollar_in_arriving_code_does_not_flicker() -> None:
    text = "Run `echo $HOME | cat` now"
    for end in range(len(text)):
        assert "\\$" not in sanitize(text[:end])


def test_surrogates_do_not_reach_the_wire() -> None:
    sanitize("a \ud800 b").encode()


HOSTILE = [
    "[",
    "`",
    "$",
    "\\(",
    "\\[",
    "](",
    "![",
    "!",
    "<a",
    "http://",
    "[^",
    "][",
    "> ",
    "- ",
    "[^1]: ",
    "| a |\n",
]
HOSTILE += [
    "$$\n",
    "\\[\n",
    ":a[",
    ":::\n",
    "`$",
    "a\n- -\n",
    "$x$ ",
    "\\",
    '](a "',
    "- > 1. a\n",
    "\\(\\[",
    "a\n\n    b\n\n",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_long_hostile_text_is_read_in_a_time_that_fits_a_stream(unit: str) -> None:
    # Quadratic readers need minutes for this; the suite's own patience is the limit.
    sanitize(unit * (30_000 // len(unit)))


ATOMS = [
    IMAGE,
    "`",
    "``",
    "```\n",
    "~~~\n",
    "$",
    "$$",
    "$$\n",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "\n",
    "\n\n",
    "    ",
    "\t",
]
ATOMS += [
    "- ",
    "2. ",
    "> ",
    "|",
    "|-|\n",
    ":-\n",
    "===\n",
    "# ",
    "[^1]: ",
    "\\",
    '<a title="',
    "<!--",
    "<div>\n",
    ">",
]
ATOMS += [
    "](",
    "][",
    "[",
    "]",
    "!",
    "http://x.y/",
    ":red[",
    "}",
    ":::a\n",
    "word ",
    "5",
    "\ufeff",
    "\x00",
    "\r",
    "\ud800",
]
ATOMS += ["```mermaid\n", "A@{ img: x }"]
hostile = st.lists(st.sampled_from(ATOMS), max_size=40).map("".join) | st.text()


@settings(max_examples=400, deadline=None)
@given(hostile)
def test_what_comes_out_needs_no_second_reading(text: str) -> None:
    once = sanitize(text)
    assert sanitize(once) == once or "mer maid" in once or "![" not in once


@settings(max_examples=200, deadline=None)
@given(st.text("![]()`$\\<>:x ~\n-", max_size=80), st.sampled_from(["````", "~~~~"]))
def test_a_fence_stays_byte_for_byte(body: str, fence: str) -> None:
    body = re.sub(r"(`{4,}|~{4,})", "x", body)
    lines = "\n".join("" if line.isspace() else line for line in body.split("\n"))
    text = f"a\n\n{fence}md\n{lines}\n{fence}\n\nb"
    assert sanitize(text) == text


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([IMAGE, "a ", "$", "\n", "\n\n", "> ", "!", "\\", "[x]", "(", "<b>", "| "]),
        max_size=30,
    )
)
def test_without_code_no_picture_survives(parts: list[str]) -> None:
    assert "![" not in shown(sanitize("".join(parts)))
