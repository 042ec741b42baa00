"""Queued questions on the page: shown as typed, edited, moved, removed, paused with a reason, and sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lib.chat.turns import registry, remote_generation
from lib.chat.turns.remote_generation import RemoteGeneration
from lib.core.conversation import Conversation, FilePart, Message, Node, Outcome, TextPart
from lib.core.file_storage import StoredFile
from lib.core.params import Params
from lib.core.question_queue import QueuedQuestion
from lib.core.target import Target
from lib.storage.store import Store
from tests.app.chat_app import ChatApp

OWNER = "browser:0123"
CONVERSATION = "c"


@pytest.fixture
def database(faked, database_url) -> Iterator[Store]:
    store = Store(database_url)
    yield store
    store.close()


@pytest.fixture
def short_wait(monkeypatch) -> None:
    """Let a page that follows the answer of another process find it dead at the first look."""
    monkeypatch.setattr(remote_generation, "STALE_AFTER", -1.0)
    monkeypatch.setattr(registry, "SWEEP_INTERVAL", 0.0)


def seed(
    store: Store,
    *texts: str,
    target: Target | None = None,
    files: tuple[FilePart, ...] = (),
    outcome: Outcome = Outcome.STOPPED,
) -> None:
    """Save a conversation with queued questions, whose answer was stopped or has ended otherwise."""
    target = target or Target("demo-echo", "openai")
    question = Node("q", None, Message("user", (TextPart("First question"),)), 1.0)
    answer = Node(
        "a",
        "q",
        Message("assistant", (TextPart("So far"),)),
        2.0,
        Outcome.ARRIVING,
        target=target,
        usage_record_id="u",
    )
    store.messages.save_turn(OWNER, Conversation(CONVERSATION, "First", time.time(), "a", target), [question, answer])
    for number, text in enumerate(texts):
        store.queue.add(
            OWNER, QueuedQuestion(f"w{number}", CONVERSATION, text, target, Params(), 3.0, "a", files=files)
        )
    store.messages.finish(OWNER, replace(answer, outcome=outcome))


def continue_elsewhere(store: Store) -> None:
    """Let another process generate the answer; without a heartbeat, it is dead some seconds later: `short_wait`."""
    (answer,) = [node for node in store.messages.nodes(OWNER, CONVERSATION) if node.id == "a"]
    conversation = store.conversations.get(OWNER, CONVERSATION)
    assert conversation
    store.messages.reopen(OWNER, conversation, replace(answer, outcome=Outcome.ARRIVING, usage_record_id="u"))


def open_chat(**query: str) -> ChatApp:
    return ChatApp(c=CONVERSATION, **query)


def test_a_paused_queue_is_edited_and_sent(database):
    seed(database, "Second  <b>\n    indented", "Third", "Fourth")
    chat = open_chat()
    assert chat.questions == ["First question", "Second  <b>\n    indented", "Third", "Fourth"]
    assert "Queue paused: you stopped the answer." in chat.text
    assert len(chat.answers) == 1
    chat.click("Move queued message 3 up").click("Remove queued message 3")
    assert chat.questions[1:] == ["Second  <b>\n    indented", "Fourth"]
    chat.click("Undo")
    assert chat.questions[1:] == ["Second  <b>\n    indented", "Fourth", "Third"]
    chat.click("Edit queued message 3")
    assert chat.buttons("Send now")[0].disabled
    chat.fill("Edit queued message", "  ").click("Save")
    assert "There is nothing to send." in chat.text
    chat.fill("Edit queued message", "Third, better").click("Save")
    chat.click("Edit queued message 1").click("Cancel")
    chat.click("Send now")
    assert chat.questions == ["First question", "Second  <b>\n    indented", "Fourth", "Third, better"]
    assert len(chat.answers) == 4
    assert "Third, better" in chat.answers[-1] and "Second  <b>" in chat.answers[-1], "the model got the whole path"
    assert not chat.buttons("Send now") and "Queued" not in chat.text
    assert database.queue.load(OWNER, CONVERSATION).questions == ()


def test_a_question_says_what_differs_from_the_composer(database):
    seed(database, "Second")
    chat = open_chat()
    assert "demo-echo (OpenAI format)" not in chat.text and "other parameters" not in chat.text
    chat.choose_wire("anthropic")
    assert "demo-echo (OpenAI format)" in chat.text
    chat.set_field("System prompt", "Be brief.")
    assert "other parameters" in chat.text
    chat.click("Send now")
    assert "Be brief." not in chat.answers[-1]
    target = database.messages.nodes(OWNER, CONVERSATION)[-1].target
    assert target == Target("demo-echo", "openai"), "it is sent as it was queued"


def test_a_question_that_does_not_fit_pauses_and_can_be_sent_anyway(database):
    seed(database, "word " * 2000, target=Target("demo-short-memory", "openai"))
    chat = open_chat()
    chat.click("Send now")
    assert len(chat.answers) == 1
    assert "Queue paused. Not sent." in chat.text and "context window" in chat.text
    chat.click("Send anyway")
    assert len(chat.answers) == 2 and not chat.buttons("Send now")


def test_a_question_waits_for_the_answer_of_another_process(database, short_wait):
    """That process dies: nobody sends the question by surprise."""
    seed(database)
    chat = open_chat()
    continue_elsewhere(database)
    chat.ask("  Second\n\tquestion")
    assert chat.questions == ["First question", "  Second\n\tquestion"]
    assert len(chat.answers) == 1 and chat.composer == ""
    assert "Queue paused: the answer was interrupted." in chat.text
    (question,) = database.queue.load(OWNER, CONVERSATION).questions
    assert question.text == "  Second\n\tquestion"
    chat.click("Send now")
    assert len(chat.answers) == 2 and "Second" in chat.answers[-1]


def test_a_question_that_is_sent_while_the_page_reads_the_messages_is_shown(database, monkeypatch):
    seed(database, "Second", outcome=Outcome.COMPLETE)
    read = type(database.messages).nodes

    def read_then_send(self, owner, conversation_id):
        nodes = read(self, owner, conversation_id)
        for question in database.queue.load(OWNER, CONVERSATION).questions:
            conversation = database.conversations.get(OWNER, CONVERSATION)
            sent = Node(question.id, "a", Message("user", (TextPart(question.text),)), 4.0)
            answer = Node("b", sent.id, Message("assistant", (TextPart("Answered"),)), 5.0, target=question.target)
            database.messages.save_turn(OWNER, replace(conversation, head_id="b"), [sent, answer], "", question)
        return nodes

    monkeypatch.setattr(type(database.messages), "nodes", read_then_send)
    chat = open_chat()
    assert chat.questions == ["First question", "Second"]
    assert len(chat.answers) == 2 and "Queued" not in chat.text


def test_too_many_questions_stay_in_the_input(database, short_wait):
    seed(database, *map(str, range(10)))
    chat = open_chat()
    continue_elsewhere(database)
    chat.ask("One more")
    assert "10 messages are already queued" in chat.text
    assert chat.composer == "One more"


def test_another_user_sees_and_sends_nothing(database):
    seed(database, "Second")
    chat = ChatApp(c=CONVERSATION, browser="9999")
    assert "Second" not in chat.text and not chat.buttons("Send now")


def test_an_edit_without_a_change_asks_again(database):
    seed(database)
    chat = open_chat().click("Edit question 1").click("Send")
    assert chat.questions == ["First question"]
    assert "2 / 2" in chat.text and len(chat.answers) == 1
    nodes = database.messages.nodes(OWNER, CONVERSATION)
    assert [node.message.role for node in nodes] == ["user", "assistant", "assistant"]


def edit_during_answer(store: Store, text: str) -> tuple[ChatApp, list[Outcome]]:
    """Edit the question of an answer that another process generates; return the page and all outcomes."""
    seed(store, "Second")
    chat = open_chat().click("Edit question 1")
    continue_elsewhere(store)
    view = chat.at.session_state["view"]
    view.generation = RemoteGeneration(OWNER, CONVERSATION, view.nodes[-1], store.messages)
    chat.fill("Edit", text).click("Send")
    assert "Second" in chat.questions, "the queue waits"
    return chat, [node.outcome for node in store.messages.nodes(OWNER, CONVERSATION)]


@pytest.mark.parametrize("text", ["First question", "First question, better"])
def test_an_edit_during_an_answer_stops_it_and_is_sent(database, text):
    chat, outcomes = edit_during_answer(database, text)
    assert chat.questions[0] == text and text in chat.answers[-1]
    assert outcomes[1] is Outcome.STOPPED and outcomes.count(Outcome.COMPLETE) >= 2


def test_an_empty_edit_during_an_answer_leaves_it_alone(database, short_wait):
    chat, outcomes = edit_during_answer(database, "  ")
    assert "There is nothing to send." in chat.text
    assert outcomes[1] is Outcome.INTERRUPTED, "it went on until its process died"


def test_of_queued_questions_one_is_edited_at_a_time(database):
    seed(database, "Second", "Third")
    chat = open_chat().click("Edit queued message 1")
    assert chat.buttons("Edit queued message 2")[0].disabled
    chat.click("Cancel")
    assert not chat.buttons("Edit queued message 2")[0].disabled


def test_the_editor_has_the_text_as_it_was_typed(database):
    text = "  # Two\n\n\n    four\t&amp; <b>\n "
    chat = ChatApp(model="demo-echo", wire="openai").ask(text)
    assert chat.questions == [text]
    chat.click("Edit question 1")
    assert chat.field("Edit").value == text


def test_a_queued_question_shows_its_files_and_needs_no_text_beside_them(database):
    attachment = StoredFile("text/plain", b"Buy milk", "Buy milk", facts={"kind": "text", "text_tokens": 3})
    database.attachments.put(OWNER, attachment)
    seed(database, "Why?", files=(FilePart(attachment.digest, "notes.txt", "text/plain", 8, "text"),))
    chat = open_chat()
    (shown,) = [item.proto for item in chat.at.get("bidi_component") if "message_files" in item.proto.component_name]
    assert "notes.txt" in shown.json
    chat.click("Edit queued message 1").fill("Edit queued message 1", "").click("Save")
    (question,) = database.queue.load(OWNER, CONVERSATION).questions
    assert question.text == "" and [part.name for part in question.files] == ["notes.txt"]
