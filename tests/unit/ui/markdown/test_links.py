"""Links of model text: allowed destinations, and where a bare address ends."""

import pytest

from lib.ui.markdown.sanitize import sanitize

ALLOWED = [
    "[a](http://x.y/)",
    "[a](HTTPS://x.y/?q=1#f)",
    "[a](<https://x.y/a b>)",
    '[a](https://x.y/ "/signout")',
    "[a](https://x.y/a_(b)_c)",
    "[a](mailto:a@b.c)",
    "[a](#part)",
    "[a]\n\n[a]: https://x.y/",
    "<https://x.y/> and <a@b.c>",
    "[a](/signout",
    "a[0]: b",
    "`[a](/signout)`",
    "```\n[a](/signout)\n```",
]
REFUSED = [
    "[a](/signout)",
    "[a](signout)",
    "[a](//host/x)",
    "[a](?c=1)",
    "[a](./x)",
    "[a]()",
    "[a](<>)",
    "[a](</signout>)",
    "[a]( /signout )",
    "[a](\n/signout\n)",
    '[a](/signout "title")',
    "[a](https:signout)",
    "[a](https:/signout)",
    "[a](https:///signout)",
    "[a](http:\\\\signout)",
    "[a](&#47;signout)",
    "[a](\\/signout)",
    "[a](&#106;avascript:x)",
    "[a](ftp://x.y/)",
    "[a](tel:1)",
    "[a](data:text/html,x)",
    "[**a** `b`](/signout)",
    "[a [b]](/signout)",
]
ADDRESSES = [
    ("https://example.com/docs（说明）了解", "<https://example.com/docs>（说明）了解"),
    ("见https://e.com/b，详见", "见<https://e.com/b>，详见"),
    ("（https://e.com/b）", "（<https://e.com/b>）"),
    ("https://e.com/a?b=1&c=2。好", "<https://e.com/a?b=1&c=2>。好"),
    ("https://e.com/a_(b)、c", "<https://e.com/a_(b)>、c"),
    ("https://e.com/a).，b", "<https://e.com/a>).，b"),
    ("HTTP://E.com/“引”", "<HTTP://E.com/>“引”"),
    ("https://e.com了解更多", "<https://e.com>了解更多"),
    ("https://e.com/了解更多", "<https://e.com/>了解更多"),
    ("https://e.com/docs了解更多", "<https://e.com/docs>了解更多"),
    ("https://e.com/a/v2.html#p1を参照", "<https://e.com/a/v2.html#p1>を参照"),
    ("https://localhost.example:8080입니다", "<https://localhost.example:8080>입니다"),
    ("**链接：https://e.com/b**，详见", "**链接：<https://e.com/b>**，详见"),
    ("**https://e.com/b**内容", "**<https://e.com/b>**&#20869;容"),
    ("，www.e.com/a_b，好", "，[www.e.com/a\\_b](<http://www.e.com/a_b>)，好"),
    ("https://e.com/～x", "<https://e.com/>～x"),
    ("https://e.com/$a，b", "<https://e.com/$a>，b"),
]
UNCHANGED = [
    "https://zh.wikipedia.org/wiki/北京 好",
    "https://zh.wikipedia.org/wiki/C语言",
    "https://ja.wikipedia.org/wiki/ジョン・レノン",
    "https://例子.中国/页",
    "https://e.com/search?q=北京&lang=zh",
    "https://e.com/~user/a_b*c",
    "[https://e.com（x）](https://e.com)",
    "`https://e.com，x`",
    "<https://e.com/a>，x",
    "awww.x，y",
]


@pytest.mark.parametrize("text", ALLOWED)
def test_an_allowed_link_stays(text: str) -> None:
    assert sanitize(text) == text


@pytest.mark.parametrize("text", REFUSED)
def test_a_link_to_another_place_becomes_text(text: str) -> None:
    assert "](" not in sanitize(text)


@pytest.mark.parametrize("text", ["[a]: /signout", "[a]: <signout>", "[a]:\n/signout", "> [a]: javascript:x"])
def test_a_definition_of_another_place_becomes_text(text: str) -> None:
    assert "]\\:" in sanitize(f"[a]\n\n{text}")


@pytest.mark.parametrize("text", ["![a](/signout)", "![](signout)", "[![a](http://x.y/)](/signout)"])
def test_a_picture_is_no_link_to_another_place(text: str) -> None:
    assert "](" not in sanitize(text)


@pytest.mark.parametrize(("text", "expected"), ADDRESSES)
def test_a_bare_address_ends_before_cjk_punctuation(text: str, expected: str) -> None:
    assert sanitize(text) == expected


@pytest.mark.parametrize("text", UNCHANGED)
def test_another_address_stays(text: str) -> None:
    assert sanitize(text) == text
