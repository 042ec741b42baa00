"""Differences of texts: pieces that add up to both texts, in the words of any language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.comparisons import differences
from lib.chat.comparisons.differences import Piece, compare_texts

WORDS = st.lists(st.sampled_from(["one", "two", " ", "\n", "  ", "水", "火", "x.", "`", "é"]), max_size=25).map("".join)


def test_changed_words_are_marked_with_the_space_after_them():
    found = compare_texts("The old cat sat.\nSame line.\n", "The new dog sat.\nSame line.\nMore.\n")
    assert found.pieces == [
        Piece("same", "The "),
        Piece("removed", "old cat "),
        Piece("added", "new dog "),
        Piece("same", "sat.\nSame line.\n"),
        Piece("added", "More.\n"),
    ]
    assert 0.6 < found.similarity < 0.8 and not found.is_cut


def test_a_chinese_letter_is_a_word():
    found = compare_texts("我喜欢猫", "我喜欢狗")
    assert found.pieces == [Piece("same", "我喜欢"), Piece("removed", "猫"), Piece("added", "狗")]
    assert found.similarity == 0.75


@given(WORDS, WORDS)
def test_the_pieces_add_up_to_both_texts(first, second):
    found = compare_texts(first, second)
    assert "".join(piece.text for piece in found.pieces if piece.kind != "added") == first
    assert "".join(piece.text for piece in found.pieces if piece.kind != "removed") == second
    assert 0 <= found.similarity <= 1
    kinds = [piece.kind for piece in found.pieces]
    assert all(kind != following for kind, following in zip(kinds, kinds[1:], strict=False))


def test_long_texts_are_compared_as_far_as_the_limit():
    long = "word " * differences.MAX_CHARS
    found = compare_texts(long, long)
    assert found.is_cut and found.similarity == 1.0
    assert sum(len(piece.text) for piece in found.pieces) == differences.MAX_CHARS
    # A passage in which matching would take too long is replaced as a whole.
    words, lines = "a b " * 2_000, "a\n" * 1_000
    assert [piece.kind for piece in compare_texts(words, f"{words}c").pieces] == ["removed", "added"]
    assert [piece.kind for piece in compare_texts(lines, f"{lines}c").pieces] == ["removed", "added"]


@pytest.mark.parametrize("separator", [" ", "\n"])
def test_texts_that_match_at_every_other_item_are_replaced_as_a_whole(separator):
    first, second = (separator.join(f"{n:x}{separator}{name}{n:x}" for n in range(3_500)) for name in "xy")
    assert [piece.kind for piece in compare_texts(first, second).pieces] == ["removed", "added"]
