"""Comparisons: one transaction for all columns, which no list shows until they are kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.comparisons import Column, Comparison, Vote
from lib.core.conversation import Conversation, FilePart, Message, Node, Outcome, TextPart
from lib.core.errors import AttachmentNotFound, TooManyAnswers
from lib.core.params import Params
from lib.core.quota import RunningLimit
from lib.core.search import SearchFilter
from lib.core.target import Target
from lib.core.usage import ConversationFilter

TARGETS = (Target("m-one", "openai"), Target("claude-x", "anthropic"))
LIMIT = RunningLimit(3, 60.0)


def build(number: int = 1, *parts: FilePart) -> tuple[Comparison, list[tuple[Conversation, list[Node]]]]:
    """Return a comparison with two columns, and the conversations of these with their arriving answers."""
    columns, turns = [], []
    for index, target in enumerate(TARGETS):
        name = f"{number}-{index}"
        question = Node(f"q{name}", None, Message("user", (*parts, TextPart("Why quokka?"))), float(number))
        answer = Node(f"a{name}", question.id, Message("assistant", ()), number + 0.5, Outcome.ARRIVING, target=target)
        answer = replace(answer, usage_record_id=f"u{name}")
        conversation = Conversation(f"c{name}", "Why quokka?", float(number), answer.id, target, folder="Work")
        turns.append((replace(conversation, comparison_id=f"k{number}"), [question, answer]))
        columns.append(Column(conversation.id, question.id, target, Params(temperature=index / 2)))
    return Comparison(f"k{number}", "Why quokka?", float(number), tuple(columns), True), turns


def listed_ids(store) -> list[str]:
    """Return the conversations that lists, the folders, the search and an export show; they agree."""
    shelf = [found.id for found in store.conversations.page("ann", 9, ConversationFilter("folder", "Work"))]
    assert dict(store.conversations.folders("ann")).get("Work", 0) == len(shelf)
    assert [found.conversation.id for found in store.search.find("ann", "quokka", 9)] == shelf
    assert [found.conversation.id for found in store.search.find("ann", "", 9, None, SearchFilter(end=1e12))] == shelf
    assert [conversation.id for conversation, _ in store.conversations.export_all("ann")] == shelf
    return shelf


def test_a_column_is_listed_from_when_it_is_kept(store):
    comparison, turns = build()
    store.comparisons.save("ann", comparison, turns, LIMIT)
    assert store.comparisons.get("ann", "k1") == comparison
    assert store.comparisons.get("bob", "k1") is None
    assert store.conversations.get("ann", "c1-0").comparison_id == "k1"
    assert len(store.messages.nodes("ann", "c1-1")) == 2
    assert listed_ids(store) == [] and store.search.models("ann") == []
    store.comparisons.keep("ann", "c1-1")
    assert listed_ids(store) == ["c1-1"]
    assert store.comparisons.get("ann", "k1") == comparison


def test_a_comparison_starts_as_a_whole_or_not_at_all(store):
    comparison, turns = build()
    store.comparisons.save("ann", comparison, turns, LIMIT)
    with pytest.raises(TooManyAnswers):
        store.comparisons.save("ann", *build(2), LIMIT)
    with pytest.raises(AttachmentNotFound):
        store.comparisons.save("ann", *build(3, FilePart("0" * 64, "lost.txt")))
    assert store.comparisons.page("ann", 9) == [comparison]
    assert store.conversations.get("ann", "c2-0") is None
    store.comparisons.save("bob", *build(4), LIMIT)


def test_comparisons_are_listed_by_pages_and_counted_by_their_votes(store):
    saved = [build(number)[0] for number in range(1, 5)]
    for number in range(1, 5):
        store.comparisons.save("ann", *build(number))
    first = store.comparisons.page("ann", 3)
    assert first == saved[:0:-1]
    assert store.comparisons.page("ann", 3, first[-1]) == [saved[0]]
    store.comparisons.set_vote("ann", "k2", Vote("best", 1))
    store.comparisons.set_vote("ann", "k3", Vote("bad"))
    store.comparisons.set_vote("ann", "k4", Vote("tie"))
    store.comparisons.set_vote("ann", "k4", None)
    voted = {found.id: found.vote for found in store.comparisons.voted("ann")}
    assert voted == {"k2": Vote("best", 1), "k3": Vote("bad")}
    assert store.comparisons.get("ann", "k2").is_hidden is False


def test_a_deleted_comparison_takes_its_columns_along_but_not_those_that_were_kept(store):
    store.comparisons.save("ann", *build())
    store.comparisons.keep("ann", "c1-0")
    store.comparisons.delete("ann", "k1")
    assert store.comparisons.get("ann", "k1") is None and store.comparisons.page("ann", 9) == []
    store.comparisons.restore("ann", "k1")
    assert store.comparisons.get("ann", "k1")
    store.comparisons.delete("ann", "k1")
    store.purge_deleted(0.0)
    assert store.conversations.get("ann", "c1-0")
    assert store.conversations.get("ann", "c1-1") is None and store.messages.nodes("ann", "c1-1") == []
