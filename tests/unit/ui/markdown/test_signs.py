"""Signs that the renderer would change: arrows, dashes, tildes, line ends, <br> and the names of icons."""

import pytest

from lib.ui.markdown.sanitize import sanitize

ARROWS = [
    ("npm test -- --watch", "npm test -:color[-] --watch"),
    ("x -> y", "x -:color[>] y"),
    ("x <- y", "x <:color[-] y"),
    ("x <-> y", "x <:color[-]> y"),
    ("a >= b <= c", "a >:color[=] b <:color[=] c"),
    ("x ~= y", "x \\~:color[=] y"),
    ("x -&gt; y", "x -:color[&gt;] y"),
    ("x \\-> y", "x \\-:color[>] y"),
    ("**a**-> b", "**a**-:color[>] b"),
    ("# a -> b", "# a -:color[>] b"),
    ("| a -> b |\n|---|\n| -- |", "| a -:color[>] b |\n|---|\n| -:color[-] |"),
    ("a ->", "a -:color[>]"),
    ("a\n-> b", "a  \n-:color[>] b"),
]
TILDES = [
    ("大约3~5天，价格100~200元", "大约3\\~5天，价格100\\~200元"),
    ("~3~4~ and ~x~", "\\~3\\~4\\~ and \\~x\\~"),
    ("~~x~~ ~/path", "~~x~~ \\~/path"),
]
BREAKS = [
    ("Roses are red\nViolets are blue", "Roses are red  \nViolets are blue"),
    ("a \nb", "a  \nb"),
    ("- a\n  b\n- c", "- a  \n  b\n- c"),
    ("> a\n> b", "> a  \n> b"),
    ("a\n| b | c |\n|---|---|\n| d | e |", "a\n| b | c |\n|---|---|\n| d | e |"),
    ("a<br>b <br/> c<BR />d", "a\\\nb\\\nc\\\nd"),
    ("a<br><br>b", "a\\\n\\\nb"),
    ("a<br>\nb", "a\\\nb"),
    ("a<br>", "a"),
    ("<br>\n\na", "\n\na".strip()),
    ("- a<br>b", "- a\\\n  b"),
    ("a<br>- b", "a\\\n\\- b"),
    ("a<br>1. b", "a\\\n1\\. b"),
    ("a<br># b<br>> c", "a\\\n\\# b\\\n\\> c"),
    ("a<br>**b**", "a\\\n**b**"),
    ("| 步骤 | 一<br>二 |\n|---|---|\n| a<br/>b | c |", "| 步骤 | 一&#10;二 |\n|---|---|\n| a&#10;b | c |"),
    ("# a<br>b", "# a&#10;b"),
    ("<div>\n$5\n</div>", "&lt;div>  \n\\$5  \n&lt;/div>"),
]
ICONS = [
    ("user:id:name", "user:color[:]id:name"),
    (":material_home:", ":material:color[_]home:"),
    ("\\:material_home:", "\\:material:color[_]home:"),
    ("&#58;material_home:", ":color[&#58;]material:color[_]home:"),
    (":m&#97;terial_home:", ":m:color[&#97;]terial_home:"),
]
UNCHANGED = [
    "well--known a->b x>=1 <!-- c --> a-->b",
    "`x -> y` and `a~b~c` and `<br>`",
    "```\nx -> y\na~b~c <br>\n```",
    "$x -> y$ and $$a \\\\ b~c$$",
    "a\n\n    x -> y",
    "a  \nb\\\nc",
    "a\n\nb",
    "# a\nb",
    "- a\n- b",
    "| a |\n|---|\n| b |",
    "<b>x</b> and <span title='a -- b'>",
    "raw_material_cost",
    "at 10:30:45, std::vector, :tada: and key:value",
    "a &amp; b &copy; c",
]


@pytest.mark.parametrize(("text", "expected"), ARROWS + TILDES + BREAKS + ICONS)
def test_signs_are_kept_as_written(text: str, expected: str) -> None:
    assert sanitize(text) == expected


@pytest.mark.parametrize("text", UNCHANGED)
def test_other_signs_stay(text: str) -> None:
    assert sanitize(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Roses are red,\nviolets are **blue**,\n3~4 days\nand more",
        "Here:\n| a | b |\n|---|:--|\n| c -> d | **e：**f |\n| g<br | h |",
        "- a\n  b\n- c，见https://e.com/d",
    ],
)
def test_lines_that_arrive_extend_those_before(text: str) -> None:
    frames = [sanitize(text[:end]) for end in range(1, len(text) + 1)]
    assert all(later.startswith(earlier) for earlier, later in zip(frames, frames[1:], strict=False))
