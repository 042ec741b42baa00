"""The search finds messages by the names and texts of their files, for their owner alone, and names the file."""

from __future__ import annotations

import pytest

from lib.core.conversation import FilePart, Message, TextPart
from lib.core.file_storage import StoredFile
from lib.core.search import MessageHit
from lib.core.search_terms import parse_query
from lib.storage.files.uses import MAX_INDEXED_CHARS
from lib.storage.search.files import find_in_files
from tests.unit.storage.stored_files import age, part, question, save

FILLER = "Nothing to see here. " * 200
REPORT = StoredFile("application/pdf", b"report", f"{FILLER}The quokka is on page seven. 潮汐很高。{FILLER}")
NOTES = StoredFile("text/plain", b"notes", "Wombats, in short.")


@pytest.fixture
def filled_store(store):
    for file in (REPORT, NOTES):
        store.attachments.put("ann", file)
    save(store, question("q", part(REPORT, "tides-2024.pdf"), part(NOTES, "notes.txt"), text="What about the sea?"))
    save(store, question("p", text="A quokka without a file"), conversation_id="d")
    return store


def hits(store, query: str, owner: str = "ann") -> list[MessageHit]:
    return [hit for result in store.search.find(owner, query, 9) for hit in result.hits]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "file_name", "excerpt"),
    [
        ("quokka page", "tides-2024.pdf", "The quokka is on page seven."),
        ("QUOK seven", "tides-2024.pdf", "quokka"),
        ("潮汐", "tides-2024.pdf", "潮汐很高"),
        ("潮汐很高", "tides-2024.pdf", "潮汐很高"),
        ("wombats", "notes.txt", "Wombats"),
        ("notes.txt", "notes.txt", "Wombats"),
        ("tides 2024", "tides-2024.pdf", "Nothing to see"),
        ("sea wombats", "notes.txt", "Wombats"),  # one term in the message, one in a file
    ],
)
def test_a_message_is_found_by_its_files(filled_store, query, file_name, excerpt):
    found = {hit.node_id: hit for hit in hits(filled_store, query)}
    hit = found["q"]
    assert hit.file_name == file_name
    assert excerpt in hit.text
    assert len(hit.text) < 1_000


def test_a_match_in_the_message_itself_shows_the_message(filled_store):
    (hit,) = hits(filled_store, "sea")
    assert (hit.file_name, hit.text) == ("", "What about the sea?")
    assert {(hit.node_id, hit.file_name) for hit in hits(filled_store, "quokka")} == {
        ("q", "tides-2024.pdf"),
        ("p", ""),
    }


def test_texts_of_other_owners_and_of_purged_messages_are_not_found(filled_store):
    assert hits(filled_store, "wombats", "bob") == []
    filled_store.messages.set_deleted("ann", "c", ["q"], 5.0)
    assert hits(filled_store, "wombats") == []
    filled_store.messages.set_deleted("ann", "c", ["q"], None)
    assert len(hits(filled_store, "wombats")) == 1
    filled_store.messages.set_deleted("ann", "c", ["q"], 5.0)
    age(filled_store)
    filled_store.purge_deleted(-1)
    assert hits(filled_store, "wombats") == hits(filled_store, "notes.txt") == []


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_index_ends_after_a_few_hundred_pages(store):
    long = StoredFile("text/plain", b"long", "word " * (MAX_INDEXED_CHARS // 5) + "zebra")
    store.attachments.put("ann", long)
    save(store, question("q", part(long)))
    assert len(hits(store, "word")) == 1
    assert hits(store, "zebra") == []
    assert store.attachments.texts("ann", [long.digest])[long.digest].endswith("zebra")


def test_a_message_without_the_content_of_its_file_shows_the_name():
    message = Message("user", (FilePart("0" * 64, "lost zebra.pdf"), TextPart("Why?")))
    assert find_in_files(message, parse_query("zebra"), {}) == ("lost zebra.pdf", "")
