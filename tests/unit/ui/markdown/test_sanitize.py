"""Rewriting of model output: formulas and code are preserved, images, directives and unsafe links removed."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.ui.markdown.sanitize import sanitize
from tests.support.examples import count_examples

IMAGE = "![x](http://stranger/)"

FORMULAS = [
    (r"\(a^2\)", "$a^2$"),
    (r"so \( a + b \) holds", "so $a + b$ holds"),
    (r"公式\(x\)是", "公式$x$是"),
    (r"\(x\)\(y\)", "$x$ $y$"),
    (r"the \(n\)th and $k$th", "the $$n$$th and $$k$$th"),
    ("Then:\n\\[\nE = mc^2\n\\]\nwhere", "Then:\n$$\nE = mc^2\n$$\nwhere"),
    (r"\[ x \]", "$$\nx\n$$"),
    ("$$ x $$", "$$\nx\n$$"),
    ("$$\na \\\\\nb % no\n$$", "$$\na \\\\\nb % no\n$$"),
    (r"Then \[ x = 1 \], so", "Then\n$$\nx = 1,\n$$\nso"),
    ("Then \\[\n  x = 1\n\\] so", "Then\n$$\nx = 1\n$$\nso"),
    ("1. \\[y\\]\n2. c", "1. $$\n   y\n   $$\n2. c"),
    ("- a\n\n  \\[\n  y\n  \\]", "- a\n\n  $$\n  y\n  $$"),
    ("> \\[\n> y\n> \\]\n> b", "> $$\n> y\n> $$\n> b"),
    ("# On \\[x\\]", "# On $x$"),
    ("| a |\n|---|\n| \\[x\\] |", "| a |\n|---|\n| $x$ |"),
    ("mid $$x$$ line", "mid $$x$$ line"),
    (r"\(5\$\)", r"$$5\$$$"),
    ("\\[\n- x\n\\]", "$$\n- x\n$$"),
    ("\\[\na\n\n= b\n\\],", "$$\na\n\n= b,\n$$"),
    ("\\begin{align}\na &= b\n\\end{align}", "$$\n\\begin{align}\na &= b\n\\end{align}\n$$"),
    ("# On $x$ for $5 #", r"# On $x$ for \$5 #"),
]
PLAIN = [
    (r"\(unclosed and `code`", r"\(unclosed and `code`"),
    ("\\[\nunclosed\n\n- a", "\\[  \nunclosed\n\n- a"),
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
    ("<b>x</b> and a < b", "<b>x</b> and a < b"),
    ('a <http://x.y> [b](http://x.y "t")', 'a <http://x.y> [b](http://x.y "t")'),
    ("- [ ] a\n- [x] b :tada:", "- [ ] a\n- [x] b :tada:"),
    ("| a | b |\n|:--|--:|\n| 1 | `2` |", "| a | b |\n|:--|--:|\n| 1 | `2` |"),
    ("https://x.y/?$a=1 and [z](https://x.y/?$a=1)", "https://x.y/?%24a=1 and [z](https://x.y/?%24a=1)"),
]
IMAGES = [
    (IMAGE, "[x](http://stranger/)"),
    ("![](http://h/)", "[image](http://h/)"),
    ("![a][ref]\n\n[ref]: http://h/", "[a][ref]\n\n[ref]: http://h/"),
    ("![a]\n\n[a]: http://h/", "&#33;[a]\n\n[a]: http://h/"),
    ("[![a](http://x)](http://y)", "[a](http://y)"),
    ("Wow!![a](http://u)", "Wow!&#33;[a](http://u)"),
    (r"\![a](http://u) \\![b](http://u)", r"\![a](http://u) \\[b](http://u)"),
    ("![x](http://h/?d=", "[x](http://h/?d="),
    ("vec![1, 2]", "vec&#33;[1, 2]"),
    ("![a](data:image/png;base64,AAAA)", "![a](data:image/png;base64,AAAA)"),
    ("![a](data:image/svg+xml;base64,AAAA)", "[a]\\(data:image/svg+xml;base64,AAAA)"),
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
    "cat `a | b $x` and `c`",
    '```mermaid\nflowchart TD\n  A[The image] -->|yes| B("b<br/>c #quot;d#quot;")\nstyle A fill:#f9f;\n```',
    "```mermaid\nsequenceDiagram\n  A->>B: 5 > 4\n```",
]
DIRECTIVES = [
    (":red[c] and :blue-background[c]", "&#58;red[c] and &#58;blue-background[c]"),
    (":material/home: and :streamlit:", "&#58;material/home: and &#58;:color[s]treamlit:"),
    ("a:b[c] and a:b{c}", "a&#58;b[c] and a&#58;b{c}"),
    ("::a[b]\n\n:::a\nx\n:::", "&#58;&#58;a[b]\n\n&#58;&#58;&#58;a  \nx  \n:::"),
    ("at 10:30, std::vector[int], `:red[c]`", "at 10:30, std::vector[int], `:red[c]`"),
    ("http://h:80/x:y[1] :red[c]", "http://h:80/x:y[1] &#58;red[c]"),
]
LINKS = [
    ("[a](javascript:x) [b](data:text/html,x)", r"[a]\(javascript:x) [b]\(data:text/html,x)"),
    ("<ftp://x.y/> [a]( <vbscript:x>)", r"&lt;ftp://x.y/> [a]\( &lt;vbscript:x>)"),
    ("[a]\n\n[a]: data:text/html,x", "[a]\n\n[a]\\: data:text/html,x"),
    (
        "[a](http://x.y/) [b](HTTPS://x.y/) [c](mailto:a@b.c) [d](#e) <https://x.y/>",
        "[a](http://x.y/) [b](HTTPS://x.y/) [c](mailto:a@b.c) [d](#e) <https://x.y/>",
    ),
]


def remove_code(text: str) -> str:
    """Return a text without the code blocks and spans that the samples of this file contain."""
    text = re.sub(r"(?ms)^[ >]*(```+|~~~+).*?(^[ >]*\1[ ]*$|\Z)", "", text)
    return re.sub(r"(?m)(`+)[^`\n]+\1|^    .*$", "", text)


@pytest.mark.parametrize(("text", "expected"), FORMULAS + PLAIN + IMAGES + DIRECTIVES + LINKS)
def test_text_is_rewritten(text: str, expected: str) -> None:
    assert sanitize(text) == expected


@pytest.mark.parametrize("text", CODE)
def test_code_stays_unchanged(text: str) -> None:
    assert sanitize(text) == text


def test_a_dollar_in_arriving_code_does_not_flicker() -> None:
    text = "Run `echo $HOME | cat` now"
    for end in range(len(text)):
        assert "\\$" not in sanitize(text[:end])


def test_only_the_end_of_the_text_can_hold_arriving_code() -> None:
    assert sanitize(f"a ` {IMAGE}\n\nb") == "a ` [x](http://stranger/)\n\nb"
    assert sanitize(f"b\n\na ` {IMAGE}") == f"b\n\na ` {IMAGE}"


def test_lone_surrogates_are_replaced() -> None:
    sanitize("a \ud800 b").encode()


REPEATED_FRAGMENTS = [
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
REPEATED_FRAGMENTS += [
    "是**（",
    "a~~",
    "<br>",
    "https://a。",
    "www.a，",
    "&#97;",
    " -> ",
    "[a](/x) ",
    "[a]: /x\n",
    "<a b='",
    "```md\n```a\n",
    "\\begin{align}\n",
    "$\\ce{a}$ ",
    ":material_",
]
REPEATED_FRAGMENTS += [
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


@pytest.mark.slow
@pytest.mark.parametrize("unit", REPEATED_FRAGMENTS)
def test_long_hostile_text_is_read_in_linear_time(unit: str) -> None:
    # A quadratic parser needs minutes for this; the timeout of the suite is the limit.
    sanitize(unit * (30_000 // len(unit)))


FRAGMENTS = [
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
FRAGMENTS += [
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
FRAGMENTS += [
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
FRAGMENTS += ["```mermaid\n", "A@{ img: x }"]
hostile_texts = st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join) | st.text()


@settings(max_examples=count_examples(100), deadline=None)
@given(hostile_texts)
def test_any_text_keeps_its_words(text: str) -> None:
    assert re.findall("word", sanitize(text)) == re.findall("word", text)


@settings(max_examples=count_examples(100), deadline=None)
@given(st.text("![]()`$\\<>:x ~\n-", max_size=80), st.sampled_from(["````", "~~~~"]))
def test_a_fenced_code_block_stays_unchanged(body: str, fence: str) -> None:
    body = re.sub(r"(`{4,}|~{4,})", "x", body)
    lines = "\n".join("" if line.isspace() else line for line in body.split("\n"))
    text = f"a\n\n{fence}md\n{lines}\n{fence}\n\nb"
    assert sanitize(text) == text


@settings(max_examples=count_examples(100), deadline=None)
@given(
    st.lists(
        st.sampled_from([IMAGE, "a ", "$", "\n", "\n\n", "> ", "!", "\\", "[x]", "(", "<b>", "| "]),
        max_size=30,
    )
)
def test_no_image_outside_code_survives(parts: list[str]) -> None:
    assert not re.search(r"(?<!\\)(?:\\\\)*!\[", remove_code(sanitize("".join(parts))))
