"""Full-text search finds the same in every language, on both databases."""

from __future__ import annotations

import random
import re
import time
import unicodedata
from dataclasses import replace
from functools import cache

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lib.core import search_terms
from lib.core.checkpoints import Checkpoint
from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, ThinkingPart
from lib.core.search import MessageHit
from lib.storage.database.engine import read_transaction
from lib.storage.search.tokens import encode_passages
from lib.storage.store import Store
from tests.support.examples import count_examples
from tests.unit.storage.corpus import MESSAGES, QUERIES

CONVERSATION = Conversation("c", "Untitled", 1.0, created_at=1.0)
CONVERSATION_IDS = ("c", "d")


def node(name: str, text: str, created: float = 1.0, **fields) -> Node:
    return replace(Node(name, None, Message("user", (TextPart(text),)), created), **fields)


def find_ids(store: Store, query: str, owner: str = "ann") -> list[str]:
    """Return the ids of all found messages, newest first."""
    results = store.search.find(owner, query, 999, expanded=CONVERSATION_IDS)
    hits = [hit for result in results for hit in result.hits]
    assert len(hits) == sum(result.hit_count for result in results)
    return [hit.node_id for hit in sorted(hits, key=lambda hit: (hit.created_at, hit.node_id), reverse=True)]


def save_messages(store: Store, *texts: str) -> None:
    """Save a conversation of these messages, with the ids m0, m1, …"""
    store.messages.save_turn("ann", CONVERSATION, [node(f"m{n}", text, float(n)) for n, text in enumerate(texts)])


# A reference implementation of the search of search_terms.py, by a scan of every message.


@cache
def normalize(text: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c for c in text if unicodedata.category(c) != "Cf" or c == "\u200b")


@cache
def is_unspaced_script(character: str) -> bool:
    return (
        bool(re.match("CJK|HIRAGANA|KATAKANA|HANGUL|IDEOGRAPHIC", unicodedata.name(character, "")))
        and character.isalnum()
    )


@cache
def split_runs_and_words(text: str) -> tuple[list[str], list[str]]:
    """Return the runs of a text in scripts without spaces, and its words."""
    kinds = ""
    for character in text:
        mark = unicodedata.category(character) in ("Mn", "Mc") and kinds.endswith("w") and character != "\ufe0f"
        kinds += "s" if is_unspaced_script(character) else "w" if character.isalnum() or mark else " "
    segments = [(run[0][0], text[run.start() : run.end()]) for run in re.finditer("s+|w+", kinds)]
    return [run for kind, run in segments if kind == "s"], [word for kind, word in segments if kind == "w"]


@cache
def is_match(text: str, query: str) -> bool:
    runs, words = split_runs_and_words(normalize(text))
    query_runs, query_words = split_runs_and_words(normalize(query))
    return (
        bool(query_runs or query_words)
        and all(any(term in run for run in runs) for term in query_runs)
        and all(any(word.startswith(term) for word in words) for term in query_words)
    )


@pytest.mark.slow
def test_search_returns_the_same_as_a_scan_of_all_messages(store):
    save_messages(store, *MESSAGES)
    hit_count = 0
    for query in QUERIES:
        expected = [f"m{n}" for n, text in enumerate(MESSAGES) if is_match(text, query)][::-1]
        assert find_ids(store, query) == expected, query
        for node_id in expected:
            text = MESSAGES[int(node_id[1:])]
            assert search_terms.find_matches(text, search_terms.parse_query(query)), (query, text)
        hit_count += len(expected)
    assert hit_count > 150


def test_queries_without_words_find_nothing(store):
    save_messages(store, *MESSAGES)
    for query in ("", " ", "?!—。，、", "👍🏽❤️", "\x00\ud83d", "%", "_", "'\"", "\\"):
        assert find_ids(store, query) == []


@settings(deadline=None, max_examples=count_examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=some.text(some.sampled_from("\"'*()^:-+{}[]%_\\;/ANDORNEAT\x00\ud83d 你好a1") | some.characters()))
def test_any_query_is_valid(store, query):
    if not store.messages.nodes("ann", "c"):
        save_messages(store, *MESSAGES)
    for node_id in find_ids(store, query):
        assert search_terms.find_matches(MESSAGES[int(node_id[1:])], search_terms.parse_query(query))


def test_queries_of_any_length_are_accepted(store):
    save_messages(store, "你好" * 5000, " ".join(f"word{n}" for n in range(5000)), "x" * 10_000)
    assert find_ids(store, "你好" * 5000) == ["m0"]
    assert find_ids(store, " ".join(f"word{n}" for n in range(5000))) == ["m1"]
    assert find_ids(store, "x" * 10_000) == ["m2"]
    assert find_ids(store, '"*' * 5000) == []


def test_a_hit_has_its_conversation_node_role_and_text(store):
    conversation = replace(CONVERSATION, title="Title", archived=True)
    answer = Message("assistant", (ThinkingPart("Secret 想法", "sig"), TextPart("Said \x00"), TextPart("答案。")))
    store.messages.save_turn(
        "ann", conversation, [node("q", "Why?", 1.0), node("a", "", 2.0, parent_id="q", message=answer)]
    )
    (result,) = store.search.find("ann", "答案", 9)
    assert result.conversation == store.conversations.get("ann", "c")
    assert (result.is_title_match, result.hit_count, result.found_at) == (False, 1, 2.0)
    assert result.hits == (MessageHit("a", "assistant", 2.0, "Said \x00答案。"),)
    assert find_ids(store, "想法") == find_ids(store, "secret") == []


def test_search_omits_deleted_rows_and_other_owners_and_includes_archived_conversations(store):
    save_messages(store, "你好", "你好 again")
    store.messages.save_turn("ann", replace(CONVERSATION, id="d"), [node("d", "你好", 9.0)])
    assert find_ids(store, "你好") == ["d", "m1", "m0"]
    assert find_ids(store, "你好", "bob") == []
    store.messages.set_deleted("ann", "c", ["m1"], time.time())
    store.conversations.delete("ann", ["d"])
    assert find_ids(store, "你好") == ["m0"]
    store.messages.set_deleted("ann", "c", ["m1"], None)
    store.conversations.restore("ann", ["d"])
    store.conversations.set_archived("ann", ["c", "d"], True)
    assert find_ids(store, "你好") == ["d", "m1", "m0"]


def arriving(text: str, outcome: Outcome = Outcome.ARRIVING) -> Node:
    return node("a", text, 2.0, parent_id="m0", outcome=outcome, message=Message("assistant", (TextPart(text),)))


@pytest.mark.parametrize("end", ["settle", "stop", "sweep"])
def test_an_answer_is_indexed_when_it_ends(store, end):
    save_messages(store, "Why?")
    store.messages.save_turn("ann", CONVERSATION, [arriving("")])
    store.messages.save_checkpoints([Checkpoint("ann", arriving("half an answer"))])[0]
    assert find_ids(store, "answer") == []
    if end == "settle":
        store.messages.finish("ann", arriving("half an answer", Outcome.COMPLETE))
    elif end == "stop":
        store.messages.mark_stopped("ann", "a")
    else:
        store.messages.mark_stale(-1)
    assert find_ids(store, "answer half") == ["a"]


def test_a_continued_answer_is_indexed_with_its_new_text(store):
    save_messages(store, "Why?")
    store.messages.save_turn("ann", CONVERSATION, [arriving("")])
    store.messages.finish("ann", arriving("old words", Outcome.LENGTH))
    store.messages.reopen("ann", CONVERSATION, arriving("old words"))
    assert find_ids(store, "words") == ["a"]
    for _ in range(2):
        store.messages.finish("ann", arriving("new words", Outcome.COMPLETE))
    assert (find_ids(store, "new"), find_ids(store, "old"), find_ids(store, "words")) == (["a"], [], ["a"])


def test_an_added_alternative_is_indexed(store):
    save_messages(store, "Why?")
    store.messages.add("ann", "c", arriving("other words", Outcome.COMPLETE))
    assert find_ids(store, "other") == ["a"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "".join(chr(0x4E00 + n % 3000) for n in range(20_000)),
        "哈" * 3000 + "好的" + "哈" * 3000,
        " ".join(f"w{n}" for n in range(9000)),
        "".join(random.Random(3).choices("数据库存取出入好", k=4000)),
    ],
    ids=["long", "one repeated character", "many words", "few distinct characters"],
)
def test_all_phrases_of_a_long_message_are_found(store, text):
    save_messages(store, text, "界外")
    rng = random.Random(5)
    phrases = [text[:70], text[-70:], "哈" * 60 + "好的" + "哈", text[2990:3050], text[3000:3060]]
    phrases += [text[start : start + rng.randrange(2, 65)] for start in rng.sample(range(len(text) - 70), 15)]
    for phrase in phrases:
        expected = ["m0"] if is_match(text, phrase) else []
        assert find_ids(store, phrase) == expected, phrase
    first, last = search_terms.tokenize(text)[0], search_terms.tokenize(text)[-2]
    assert find_ids(store, f"{first} {last}") == ["m0"]
    assert find_ids(store, f"{first} 界外") == []


def test_passages_are_small_and_overlap():
    for text in ("数据库存" * 3000, "哈" * 3000, "x " * 3000, " ".join(f"w{n}" for n in range(5000))):
        passages = [passage.split() for passage in encode_passages(text)]
        assert max(map(len, passages)) <= 1000
        assert max(max(map(passage.count, set(passage))) for passage in passages) <= 200
        for passage, next_passage in zip(passages, passages[1:], strict=False):
            assert passage[-search_terms.MAX_PHRASE_TOKENS :] == next_passage[: search_terms.MAX_PHRASE_TOKENS]
        tokens = passages[0] + [
            token for passage in passages[1:] for token in passage[search_terms.MAX_PHRASE_TOKENS :]
        ]
        assert len(tokens) == len(search_terms.tokenize(text))


@settings(deadline=None)
@given(some.text(some.characters() | some.sampled_from("aq019你"), min_size=1, max_size=9))
def test_encoded_tokens_are_lowercase_ascii(text):
    for token in search_terms.tokenize(text):
        (encoded,) = encode_passages(token) if len(search_terms.tokenize(token)) == 1 else ["q0000"]
        assert re.fullmatch("[a-z][a-z0-9]*", encoded)


def test_encoded_tokens_keep_prefixes_and_are_distinct():
    words = [
        "q",
        "qq",
        "q0",
        "0q",
        "0",
        "00",
        "a0",
        "é",
        "éa",
        "ée",
        "eé",
        "e",
        "1e5",
        "1e",
        "ж",
        "жq",
        "ā",
    ]
    encoded = {word: " ".join(encode_passages(word)) for word in words}
    for word in words:
        for prefix in words:
            assert encoded[word].startswith(encoded[prefix]) == word.startswith(prefix), (word, prefix)


def test_words_too_long_for_the_index_are_found_by_their_prefix(store):
    save_messages(store, "ж" * 5000, "a1" * 5000, "z" * 100 + "y", "z" * 101)
    assert find_ids(store, "ж" * 200) == ["m0"]
    assert find_ids(store, "a1a1") == ["m1"]
    assert find_ids(store, "z" * 101) == ["m3", "m2"]


def test_purged_and_erased_messages_leave_the_index(store):
    save_messages(store, *MESSAGES)
    store.messages.save_turn(
        "ann",
        replace(CONVERSATION, id="d"),
        [node("d1", "你好 remaining", 1.0), node("d2", "你好 purged", 2.0)],
    )
    store.messages.set_deleted("ann", "d", ["d2"], 5.0)
    store.conversations.delete("ann", ["c"])
    store.purge_deleted(-1)
    assert find_ids(store, "你好") == ["d1"]
    with read_transaction(store._engine) as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM passage")) == 1
        if connection.dialect.name == "sqlite":
            # Compare the index with the rows too.
            check = "INSERT INTO passage_words(passage_words, rank) VALUES ('integrity-check', 1)"
            connection.exec_driver_sql(check)
            count_matches = "SELECT count(*) FROM passage_words WHERE passage_words MATCH ?"
            (purged_word,) = encode_passages("purged")
            assert connection.exec_driver_sql(count_matches, (purged_word,)).scalar() == 0
    store.users.delete_data("ann")
    with read_transaction(store._engine) as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM passage")) == 0
