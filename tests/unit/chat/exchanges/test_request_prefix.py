"""Common beginning of requests: no false difference, the right index, files, forms of content, and linear time."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.context.window import SUMMARY_PREFIX
from lib.chat.exchanges.request_prefix import count_blocks, find_difference, parse_body

TEXT = st.text(max_size=20)
IMAGE = {"type": "image", "source": {"type": "base64", "data": "sha256:a"}}


def body(*texts, model: str = "m", **fields) -> dict:
    roles = ("user", "assistant")
    messages = [{"role": roles[index % 2], "content": text} for index, text in enumerate(texts)]
    return {"model": model, "messages": messages, **fields}


@given(st.lists(TEXT, min_size=1, max_size=12), st.lists(TEXT, max_size=6), TEXT)
def test_a_request_that_goes_on_differs_in_nothing(texts, more, system):
    earlier, later = body(*texts, system=system), body(*texts, *more, system=system)
    assert find_difference(earlier, later) is None
    assert find_difference(later, earlier) is None


@given(st.lists(st.text("ab", min_size=1, max_size=5), min_size=1, max_size=12), st.data())
def test_the_first_changed_message_is_found(texts, data):
    index = data.draw(st.integers(0, len(texts) - 1))
    changed = [*texts[:index], "another text", *texts[index + 1 :], "more"]
    found = find_difference(body(*texts), body(*changed))
    assert found is not None
    assert (found.index, found.change) == (index, "answer" if index % 2 else "edited")
    assert found.shared == pytest.approx(sum(len(text) + 1 for text in texts[:index]) / sum(len(t) + 1 for t in texts))


def test_breakpoints_and_the_form_of_a_text_are_no_difference():
    block = {"type": "text", "text": "One", "cache_control": {"type": "ephemeral"}}
    assert find_difference(body([block], "Two"), body("One", "Two", "Three")) is None
    assert find_difference(body("One", system=[block]), body("One", system="One")) is None
    assert count_blocks(body([block, IMAGE], "Two")) == 3


def test_the_system_prompt_among_the_messages_has_no_index():
    def with_system(text: str, *texts: str) -> dict:
        return {"messages": [{"role": "system", "content": text}, *body(*texts)["messages"]]}

    assert find_difference(with_system("A", "One"), with_system("B", "One")).change == "system"
    assert find_difference(with_system("A", "One", "x"), with_system("A", "One", "y", "z")).index == 1


def test_a_changed_file_is_told_from_a_changed_text():
    other = {"type": "image", "source": {"type": "base64", "data": "sha256:b"}}
    text = {"type": "text", "text": "Look"}
    assert find_difference(body([IMAGE, text]), body([other, text], "Seen", "More")).change == "file"
    assert find_difference(body([IMAGE, text]), body([IMAGE, {**text, "text": "See"}])).change == "edited"


def test_the_first_image_of_a_conversation_invalidates_the_cache_of_claude_only():
    earlier, later = body("One", model="claude-opus-5"), body("One", "Two", [IMAGE], model="claude-opus-5")
    assert find_difference(earlier, later).change == "images"
    assert find_difference({**earlier, "model": "gpt-5"}, {**later, "model": "gpt-5"}) is None
    assert (
        find_difference(body([IMAGE], model="claude-opus-5"), body([IMAGE], "Two", "x", model="claude-opus-5")) is None
    )


def test_left_out_joined_and_summarized_messages_have_names():
    assert find_difference(body("1", "2", "3", "4", "5"), body("3", "4", "5", "6", "7")).change == "truncated"
    summary = SUMMARY_PREFIX + "They counted."
    assert find_difference(body("1", "2", "3"), body(summary, "Understood", "3", "4")).change == "summarized"
    other = SUMMARY_PREFIX + "They counted on."
    assert find_difference(body(summary, "x", "3"), body(other, "x", "5")).change == "truncated"
    assert find_difference(body("1"), body("1\n\n2")).change == "joined"
    assert find_difference(body("1", "2", "3"), body("1\n\n2", "2", "3")).change == "edited"


def test_marks_of_files_are_replaced_by_their_digests():
    text = json.dumps(body([{"type": "image", "source": {"data": "mark-1"}}]))
    assert "sha256:abc" in json.dumps(parse_body(text, {"mark-1": "abc"}))


DEEP = '{"messages": ' + "[" * 900 + "]" * 900 + "}"


@pytest.mark.parametrize("text", ["", "{", '{"messages": [', "[]", "null", "[" * 100_000, DEEP])
def test_a_body_that_was_cut_is_empty(text):
    assert parse_body(text) == {}
    assert find_difference(parse_body(text), body("One")) is None


def test_the_work_grows_with_the_length_only():
    def count_lines(size: int) -> int:
        """Count the lines of Python that run, which no other load disturbs."""
        lines = 0

        def trace(frame, event, argument):
            nonlocal lines
            lines += event == "line"
            return trace

        texts = [f"text {number}" for number in range(size)]
        earlier, later = body(*texts), body(*texts[:-2], "changed", "x", "y")
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            assert find_difference(earlier, later).index == size - 2
        finally:
            sys.settrace(before)
        return lines

    small, large = count_lines(200), count_lines(2000)
    assert large < 12 * small
