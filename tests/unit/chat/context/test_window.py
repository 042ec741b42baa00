"""Context estimates, truncation plans, and the messages that are sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.chat.context import window
from lib.chat.turns import turn
from lib.core import tokens
from lib.core.conversation import Message, Node, Outcome, TextPart, Truncation, Usage
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.wires.request_body import normalize_messages

TARGET = Target("gpt-4o", "openai")
OTHER = Target("claude-sonnet-4-5", "anthropic")
PLAIN = Params()


def talk(
    *sizes: tuple[int, int], used: dict[int, Usage] | None = None, target: Target = TARGET
) -> list[Node]:
    """A path of turns, each of a question and an answer of so many characters; `used` by number of turn."""
    path: list[Node] = []
    for number, (asked, said) in enumerate(sizes):
        parent = path[-1].id if path else None
        question = Node(f"q{number}", parent, Message("user", (TextPart("q" * asked),)), number)
        usage = (used or {}).get(number, Usage())
        answer = Node(
            f"a{number}",
            question.id,
            Message("assistant", (TextPart("a" * said),)),
            number + 0.5,
            Outcome.COMPLETE,
            "stop",
            target=target,
            usage=usage,
        )
        path += [question, answer]
    return path


def need(path: list[Node], text: str = "", kept: Truncation | None = None, limit: int | None = 8000, **how):
    return window.estimate_context(
        path, text, how.get("params", PLAIN), how.get("target", TARGET), limit, kept
    )


turns = some.lists(some.tuples(some.integers(1, 4000), some.integers(0, 4000)), min_size=1, max_size=12)
limits = some.integers(100, 20_000)
texts = some.text(max_size=2000)


def test_a_new_conversation_needs_its_question_and_room_for_the_answer() -> None:
    found = need([], "a" * 36, params=Params(system="b" * 36, max_tokens=500))
    assert found == window.ContextEstimate(10 + 10 + tokens.MESSAGE_OVERHEAD + 500, 8000, False)
    assert need([], "a").tokens == 1 + tokens.MESSAGE_OVERHEAD + 1000  # an eighth of the window
    assert need([], "a", limit=100_000).tokens == 1 + tokens.MESSAGE_OVERHEAD + window.DEFAULT_ANSWER_TOKENS
    assert need([], "a", limit=50, params=Params(max_tokens=9000)).tokens == 1 + tokens.MESSAGE_OVERHEAD + 50


def test_without_a_known_window_nothing_is_ever_over() -> None:
    found = need(talk((40_000, 40_000)), "a" * 40_000, limit=None)
    assert found.context_window is None
    assert not found.is_over_limit
    assert not found.is_near_limit


def test_what_the_gateway_counted_goes_before_any_estimate() -> None:
    path = talk((360, 360), (360, 360), used={1: Usage(input=600, output=150)})
    found = need(path, "a" * 36)
    assert found == window.ContextEstimate(600 + 150 + 10 + tokens.MESSAGE_OVERHEAD + 1000, 8000, True)
    later = [*path, *talk((720, 720))]
    assert need(later).tokens == 750 + 2 * (200 + tokens.MESSAGE_OVERHEAD) + 1000


def test_what_was_thought_is_not_sent_again() -> None:
    path = talk((360, 360), used={0: Usage(input=150, output=600, reasoning=500)})
    assert need(path).tokens == 250 + 1000


def test_a_stopped_answers_count_is_a_guess_and_its_text_is_not() -> None:
    path = talk((360, 360), used={0: Usage(input=150, output=1)})
    path[-1] = replace(path[-1], finish_reason="", outcome=Outcome.STOPPED)
    assert need(path).tokens == 150 + 100 + tokens.MESSAGE_OVERHEAD + 1000


@pytest.mark.parametrize(
    ("usage", "served", "target"),
    [
        (Usage(output=150), {}, TARGET),
        (Usage(input=600), {}, TARGET),
        (Usage(input=0, output=0), {}, TARGET),
        (Usage(input=300, output=150), {}, OTHER),  # another maker's tokens
        (Usage(input=600, output=150), {"usage": {"prompt_tokens": 400}}, TARGET),  # of two requests
        (
            Usage(input=600, output=150),
            {"usage": {"input_tokens": 9, "cache_read_input_tokens": 400}},
            TARGET,
        ),
        (Usage(input=90_000, output=150), {}, TARGET),  # of a path that is not this one
        (Usage(input=3, output=3), {}, TARGET),
    ],
)
def test_a_count_that_does_not_hold_is_not_taken(usage: Usage, served: dict, target: Target) -> None:
    path = talk((360, 360), used={0: usage}, target=target)
    path[-1] = replace(path[-1], provider_metadata=served)
    assert need(path) == window.ContextEstimate(2 * (100 + tokens.MESSAGE_OVERHEAD) + 1000, 8000, False)


def test_another_model_of_the_same_maker_counts_alike() -> None:
    path = talk((360, 360), used={0: Usage(input=150, output=90)})
    assert need(path, target=Target("gpt-4.1-mini", "anthropic")).is_counted
    assert not need(path, target=OTHER).is_counted


LONG = [(3600, 3600)] * 4
COUNTED = {n: Usage(input=1000 + 2000 * n, output=1000) for n in range(4)}


def test_a_window_is_estimated_until_the_first_count_of_its_own() -> None:
    path = talk(*LONG, used=COUNTED)
    kept = Truncation("q2")
    assert need(path) == window.ContextEstimate(8000 + 1000, 8000, True)
    assert need(path, kept=kept) == window.ContextEstimate(4 * 1004 + 1000, 8000, False)
    shorter = talk(*LONG, (3600, 3600), used={**COUNTED, 4: Usage(input=5100, output=1000)})
    assert need(shorter, kept=kept) == window.ContextEstimate(6100 + 1000, 8000, True)
    # Moved on, the window has no count of its own again.
    assert not need(shorter, kept=Truncation("q4")).is_counted


def test_undone_the_greatest_count_is_that_of_the_whole_path() -> None:
    path = talk(*LONG, (3600, 3600), used={**COUNTED, 4: Usage(input=5100, output=1000)})
    assert need(path) == window.ContextEstimate(8000 + 2 * 1004 + 1000, 8000, True)


@given(turns, texts, some.text(max_size=500))
def test_more_to_send_never_needs_less(sizes, text, more) -> None:
    path = talk(*sizes)
    before = need(path, text).tokens
    assert need(path, text + more).tokens >= before - 1
    assert need([*path, *talk((10, 10))], text).tokens >= before
    assert need(path, text, params=Params(system=more)).tokens >= before


@given(turns, texts, limits)
def test_the_window_fits_whenever_one_does_and_the_last_turn_stays(sizes, text, limit) -> None:
    path = talk(*sizes)
    found = window.plan_truncation(path, text, PLAIN, TARGET, limit)
    if len(sizes) == 1:
        assert found is None
        return
    assert found
    places = [place for place, node in enumerate(path) if node.message.role == "user"][1:]
    start = window.first_sent_index(path, found.truncation)
    assert start in places
    assert need(path, text, found.truncation, limit) == found.estimate
    possible = [need(path, text, Truncation(path[place].id), limit) for place in places]
    assert found.estimate.is_over_limit == all(one.is_over_limit for one in possible)
    assert found.dropped_turn_count == start // 2
    # With room for more turns, unless the last one alone leaves none.
    assert start == places[-1] or found.estimate.tokens <= limit * window.TRUNCATED_RATIO


@given(turns, limits, limits)
def test_a_larger_window_never_leaves_out_more(sizes, one, other) -> None:
    path = talk(*sizes, (10, 10))
    small, large = sorted((one, other))
    left = [window.plan_truncation(path, "", PLAIN, TARGET, limit) for limit in (small, large)]
    assert left[0] and left[1]
    assert left[0].dropped_turn_count >= left[1].dropped_turn_count


@given(turns, some.integers(0, 20), limits)
def test_a_window_only_ever_moves_on(sizes, turn_, limit) -> None:
    path = talk(*sizes)
    now = Truncation(f"q{turn_}")
    found = window.plan_truncation(path, "", PLAIN, TARGET, limit, now)
    if found:
        assert window.first_sent_index(path, found.truncation) > window.first_sent_index(path, now)
        left = window.dropped_nodes(path, now, found.truncation)
        assert found.dropped_turn_count == sum(node.message.role == "user" for node in left) > 0


def test_a_tokenizer_that_counts_more_leaves_out_more() -> None:
    sizes = [(1800, 1800)] * 6
    plain = window.plan_truncation(talk(*sizes), "", PLAIN, TARGET, 8000)
    dense = {n: Usage(input=3000 * n + 1500, output=1500) for n in range(6)}
    counted = window.plan_truncation(talk(*sizes, used=dense), "", PLAIN, TARGET, 8000)
    assert plain and counted
    assert counted.dropped_turn_count > plain.dropped_turn_count


def test_room_for_a_summary_is_left_where_one_is_to_come() -> None:
    path = talk(*LONG)
    bare = window.plan_truncation(path, "", PLAIN, TARGET, 16_000)
    summed = window.plan_truncation(path, "", PLAIN, TARGET, 16_000, None, 2000)
    assert bare and summed
    assert summed.dropped_turn_count > bare.dropped_turn_count
    assert summed.estimate.tokens == need(path, "", summed.truncation, 16_000).tokens + 2000


@given(turns, some.integers(0, 20), some.sampled_from(["", "  ", "Earlier: ships."]), some.booleans())
def test_what_is_sent_keeps_the_sides_in_turns_and_its_end(sizes, start, summary, asked) -> None:
    path = talk(*((asked, said + 1) for asked, said in sizes))
    if asked:
        path.append(Node("last", path[-1].id, Message("user", (TextPart("And now?"),)), 99.0))
    kept = Truncation(f"q{start}", summary)
    found = turn.build_messages(path, TARGET, kept)
    assert [message.role for message in found[::2]] == ["user"] * len(found[::2])
    assert [message.role for message in found[1::2]] == ["assistant"] * len(found[1::2])
    assert normalize_messages(found) == found  # nothing for the wires to mend
    assert found[-1] == path[-1].message
    told = 0 < start < len(sizes) and bool(summary.strip())
    assert (
        found[0].text.endswith(summary)
        if told
        else found[0] == path[window.first_sent_index(path, kept)].message
    )
    assert len(found) == len(path) - window.first_sent_index(path, kept) + 2 * told


@pytest.mark.parametrize(
    "kept", [None, Truncation("gone"), Truncation("gone", "Old."), Truncation("q0", "Old.")]
)
def test_a_window_that_leaves_nothing_out_is_none(kept: Truncation | None) -> None:
    path = talk((10, 10), (10, 10))
    assert turn.build_messages(path, TARGET, kept) == [node.message for node in path]
    assert window.dropped_nodes(path, kept, Truncation("q1")) == path[:2]


@given(turns, some.integers(0, 12), some.sampled_from(["", "Earlier: ships."]))
def test_what_a_new_conversation_begins_with_is_what_the_window_sends(sizes, start, summary) -> None:
    path = talk(*sizes, used={0: Usage(10, 20, 5)})
    kept = Truncation(f"q{start}", summary)
    nodes = window.copy_truncated(path, kept, 1000.0)
    assert turn.build_messages(nodes, TARGET) == turn.build_messages(path, TARGET, kept)
    assert [node.parent_id for node in nodes] == [None, *(node.id for node in nodes[:-1])]
    assert not {node.id for node in nodes} & {node.id for node in path}
    assert [node.created_at for node in nodes] == sorted({node.created_at for node in nodes})
    assert not any(node.usage.input for node in nodes)
    assert not need(nodes).is_counted
