"""Search groups messages by conversation, ranks titles above, filters and paginates, on both databases."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.search import SearchFilter, SearchResult
from lib.core.target import Target
from lib.storage.search import query as search
from lib.storage.search.query import HITS_SHOWN, MAX_HITS_SHOWN
from lib.storage.store import Store
from tests.unit.storage.corpus import MESSAGES, QUERIES
from tests.unit.storage.search.test_search import is_match

MODELS = ("gpt-5", "claude-x", "claude-x-mini")
FOLDERS = ("", "Work", "work")
TITLES = [text[:120] for text in MESSAGES]

Saved = list[tuple[Conversation, list[Node]]]


def build_history(seed: int = 3) -> Saved:
    """Build conversations whose titles and messages are drawn from the corpus, with alternatives and deleted rows."""
    rng = random.Random(seed)
    history: Saved = []
    for number in range(45):
        nodes: list[Node] = []
        for position in range(rng.randrange(1, 9)):
            role = "assistant" if position % 2 else "user"
            questions = [node.id for node in nodes if node.message.role == "user"]
            parent = rng.choice(questions) if position % 2 else (nodes[-1].id if nodes else None)
            target = Target(rng.choice(MODELS), "openai") if position % 2 else None
            message = Message(role, (TextPart(rng.choice(MESSAGES)),))
            created = float(rng.randrange(40))
            deleted = 1e9 if rng.random() < 0.1 else None
            nodes.append(Node(f"n{number}-{position}", parent, message, created, target=target, deleted_at=deleted))
        title, updated = rng.choice(TITLES), float(rng.randrange(12))
        history.append(
            (
                Conversation(
                    f"c{number:02}", title, updated, None, folder=rng.choice(FOLDERS), archived=rng.random() < 0.2
                ),
                nodes,
            )
        )
    return history


def save(store: Store, history: Saved, owner: str = "ann") -> None:
    for conversation, nodes in history:
        store.messages.save_turn(owner, conversation, [replace(node, deleted_at=None) for node in nodes])
        deleted = [node.id for node in nodes if node.deleted_at]
        store.messages.set_deleted(owner, conversation.id, deleted, 1e9)


def meets_filter(node: Node, nodes: Iterable[Node], search_filter: SearchFilter) -> bool:
    """Tell if a message meets the conditions of a filter; the reference implementation."""
    answers = [other for other in nodes if other.parent_id == node.id and not other.deleted_at]
    models = {one.target.model for one in (node, *answers) if one.target}
    return (
        not node.deleted_at
        and (not search_filter.model or search_filter.model in models)
        and (search_filter.start is None or node.created_at >= search_filter.start)
        and (search_filter.end is None or node.created_at < search_filter.end)
    )


def scan(history: Saved, query: str, search_filter: SearchFilter) -> list[tuple[str, bool, float, list[str]]]:
    """Find by a scan of everything: id, match of the title, sort time and messages of each conversation."""
    found = []
    for conversation, nodes in history:
        if search_filter.folder not in (None, conversation.folder):
            continue
        allowed = [node for node in nodes if meets_filter(node, nodes, search_filter)]
        hits = [node for node in allowed if is_match(node.message.text, query)]
        in_title = is_match(conversation.title, query) if query else True
        in_title = in_title and bool(allowed or not search_filter.has_message_condition)
        if hits or in_title:
            hits.sort(key=lambda node: (node.created_at, node.id), reverse=True)
            found_at = conversation.updated_at if in_title else hits[0].created_at
            found.append((conversation.id, in_title, found_at, [node.id for node in hits]))
    return sorted(found, key=lambda row: (row[1], row[2], row[0]), reverse=True)


def to_row(result: SearchResult) -> tuple[str, bool, float, list[str]]:
    ids = [hit.node_id for hit in result.hits]
    return result.conversation.id, result.is_title_match, result.found_at, ids


FILTERS = [
    SearchFilter(),
    SearchFilter(model="claude-x"),
    SearchFilter(folder=""),
    SearchFilter(folder="Work"),
    SearchFilter(start=10.0, end=20.0),
    SearchFilter(model="gpt-5", folder="work", start=5.0),
    SearchFilter(model="unknown"),
]
# In turn; the first query of each filter has the most results.
PAGE_SIZES = (5, 1, 2, 9, 20, 40)


@pytest.mark.slow
def test_results_are_those_of_a_scan_in_pages_of_any_size(store, monkeypatch):
    history = build_history()
    save(store, history)
    copies = []
    for conversation, nodes in history:
        copied_nodes = [replace(node, id=f"x{node.id}", parent_id=None) for node in nodes]
        copies.append((replace(conversation, id=f"x{conversation.id}"), copied_nodes))
    store.conversations.import_all("bob", copies)
    for search_filter in FILTERS:
        queries = QUERIES if search_filter.is_empty else ["", *QUERIES[::9]]
        found_count = 0
        for number, query in enumerate(queries):
            # With few passages, SQLite always begins with those of a term, and with many never.
            monkeypatch.setattr(search, "_RARE_PASSAGES", 1 if number % 2 else 5000)
            found_count += compare_with_scan(store, history, query, search_filter, PAGE_SIZES[number % 6])
        assert found_count > 10 or search_filter.model == "unknown", search_filter


def compare_with_scan(store: Store, history: Saved, query: str, search_filter: SearchFilter, page_size: int) -> int:
    """Compare all pages of the results with those of a scan, and return their number."""
    expected, everything = scan(history, query, search_filter), [conversation.id for conversation, _ in history]
    results: list[SearchResult] = []
    while page := store.search.find(
        "ann", query, page_size, results[-1] if results else None, search_filter, everything
    ):
        assert len(page) <= page_size
        results += page
        # After the last result nothing follows: pages of one result ask for it.
        if len(page) < page_size:
            break
    if query:
        assert list(map(to_row, results)) == expected, (query, search_filter)
    else:
        assert [to_row(result)[:3] for result in results] == [row[:3] for row in expected], search_filter
        assert not any(result.hits for result in results)
    return len(results)


def test_titles_rank_above_messages_and_a_blank_query_without_a_filter_finds_nothing(store):
    asked = Node("q", None, Message("user", (TextPart("About okapis"),)), 9.0)
    store.messages.save_turn("ann", Conversation("new", "Zoo", 9.0), [asked])
    store.messages.save_turn("ann", Conversation("old", "Okapi", 1.0), [])
    store.messages.save_turn("ann", Conversation("both", "动物 okapi", 2.0), [replace(asked, id="q2")])
    results = store.search.find("ann", "okapi", 9)
    assert [(result.conversation.id, result.is_title_match, result.hit_count) for result in results] == [
        ("both", True, 1),
        ("old", True, 0),
        ("new", False, 1),
    ]
    assert [result.conversation.id for result in store.search.find("ann", "动物", 9)] == ["both"]
    for query in ("", "  "):
        assert store.search.find("ann", query, 9) == []
        assert len(store.search.find("ann", query, 9, None, SearchFilter(folder=""))) == 3
    assert store.search.find("ann", "?!", 9, None, SearchFilter(folder="")) == []


def test_a_title_is_found_by_its_new_words_after_every_kind_of_change(store):
    def find_titles(query: str) -> list[str]:
        return [result.conversation.title for result in store.search.find("ann", query, 9)]

    store.messages.save_turn("ann", Conversation("c", "Zebra", 1.0), [])
    assert find_titles("zeb") == ["Zebra"]
    store.conversations.rename("ann", "c", "一只长颈鹿")
    assert (find_titles("zebra"), find_titles("长颈")) == ([], ["一只长颈鹿"])
    store.messages.save_turn("ann", Conversation("d", "A question", 1.0, title_source="question"), [])
    store.conversations.set_generated_title("ann", "d", "Okapis 100% in_the wild")
    assert (find_titles("question"), find_titles("okapis 100% wild")) == ([], ["Okapis 100% in_the wild"])
    store.conversations.import_all("ann", [(Conversation("e", "Imported okapi", 3.0), [])])
    assert find_titles("okapi") == ["Imported okapi", "Okapis 100% in_the wild"]
    store.conversations.delete("ann", ["e"])
    assert find_titles("imported") == []


def test_a_conversation_has_its_newest_messages_and_all_of_them_when_expanded(store):
    nodes = [
        Node(f"m{n:02}", None, Message("user", (TextPart(f"okapi {n}"),)), float(n)) for n in range(MAX_HITS_SHOWN + 9)
    ]
    store.messages.save_turn("ann", Conversation("c", "Zoo", 1.0), nodes)
    newest_first = [node.id for node in reversed(nodes)]
    (result,) = store.search.find("ann", "okapi", 9)
    assert result.hit_count == len(nodes)
    assert [hit.node_id for hit in result.hits] == newest_first[:HITS_SHOWN]
    (result,) = store.search.find("ann", "okapi", 9, expanded={"c"})
    assert [hit.node_id for hit in result.hits] == newest_first[:MAX_HITS_SHOWN]


def test_the_models_of_the_owner_are_listed_once(store):
    for number, model in enumerate(("m-b", "m-a", "m-b", None)):
        target = Target(model, "openai") if model else None
        store.messages.save_turn("ann", Conversation(f"c{number}", "T", 1.0, target=target), [])
    store.messages.save_turn("bob", Conversation("d", "T", 1.0, target=Target("m-c", "openai")), [])
    assert store.search.models("ann") == ["m-a", "m-b"]
