"""Checkpoints of an answer: what each of them has, and when the next one may come."""

from __future__ import annotations

from dataclasses import replace

from lib.chat.turns import saved_content
from lib.chat.turns.saved_content import SavedContent
from lib.core.conversation import ImagePart, Message, Node, Outcome, TextPart, Usage

NODE = Node("a", "q", Message("assistant", ()), 1.0, Outcome.ARRIVING)
TEXT = "Because it is so. " * 100


def answer(*parts, **facts) -> Node:
    return replace(NODE, message=Message("assistant", parts), **facts)


def save(content: SavedContent, node: Node, *, is_refused: bool = False) -> tuple[int | None, float]:
    """Save a checkpoint; return the size of its changes, None for the whole answer, and the pause behind it."""
    checkpoint = content.build_checkpoint("ann", node)
    assert checkpoint.node == node
    size = checkpoint.changes.size if checkpoint.changes else None
    if is_refused:
        content.forget()
        return size, 0.0
    return size, content.note_saved()


def test_the_whole_answer_is_saved_at_first_and_after_a_refusal():
    content = SavedContent()
    assert save(content, answer(TextPart(TEXT))) == (None, 0.0)
    assert save(content, answer(TextPart(f"{TEXT}1"))) == (1, 0.0)
    # The store may have committed before the connection was lost.
    assert save(content, answer(TextPart(f"{TEXT}12")), is_refused=True) == (1, 0.0)
    assert save(content, answer(TextPart(f"{TEXT}12"))) == (None, 0.0)
    assert save(content, answer(TextPart(f"{TEXT}123"))) == (1, 0.0)


def test_the_whole_answer_is_saved_again_when_the_changes_are_as_large():
    content, text, whole_lengths = SavedContent(), "", []
    for _ in range(1_000):
        text += TEXT
        size, pause = save(content, answer(TextPart(text)))
        assert pause == 0.0
        assert size in (None, len(TEXT))
        whole_lengths += [len(text)] if size is None else []
    assert len(whole_lengths) < 14
    assert all(length >= 1.5 * before for before, length in zip(whole_lengths, whole_lengths[1:], strict=False))


def test_the_number_of_changes_without_text_is_limited():
    content = SavedContent()
    save(content, answer(TextPart(TEXT)))
    sizes = [save(content, answer(TextPart(TEXT), usage=Usage(count)))[0] for count in range(1, 200)]
    assert sizes[0] == 0
    assert 3 < sizes.count(None) < 20


def test_a_part_that_is_written_again_and_again_is_written_more_seldom(monkeypatch):
    monkeypatch.setattr(saved_content, "IMAGE_BYTES_PER_SECOND", 1_000)
    content = SavedContent()
    pauses = []
    for number in range(20):
        image = ImagePart("image/png", f"{number:05d}" * 1_000)
        pauses.append(save(content, answer(TextPart("x" * 10_000), image))[1])
    assert pauses[:5] == [0.0] * 5
    assert 5.0 < max(pauses) <= saved_content.MAX_PAUSE
