"""Footnotes in model text: marks in the text, and notes behind the same marks."""

from __future__ import annotations

import pytest

from lib.ui.markdown.html_tags import format_superscript
from lib.ui.markdown.sanitize import sanitize

ONE, TWO = format_superscript("1"), format_superscript("2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A claim.[^1]", f"A claim.{ONE}"),
        ("[^1]: /x is a note", f"{ONE} /x is a note"),
        ("[^1]: a\n[^2]: b", f"{ONE} a  \n{TWO} b"),
        ("[^1]\n[^2]: b", f"{ONE}  \n{TWO} b"),
        ("- item[^1]: no note", f"- item{ONE}: no note"),
        ("| a[^1] |\n|---|\n| b |", f"| a{ONE} |\n|---|\n| b |"),
        ("see[^note]", f"see{format_superscript('note')}"),
        ("这样：[^1] so:[^2]", f"这样：{ONE} so&#58;{TWO}"),
        ("so:<sup>2</sup>", f"so&#58;{TWO}"),
        ("a [link[^1]](https://x.y)", f"a [link{ONE}](https://x.y)"),
    ],
)
def test_a_footnote_is_a_mark_and_a_note(text: str, expected: str) -> None:
    assert sanitize(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("any of [^a-z] or [^1", "any of &#91;^a-z] or &#91;^1"),
        ("[^1](https://x.y/)", "[^1](https://x.y/)"),
        ("`[^1]`", "`[^1]`"),
        ("```\n[^1]: a\n\n    b\n```", "```\n[^1]: a\n\n    b\n```"),
    ],
)
def test_other_brackets_with_a_circumflex_stay(text: str, expected: str) -> None:
    assert sanitize(text) == expected


def test_later_paragraphs_of_a_note_are_no_code() -> None:
    note = "[^1]: a\n\n    b\n\n    ```py\n    [^2]: c\n\n        d\n    ```\n\nend\n\n    code"
    assert sanitize(note) == f"{ONE} a\n\nb\n\n```py\n[^2]: c\n\n    d\n```\n\nend\n\n    code"
