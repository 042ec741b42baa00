"""Search in the sidebar: results by conversation, filters, more results, and few queries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from lib.core.conversation import Conversation
from lib.core.search_terms import parse_query
from lib.core.target import Target
from lib.storage.store import Store
from lib.ui.history import search
from lib.ui.session import resources
from tests.app.chat_app import ChatApp
from tests.app.history import OWNER, save_chat


@pytest.fixture
def page(keyed) -> ChatApp:
    return ChatApp()


@pytest.fixture
def store(page) -> Store:
    return resources.store()


@pytest.fixture
def statements(store) -> Iterator[list[str]]:
    """Statements that the database has executed."""
    executed: list[str] = []

    def record(_connection, _cursor, statement, *_):
        executed.append(statement)

    event.listen(store._engine, "before_cursor_execute", record)
    yield executed
    event.remove(store._engine, "before_cursor_execute", record)


def add(title: str, *texts: str, days: float = 0.0, model: str = "m-one", **fields: Any) -> Conversation:
    """Add a conversation of these questions and answers, changed so many days ago."""
    target = Target(model, "openai")
    return save_chat(*texts, title=title, days=days, target=target, title_source="person", **fields)


def found_titles(page: ChatApp) -> list[str]:
    """Return the titles of the results in order, without marks and facts."""
    labels = [button.label for button in page.at.button if (button.key or "").startswith("found-title-")]
    return [label.split("  \n")[0].replace(":primary-background[", "").replace("]", "") for label in labels]


def hits(page: ChatApp) -> list[str]:
    return [button.label for button in page.at.button if (button.key or "").startswith("hit-")]


def test_results_are_grouped_by_conversation_with_titles_above(page):
    add("Spices", "What is saffron?", "Saffron is a spice", days=1)
    add("About saffron", "Hello", "Hi", days=400, archived=True, folder="Kitchen")
    page.set_field("Search", "saff")
    assert found_titles(page) == ["About saffron", "Spices"]
    about, spices = (b.label for b in page.at.button if (b.key or "").startswith("found-title-"))
    year = datetime.now().year - 1
    assert str(year) in about or str(year - 1) in about
    assert about.endswith("· Archived · Kitchen]")
    assert about.startswith("About :primary-background[saff]ron")
    assert [hit.split("  \n")[0] for hit in hits(page)] == [
        ":primary-background[Saff]ron is a spice",
        "What is :primary-background[saff]ron?",
    ]
    assert ":gray[Answer · " in hits(page)[0]
    assert ":gray[You · " in hits(page)[1]


def test_a_match_stands_apart_from_the_markup_around_it():
    excerpt = search._format_excerpt("nothing remains.\n\n```python\ndef gcd", parse_query("python"), 40)
    assert excerpt == r"nothing remains\. :primary-background[python] def gcd"


def test_filters_narrow_the_results_and_work_without_a_query(page):
    add("Old", "tea", "tea", days=40, folder="Kitchen")
    add("New", "tea", "tea", model="m-two")
    page.set_field("Search", "tea").click("Filters")
    assert found_titles(page) == ["New", "Old"]
    assert page.field("Model").options == ["m-one", "m-two"]
    page.set_field("Model", "m-one")
    assert found_titles(page) == ["Old"]
    page.set_field("Time", "week")
    assert found_titles(page) == []
    page.set_field("Model", None)
    assert found_titles(page) == ["New"]
    page.set_field("Time", "custom")
    last = datetime.now().date() - timedelta(days=39)
    page.at.date_input[0].set_value((last - timedelta(days=3), last))
    page.run()
    assert found_titles(page) == ["Old"]
    page.set_field("Time", None).set_field("Search", "").set_field("Folder", "")
    assert found_titles(page) == ["New"]
    page.set_field("Folder", "Kitchen")
    assert found_titles(page) == ["Old"]
    assert hits(page) == []
    page.click("Clear filters")
    assert found_titles(page) == []
    page.click("Filters")
    assert page.field("Folder").value is None


def test_all_matches_of_a_conversation_and_more_conversations_are_shown_on_request(page):
    add("Talk", *(f"nutmeg {number}" for number in range(60)))
    page.set_field("Search", "nutmeg")
    assert len(hits(page)) == 3
    page.click("Show all 60 matches")
    assert len(hits(page)) == 50
    assert "10 older matches not shown" in page.sidebar
    for number in range(20):
        add(f"Fenugreek {number}", "Hello", "Hi", days=number)
    page.set_field("Search", "fenugreek")
    assert found_titles(page) == [f"Fenugreek {number}" for number in range(12)]
    page.click("Show more")
    assert found_titles(page) == [f"Fenugreek {number}" for number in range(20)]
    page.set_field("Search", "fenugreek 19")
    assert found_titles(page) == ["Fenugreek 19"]
    page.set_field("Search", "nutmeg")
    assert len(hits(page)) == 3


def test_the_number_of_queries_does_not_depend_on_the_results(page, statements):
    def count_queries(query: str) -> int:
        statements.clear()
        page.set_field("Search", query)
        return len([statement for statement in statements if "passage" in statement or "title_tokens" in statement])

    add("One", "clove", "clove")
    few = count_queries("clove")
    for number in range(11):
        add(f"Clove {number}", *("mace", "mace") * 4)
    assert count_queries("mace") == few
    assert len(hits(page)) == 33


def test_a_result_opens_its_conversation_and_its_message(store, page):
    conversation = add("Cinnamon", "First cassia", "Second")
    page.set_field("Search", "cassia")
    page.at.button(key=next(b.key for b in page.at.button if (b.key or "").startswith("hit-"))).click()
    page.run()
    assert page.conversation == conversation.id
    assert "First cassia" in page.questions[0]
    store.conversations.delete(OWNER, [conversation.id])
    page.at.button(key=next(b.key for b in page.at.button if (b.key or "").startswith("hit-"))).click()
    page.run()
    assert "does not exist or was deleted" in page.text
