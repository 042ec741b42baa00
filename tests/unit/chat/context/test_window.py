"""Context estimates, truncation plans, and the messages that are sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.context import window
from lib.chat.usage import cost
from lib.core import tokens
from lib.core.conversation import Message, Node, Outcome, TextPart, Truncation, Usage
from lib.core.params import Params
from lib.core.target import Target
from lib.core.web_search import search_to_part
from lib.gateway.wires.request_body import normalize_messages

TARGET = Target("gpt-4o", "openai")
OTHER = Target("claude-sonnet-4-5", "anthropic")
DEFAULT_PARAMS = Params()


def build_path(
    *sizes: tuple[int, int], usage_by_turn: dict[int, Usage] | None = None, target: Target = TARGET
) -> list[Node]:
    """Return a path of turns; `sizes` are characters of question and answer per turn."""
    path: list[Node] = []
    for number, (question_size, answer_size) in enumerate(sizes):
        parent = path[-1].id if path else None
        question = Node(f"q{number}", parent, Message("user", (TextPart("q" * question_size),)), number)
        usage = (usage_by_turn or {}).get(number, Usage())
        answer = Node(
            f"a{number}",
            question.id,
            Message("assistant", (TextPart("a" * answer_size),)),
            number + 0.5,
            Outcome.COMPLETE,
            "stop",
            target=target,
            usage=usage,
        )
        path += [question, answer]
    return path


def estimate(
    path: list[Node],
    text: str = "",
    truncation: Truncation | None = None,
    limit: int | None = 8000,
    **options,
):
    return window.estimate_context(
        path, text, options.get("params", DEFAULT_PARAMS), options.get("target", TARGET), limit, truncation
    )


turn_sizes = st.lists(st.tuples(st.integers(1, 4000), st.integers(0, 4000)), min_size=1, max_size=12)
context_windows = st.integers(100, 20_000)
texts = st.text(max_size=2000)


def test_the_estimate_includes_question_system_prompt_and_answer() -> None:
    result = estimate([], "a" * 36, params=Params(system="b" * 36, max_tokens=500))
    assert result == window.ContextEstimate(10 + 10 + tokens.MESSAGE_OVERHEAD + 500, 8000, False)
    assert estimate([], "a").tokens == 1 + tokens.MESSAGE_OVERHEAD + 1000  # an eighth of the window
    assert estimate([], "a", limit=100_000).tokens == 1 + tokens.MESSAGE_OVERHEAD + window.DEFAULT_ANSWER_TOKENS
    assert estimate([], "a", limit=50, params=Params(max_tokens=9000)).tokens == 1 + tokens.MESSAGE_OVERHEAD + 50


def test_an_unknown_context_window_is_never_exceeded() -> None:
    result = estimate(build_path((40_000, 40_000)), "a" * 40_000, limit=None)
    assert result.context_window is None
    assert not result.is_over_limit
    assert not result.is_near_limit


def test_counts_of_the_gateway_replace_estimates() -> None:
    path = build_path((360, 360), (360, 360), usage_by_turn={1: Usage(input=600, output=150)})
    result = estimate(path, "a" * 36)
    assert result == window.ContextEstimate(600 + 150 + 10 + tokens.MESSAGE_OVERHEAD + 1000, 8000, True)
    later = [*path, *build_path((720, 720))]
    assert estimate(later).tokens == 750 + 2 * (200 + tokens.MESSAGE_OVERHEAD) + 1000


def test_results_of_a_search_are_not_sent_again() -> None:
    path = build_path((360, 360), (360, 360), usage_by_turn={0: Usage(300, 150), 1: Usage(2_000, 150, searches=1)})
    without_count = [*path[:3], replace(path[3], usage=Usage())]
    assert estimate(path) == estimate(without_count)
    parts = (search_to_part("q", []), TextPart("a" * 360))
    searched = replace(path[3], message=Message("assistant", parts), usage=Usage(600, 150))
    assert estimate([*path[:3], searched]) == estimate([*path[:3], replace(searched, usage=Usage())])


def test_reasoning_tokens_are_not_sent_again() -> None:
    path = build_path((360, 360), usage_by_turn={0: Usage(input=150, output=600, reasoning=500)})
    assert estimate(path).tokens == 250 + 1000


def test_a_stopped_answer_is_estimated_from_its_text() -> None:
    path = build_path((360, 360), usage_by_turn={0: Usage(input=150, output=1)})
    path[-1] = replace(path[-1], finish_reason="", outcome=Outcome.STOPPED)
    assert estimate(path).tokens == 150 + 100 + tokens.MESSAGE_OVERHEAD + 1000


@pytest.mark.parametrize(
    ("usage", "metadata", "target"),
    [
        (Usage(output=150), {}, TARGET),
        (Usage(input=600), {}, TARGET),
        (Usage(input=0, output=0), {}, TARGET),
        (Usage(input=300, output=150), {}, OTHER),  # tokens of another vendor
        (Usage(input=600, output=150), {"usage": {"prompt_tokens": 400}}, TARGET),  # of two requests
        (
            Usage(input=600, output=150),
            {"usage": {"input_tokens": 9, "cache_read_input_tokens": 400}},
            TARGET,
        ),
        (Usage(input=90_000, output=150), {}, TARGET),  # of another path
        (Usage(input=3, output=3), {}, TARGET),
    ],
)
def test_implausible_counts_are_ignored(usage: Usage, metadata: dict, target: Target) -> None:
    path = build_path((360, 360), usage_by_turn={0: usage}, target=target)
    path[-1] = replace(path[-1], provider_metadata=metadata)
    assert estimate(path) == window.ContextEstimate(2 * (100 + tokens.MESSAGE_OVERHEAD) + 1000, 8000, False)


def test_models_of_one_vendor_share_token_counts() -> None:
    path = build_path((360, 360), usage_by_turn={0: Usage(input=150, output=90)})
    assert estimate(path, target=Target("gpt-4.1-mini", "anthropic")).is_counted
    assert not estimate(path, target=OTHER).is_counted


LONG = [(3600, 3600)] * 4
COUNTED = {n: Usage(input=1000 + 2000 * n, output=1000) for n in range(4)}


def test_a_truncated_path_is_estimated_until_its_first_count() -> None:
    path = build_path(*LONG, usage_by_turn=COUNTED)
    truncation = Truncation("q2")
    assert estimate(path) == window.ContextEstimate(8000 + 1000, 8000, True)
    assert estimate(path, truncation=truncation) == window.ContextEstimate(4 * 1004 + 1000, 8000, False)
    shorter = build_path(*LONG, (3600, 3600), usage_by_turn={**COUNTED, 4: Usage(input=5100, output=1000)})
    assert estimate(shorter, truncation=truncation) == window.ContextEstimate(6100 + 1000, 8000, True)
    # A later truncation has no count of its own.
    assert not estimate(shorter, truncation=Truncation("q4")).is_counted


def test_without_truncation_the_largest_count_is_used() -> None:
    path = build_path(*LONG, (3600, 3600), usage_by_turn={**COUNTED, 4: Usage(input=5100, output=1000)})
    assert estimate(path) == window.ContextEstimate(8000 + 2 * 1004 + 1000, 8000, True)


@given(turn_sizes, texts, st.text(max_size=500))
def test_more_text_never_needs_fewer_tokens(sizes, text, more) -> None:
    path = build_path(*sizes)
    before = estimate(path, text).tokens
    assert estimate(path, text + more).tokens >= before - 1
    assert estimate([*path, *build_path((10, 10))], text).tokens >= before
    assert estimate(path, text, params=Params(system=more)).tokens >= before


@given(turn_sizes, texts, context_windows)
def test_the_plan_fits_when_any_truncation_does_and_preserves_the_last_turn(sizes, text, limit) -> None:
    path = build_path(*sizes)
    plan = window.plan_truncation(path, text, DEFAULT_PARAMS, TARGET, limit)
    if len(sizes) == 1:
        assert plan is None
        return
    assert plan
    question_indexes = [index for index, node in enumerate(path) if node.message.role == "user"][1:]
    start = window.first_sent_index(path, plan.truncation)
    assert start in question_indexes
    assert estimate(path, text, plan.truncation, limit) == plan.estimate
    candidates = [estimate(path, text, Truncation(path[index].id), limit) for index in question_indexes]
    assert plan.estimate.is_over_limit == all(candidate.is_over_limit for candidate in candidates)
    assert plan.dropped_turn_count == start // 2
    # With room for more turns, unless the last turn alone is too large.
    assert start == question_indexes[-1] or plan.estimate.tokens <= limit * window.TRUNCATED_RATIO


@given(turn_sizes, context_windows, context_windows)
def test_a_larger_context_window_never_drops_more(sizes, first_window, second_window) -> None:
    path = build_path(*sizes, (10, 10))
    small, large = sorted((first_window, second_window))
    plans = [window.plan_truncation(path, "", DEFAULT_PARAMS, TARGET, limit) for limit in (small, large)]
    assert plans[0] and plans[1]
    assert plans[0].dropped_turn_count >= plans[1].dropped_turn_count


@given(turn_sizes, st.integers(0, 20), context_windows)
def test_a_truncation_only_moves_forward(sizes, turn_number, limit) -> None:
    path = build_path(*sizes)
    current = Truncation(f"q{turn_number}")
    plan = window.plan_truncation(path, "", DEFAULT_PARAMS, TARGET, limit, current)
    if plan:
        assert window.first_sent_index(path, plan.truncation) > window.first_sent_index(path, current)
        dropped = window.dropped_nodes(path, current, plan.truncation)
        assert plan.dropped_turn_count == sum(node.message.role == "user" for node in dropped) > 0


def test_higher_token_counts_drop_more_turns() -> None:
    sizes = [(1800, 1800)] * 6
    estimated_plan = window.plan_truncation(build_path(*sizes), "", DEFAULT_PARAMS, TARGET, 8000)
    usage_by_turn = {n: Usage(input=3000 * n + 1500, output=1500) for n in range(6)}
    counted_plan = window.plan_truncation(
        build_path(*sizes, usage_by_turn=usage_by_turn), "", DEFAULT_PARAMS, TARGET, 8000
    )
    assert estimated_plan and counted_plan
    assert counted_plan.dropped_turn_count > estimated_plan.dropped_turn_count


def test_the_plan_reserves_tokens_for_a_summary() -> None:
    path = build_path(*LONG)
    plan = window.plan_truncation(path, "", DEFAULT_PARAMS, TARGET, 16_000)
    plan_with_summary = window.plan_truncation(path, "", DEFAULT_PARAMS, TARGET, 16_000, None, 2000)
    assert plan and plan_with_summary
    assert plan_with_summary.dropped_turn_count > plan.dropped_turn_count
    assert plan_with_summary.estimate.tokens == estimate(path, "", plan_with_summary.truncation, 16_000).tokens + 2000


@given(turn_sizes, st.integers(0, 20), st.sampled_from(["", "  ", "Earlier: ships."]), st.booleans())
def test_messages_alternate_roles_and_end_with_the_last_node(sizes, start, summary, has_question) -> None:
    path = build_path(*((question_size, answer_size + 1) for question_size, answer_size in sizes))
    if has_question:
        path.append(Node("last", path[-1].id, Message("user", (TextPart("And now?"),)), 99.0))
    truncation = Truncation(f"q{start}", summary)
    messages = window.build_messages(path, truncation)
    assert [message.role for message in messages[::2]] == ["user"] * len(messages[::2])
    assert [message.role for message in messages[1::2]] == ["assistant"] * len(messages[1::2])
    assert normalize_messages(messages) == messages  # already normalised
    assert messages[-1] == path[-1].message
    has_summary = 0 < start < len(sizes) and bool(summary.strip())
    assert (
        messages[0].text.endswith(summary)
        if has_summary
        else messages[0] == path[window.first_sent_index(path, truncation)].message
    )
    assert len(messages) == len(path) - window.first_sent_index(path, truncation) + 2 * has_summary


@pytest.mark.parametrize("truncation", [None, Truncation("gone"), Truncation("gone", "Old."), Truncation("q0", "Old.")])
def test_a_truncation_that_drops_nothing_is_ignored(truncation: Truncation | None) -> None:
    path = build_path((10, 10), (10, 10))
    assert window.build_messages(path, truncation) == [node.message for node in path]
    assert window.dropped_nodes(path, truncation, Truncation("q1")) == path[:2]


@given(turn_sizes, st.integers(0, 12), st.sampled_from(["", "Earlier: ships."]))
def test_a_copied_path_sends_the_same_messages_as_the_truncation(sizes, start, summary) -> None:
    path = build_path(*sizes, usage_by_turn={0: Usage(10, 20, 5)})
    truncation = Truncation(f"q{start}", summary)
    nodes = window.copy_truncated(path, truncation, 1000.0)
    assert window.build_messages(nodes) == window.build_messages(path, truncation)
    assert [node.parent_id for node in nodes] == [None, *(node.id for node in nodes[:-1])]
    assert not {node.id for node in nodes} & {node.id for node in path}
    assert [node.created_at for node in nodes] == sorted({node.created_at for node in nodes})
    assert not any(node.usage.input for node in nodes)
    assert not estimate(nodes).is_counted


def test_files_count_with_their_messages_and_with_the_question() -> None:
    path, params = build_path((100, 100), (100, 100), (100, 100)), Params(max_tokens=100)
    files = window.FileTokens({"q0": 5000, "q2": 700}, 300)

    def tokens_of(truncation: Truncation | None = None, files: window.FileTokens = window.NO_FILE_TOKENS) -> int:
        return window.estimate_context(path, "", params, TARGET, 8000, truncation, files).tokens

    assert tokens_of(files=files) == tokens_of() + 6000
    assert tokens_of(Truncation("q1"), files) == tokens_of(Truncation("q1")) + 1000
    # A file that is dropped makes room.
    plan = window.plan_truncation(path, "", params, TARGET, 6000, None, 0, files)
    assert plan and plan.truncation == Truncation("q1") and plan.estimate.tokens == tokens_of(plan.truncation, files)


def test_the_margin_of_a_reservation_covers_what_no_gateway_has_counted() -> None:
    counted = build_path((400, 400), usage_by_turn={0: Usage(input=110, output=110)})
    question = Node("q1", "a0", Message("user", (TextPart("Why?"),)), 9.0)
    files = window.FileTokens({"q1": 4000})
    result = window.estimate_context([*counted, question], "", DEFAULT_PARAMS, TARGET, None, None, files)
    assert result.is_counted and result.uncounted_tokens == 4000 + tokens.estimate_message("Why?")
    bound = cost.max_usage(result, DEFAULT_PARAMS).input or 0
    assert bound >= 110 + 110 + 4000 * cost.ESTIMATE_MARGIN
