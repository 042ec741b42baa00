"""Spoken text of answers: no Markdown, code, tables or formulas; passages of whole sentences, in any language."""

import pytest
from markdown_it.parser_inline import ParserInline

from lib.ui.markdown.speakable import MAX_CHARS, MAX_PASSAGE, TARGET, split_passages


@pytest.mark.parametrize(
    ("markdown", "spoken"),
    [
        ("# Title\n\nSome *text*, `code`.", ["Title. Some text, code."]),
        ("See [the page](https://example.com/a?b=c) and https://www.example.org/x.", ["See the page and example.org."]),
        ("Before\n\n```python\nprint(1)\n```\n\nAfter it", ["Before. After it."]),
        ("Rows:\n\n| a | b |\n|---|---|\n| 1 | 2 |", ["Rows:"]),
        ("A picture ![of a cat](cat.png) here [1].", ["A picture of a cat here."]),
        ("It costs $5 and $10.", ["It costs $5 and $10."]),
        ("With $x=2$ and $\\frac{a}{b}$ done.", ["With x=2 and done."]),
        ("$$\\int x$$", []),
        ("- one thing\n- another", ["one thing. another."]),
        ("<b>Bold</b> and ~~struck~~ 🎉", ["Bold and struck."]),
        ("```\ncode alone\n```", []),
        ("你好，世界\n这是**第二行**", ["你好，世界这是第二行。"]),
        ("", []),
        ("---\n\n...", []),
    ],
)
def test_markdown_is_spoken_as_plain_text(markdown, spoken):
    assert split_passages(markdown) == spoken


def test_the_first_passage_is_one_sentence_and_later_ones_are_a_few():
    text = " ".join(f"This is the sentence with the number {number}." for number in range(20))
    first, *others = split_passages(text)
    assert first == "This is the sentence with the number 0."
    assert all(len(passage) <= TARGET and passage.endswith(".") for passage in others)
    assert " ".join([first, *others]) == text


def test_sentences_of_chinese_end_without_a_space():
    first, *_ = split_passages("今天的天气非常好，我们一起去公园散步吧，好不好？“当然可以。”他说。" * 8)
    assert first == "今天的天气非常好，我们一起去公园散步吧，好不好？"


def test_abbreviations_and_numbers_end_no_sentence():
    first, *_ = split_passages(
        "Dr. Smith paid 3.50 euros, e.g. for bread. Then he left the shop for good." + " x" * 200
    )
    assert first == "Dr. Smith paid 3.50 euros, e.g. for bread."


@pytest.mark.parametrize("text", ["x" * 1400, "word, " * 200 + "end", "中" * 1400, "a b. " * 200])
def test_no_passage_is_longer_than_a_request_takes_and_no_word_is_lost(text):
    passages = split_passages(text)
    assert max(map(len, passages)) <= MAX_PASSAGE + TARGET
    assert "".join("".join(passages).split()).rstrip(".。") == "".join(text.split()).rstrip(".")


def test_a_very_long_text_is_read_up_to_a_limit():
    assert len("".join(split_passages("word " * MAX_CHARS))) <= MAX_CHARS


@pytest.mark.parametrize(
    "unit",
    ["![", "[", "a[b", "[a][", "](", "![a](", "[a](b", "[" * 250 + "](b)" * 250, "![" * 200 + "](b)" * 200, "\\["],
)
def test_brackets_are_read_with_little_work_each(unit, monkeypatch):
    skipped, skip = [], ParserInline.skipToken
    monkeypatch.setattr(ParserInline, "skipToken", lambda *args: skipped.append(1) or skip(*args))
    text = unit * (20_000 // len(unit))
    split_passages(text)
    assert len(skipped) <= len(text)


def test_links_among_many_brackets_are_read_by_their_labels():
    text = "[1] " * 30 + "see [the [big] page](https://example.com/a) and ![a cat](c.png) of `x[i]`, list[i]."
    assert split_passages(text) == ["see the [big] page and a cat of x[i], list[i]."]
