"""Share links of the team and public ones: their readers, and a chat that a reader continues."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from streamlit.runtime import context
from streamlit.testing.v1 import AppTest

from lib.core.conversation import (
    Conversation,
    Feedback,
    FilePart,
    Message,
    Node,
    OtherPart,
    Outcome,
    Part,
    SourcePart,
    TextPart,
    ThinkingPart,
)
from lib.core.file_storage import StoredFile
from lib.core.params import Params
from lib.core.policy import PER_USER_SCOPE
from lib.core.prompts import Persona
from lib.core.target import Target
from lib.core.user import User
from lib.storage.store import Store
from lib.transfer import share_links
from lib.ui.session import resources
from tests.app.chat_app import APP, read_text
from tests.app.conftest import keep_app_around_pages
from tests.app.users import ADMIN, BOB, SECRET, id_of

TARGET = Target("demo-echo", "anthropic")
FILE = StoredFile("text/plain", b"Wombats", "Wombats, in short.")
# Files are named, and stay with their owner.
SHOWN = ("Why is it *so*?", "Because [it is](https://a.example).", "demo-echo", "notes-77.txt")
HIDDEN = ("Thought about it", "Be terse", "Another version", "not good", "req-77", "prompt-9")
HIDDEN += (FILE.digest, "Wombats", "Private note")
ANSWER: tuple[Part, ...] = (
    ThinkingPart("Thought about it", "signature"),
    TextPart(SHOWN[1]),
    SourcePart("https://a.example", "A source", "quoted"),
    OtherPart("tool_use", "search", "{}"),
)


@pytest.fixture
def shared_store(store) -> Store:
    """A chat of BOB's with two versions of its answer, a system prompt, a persona and feedback."""
    store.attachments.put(id_of(BOB), FILE)
    parts = (
        FilePart(FILE.digest, SHOWN[3], "text/plain", FILE.size, "text", notes=("Private note",)),
        TextPart(SHOWN[0]),
    )
    question = Node("q", None, Message("user", parts), 1.0)
    answer = Node(
        "a",
        "q",
        Message("assistant", ANSWER),
        2.0,
        Outcome.LENGTH,
        target=TARGET,
        request_id="req-77",
        provider_metadata={"id": "req-77"},
        feedback=Feedback("bad", "not good"),
        persona=Persona("Ada", "A", "prompt-9"),
    )
    other = replace(answer, id="b", message=Message("assistant", (TextPart("Another version"),)), feedback=None)
    conversation = Conversation("c", "About *it*", 3.0, "a", TARGET, Params(system="Be terse"))
    store.messages.save_turn(id_of(BOB), conversation, [question, answer, other])
    return store


def create_link(store: Store, audience: str = "team") -> str:
    conversation = store.conversations.get(id_of(BOB), "c")
    path = [node for node in store.messages.nodes(id_of(BOB), "c") if node.id != "b"]
    return share_links.create_share_link(store.shares, id_of(BOB), conversation, path, audience)


def open_link(enter, token: str) -> AppTest:
    """Open a link as ADMIN, who is not its author."""
    at = enter("shared", ADMIN)
    at.query_params["s"] = token
    return at.run()


def enter_as_nobody(monkeypatch) -> None:
    client = SimpleNamespace(headers=[("X-Antler-Proxy", SECRET)], cookies={}, remote_ip="10.0.0.9")
    monkeypatch.setattr(context, "_get_client_context", lambda: client)


@pytest.fixture
def stranger(enter, monkeypatch):
    """Open a link as a reader who is not signed in."""

    def open_as_stranger(token: str) -> AppTest:
        enter("settings")
        enter_as_nobody(monkeypatch)
        at = AppTest.from_file(APP, default_timeout=60).switch_page("pages/shared.py")
        at.query_params["s"] = token
        return at.run()

    return open_as_stranger


@pytest.fixture(autouse=True)
def app_around_pages(monkeypatch):
    keep_app_around_pages(monkeypatch)


@pytest.fixture
def public_links(monkeypatch):
    monkeypatch.setenv("ANTLER_PUBLIC_LINKS", "on")


def page_text(at: AppTest) -> str:
    assert not at.exception
    return read_text(at._tree)


def path_of(store: Store, name: str) -> tuple[Conversation, list[Node]]:
    (conversation,) = (found for found, _ in store.conversations.export_all(id_of(name)))
    return conversation, store.messages.nodes(id_of(name), conversation.id)


def test_a_reader_continues_what_the_link_shows_and_nothing_else(enter, shared_store):
    token = create_link(shared_store)
    at = open_link(enter, token)
    assert all(text in page_text(at) for text in SHOWN) and not any(text in page_text(at) for text in HIDDEN)
    at.button(key="shared-continue").click().run()
    assert at.chat_input and "Why is it" in page_text(at)
    own, nodes = path_of(shared_store, ADMIN)
    assert at.query_params["c"] in (own.id, [own.id])
    assert (own.title, own.target, own.params, own.persona) == ("About *it*", TARGET, Params(), None)
    assert own.id != "c" and not {node.id for node in nodes} & {"q", "a", "b"}
    question, answer = nodes
    assert (question.parent_id, answer.parent_id, own.head_id) == (None, question.id, answer.id)
    assert answer.message.parts == ANSWER[1:]
    assert (answer.outcome, answer.target) == (Outcome.LENGTH, TARGET)
    assert (answer.feedback, answer.request_id, answer.provider_metadata) == (None, "", {})
    assert answer.persona == Persona("Ada", "A")
    # The copy goes on by itself, also after its source is gone.
    shared_store.conversations.delete(id_of(BOB), ["c"])
    chat = enter("chat", ADMIN)
    chat.query_params["c"] = own.id
    chat.run().chat_input[0].set_value("And now?").run()
    assert SHOWN[0] in page_text(chat) and "And now?" in page_text(chat)
    assert len(path_of(shared_store, ADMIN)[1]) == 4


def test_a_link_that_was_revoked_is_not_continued_from_a_page_that_still_shows_it(enter, shared_store):
    at = open_link(enter, create_link(shared_store))
    (link,) = shared_store.shares.links(id_of(BOB))
    shared_store.shares.revoke(id_of(BOB), link.id)
    at.button(key="shared-continue").click().run()
    assert at.title[0].value == "Link not available"
    assert not list(shared_store.conversations.export_all(id_of(ADMIN)))


def test_a_model_that_the_reader_may_not_use_is_not_selected(enter, shared_store):
    root = User(id_of(ADMIN), ADMIN, is_admin=True)
    shared_store.policy.set_allowed_models(root, PER_USER_SCOPE, ["demo-tour"])
    open_link(enter, create_link(shared_store)).button(key="shared-continue").click().run()
    own, nodes = path_of(shared_store, ADMIN)
    assert (own.target, nodes[1].target) == (None, TARGET)


def test_a_stranger_reads_public_links_and_no_others(stranger, public_links, shared_store):
    public = stranger(create_link(shared_store, "public"))
    text = page_text(public)
    assert all(shown in text for shown in SHOWN) and not any(hidden in text for hidden in HIDDEN)
    assert "Sign in to continue this chat" in text
    assert (len(public.button), len(public.sidebar), len(public.chat_input)) == (0, 0, 0)
    team = stranger(create_link(shared_store))
    missing = stranger("x" * 32)
    assert team.title[0].value == missing.title[0].value == "Link not available"
    assert page_text(team) == page_text(missing)


def test_public_links_are_for_the_team_where_the_operator_does_not_allow_them(stranger, enter, shared_store):
    token = create_link(shared_store, "public")
    assert stranger(token).title[0].value == "Access denied"
    assert SHOWN[0] in page_text(open_link(enter, token))
    settings = enter("settings", BOB, open_tabs={"settings": "links"})
    assert "Team" in page_text(settings) and "Public" not in page_text(settings)


def test_a_stranger_reaches_no_other_page(stranger, enter, public_links, shared_store, monkeypatch):
    token = create_link(shared_store, "public")
    at = stranger(token)
    for page in ("chat", "settings", "prompts", "usage", "admin"):
        at.switch_page(f"pages/{page}.py").run()
        assert at.title[0].value == "Access denied", page
    at = stranger(token)
    at.query_params["signin"] = "1"
    assert at.run().title[0].value == "Access denied"


def test_a_link_is_made_for_an_audience_and_listed_with_it(enter, public_links, shared_store):
    at = enter("chat", BOB)
    at.query_params["c"] = "c"
    at.run()
    at.button(key="share-make").click().run()
    assert "who can sign in here" in page_text(at)
    at.button_group(key="share-audience").set_value("public").run()
    at.button(key="share-make").click().run()
    assert [link.audience for link in shared_store.shares.links(id_of(BOB))] == ["public", "team"]
    settings = enter("settings", BOB, open_tabs={"settings": "links"})
    assert "Public" in page_text(settings) and "Team" in page_text(settings)
    settings.button(key="revoke-all").click().run()
    assert shared_store.shares.links(id_of(BOB)) == [] and "No shared links" in page_text(settings)


def test_there_is_no_choice_of_an_audience_without_public_links(enter, shared_store):
    at = enter("chat", BOB)
    at.query_params["c"] = "c"
    assert "share-audience" not in [group.key for group in at.run().button_group]
    at.button(key="share-make").click().run()
    (link,) = shared_store.shares.links(id_of(BOB))
    assert link.audience == "team"


def test_a_reader_in_another_process_sees_a_revocation_at_once(enter, shared_store):
    token = create_link(shared_store)
    at = open_link(enter, token)
    assert SHOWN[0] in page_text(at)
    other = Store(resources.settings().database_url)
    (link,) = other.shares.links(id_of(BOB))
    other.shares.revoke(id_of(BOB), link.id)
    other.close()
    assert at.run().title[0].value == "Link not available"
