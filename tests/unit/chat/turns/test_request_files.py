"""Files of questions in requests: their forms, their place, their tokens, and what is lost."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lib.chat.context.window import ContextWindowExceeded
from lib.chat.turns import request_files, turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.temporary import TemporaryStore
from lib.core.attachment_errors import FileNotSendable
from lib.core.conversation import FileKind, FilePart, Message, Node, Outcome, TextPart, Truncation
from lib.core.errors import FileStoreError, InputUnsupported
from lib.core.file_storage import StoredFile
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.target import Target
from lib.transfer import share_links
from tests.unit.chat.services import FakeUsageStore, ScriptedAnswer, ScriptedGateway, answer_of, wait_for_path

VISION, CLAUDE, TEXT_ONLY = Target("vision", "openai"), Target("claude-9", "anthropic"), Target("text-only", "openai")
CAPABILITIES = {
    "vision": Capabilities(image=True, pdf=True),
    "claude-9": Capabilities(200_000, image=True, pdf=True),
    "text-only": Capabilities(image=False, pdf=False),
    "small": Capabilities(2000, image=True, pdf=True),
}
PHOTO = StoredFile("image/png", b"\x89PNG photo", facts={"width": 600, "height": 400})
PAPER = StoredFile("application/pdf", b"%PDF paper", "The tides.", facts={"page_count": 2, "text_tokens": 3})
NOTES = StoredFile("text/plain", b"Wombats", "Wombats", facts={"text_tokens": 2, "is_truncated": True})


def part_of(file: StoredFile, name: str, kind: FileKind) -> FilePart:
    return FilePart(file.digest, name, file.media_type, file.size, kind)


PICTURE, DOCUMENT, TEXT = (
    part_of(PHOTO, "a.png", "image"),
    part_of(PAPER, "b.pdf", "pdf"),
    part_of(NOTES, "c.md", "text"),
)


class Chat:
    """Turns of ann with a scripted gateway, and stored files."""

    def __init__(self, store, *answers: ScriptedAnswer, **services) -> None:
        self.store, self.gateway = store, ScriptedGateway(*answers)
        self.services = TurnServices(
            store,
            self.gateway,
            GenerationRegistry(),
            capabilities_lookup=lambda model: CAPABILITIES.get(model, Capabilities()),
            **services,
        )
        self.id: str | None = None
        for file in (PHOTO, PAPER, NOTES):
            store.attachments.put("ann", file)

    def ask(self, text: str, target: Target, *files: FilePart, **options) -> Node:
        """Ask a question and return its answer."""
        sent = turn.ask(self.services, "ann", self.id, text, target, Params(), files=files, **options)
        self.id = sent.conversation.id
        return self.path[-1]

    @property
    def path(self) -> list[Node]:
        return wait_for_path(self.services, self.id)

    @property
    def request(self) -> list[Message]:
        """The messages of the last request."""
        return self.gateway.sent[-1][1]


@pytest.fixture(params=["database", "temporary"])
def chat_store(request, store):
    return store if request.param == "database" else TemporaryStore("ann", FakeUsageStore())


def outline(messages: list[Message]) -> list[str]:
    """Return each message as its files and texts, without the tags' digests."""
    return [
        " | ".join(
            part.name if isinstance(part, FilePart) else re.sub(r"file-\w+", "file-x", part.text)
            for part in message.parts
        )
        for message in messages
    ]


PAPER_TEXT = '<file-x name="b.pdf">\nThe tides.\n</file-x>'
NOTES_TEXT = '<file-x name="c.md" truncated="true">\nWombats\n</file-x>'


def test_files_are_sent_before_the_text_in_the_form_that_the_target_takes(chat_store):
    chat = Chat(chat_store, answer_of("One"))
    chat.ask("What is it?", VISION, PICTURE, DOCUMENT, TEXT)
    assert outline(chat.request) == [f"a.png | b.pdf | {NOTES_TEXT} | \n\n | What is it?"]
    assert chat.gateway.files == [{PHOTO.digest: PHOTO.data, PAPER.digest: PAPER.data}]
    assert chat.path[0].message == Message("user", (PICTURE, DOCUMENT, TEXT, TextPart("What is it?")))


def test_after_a_switch_earlier_files_are_sent_in_the_form_of_the_new_target(chat_store):
    chat = Chat(chat_store, answer_of("One"), answer_of("Two"), answer_of("Three"))
    chat.ask("What is it?", VISION, PICTURE, DOCUMENT)
    chat.ask("And now?", TEXT_ONLY)
    name = '<file name="a.png" kind="image" content="not available" />'
    assert outline(chat.request) == [f"{name} | \n\n | {PAPER_TEXT} | \n\n | What is it?", "One", "And now?"]
    assert chat.gateway.files[-1] == {}
    chat.ask("Again?", CLAUDE)
    assert outline(chat.request)[0] == "a.png | b.pdf | What is it?"


def test_a_file_in_no_form_is_refused_before_anything_is_saved(chat_store):
    chat = Chat(chat_store)
    with pytest.raises(FileNotSendable) as refused:
        chat.ask("What is it?", TEXT_ONLY, TEXT, PICTURE)
    assert (refused.value.name, refused.value.values["reason"]) == ("a.png", "image_unsupported")
    assert chat.gateway.sent == [] and not chat.services.generations
    if isinstance(chat_store, TemporaryStore):
        assert chat_store.current_conversation_id is None
    else:
        assert chat_store.conversations.page("ann", 9) == []


def test_regenerating_sends_the_files_again_or_refuses_them(chat_store):
    chat = Chat(chat_store, answer_of("One"), answer_of("Two"))
    chat.ask("", VISION, PICTURE)
    turn.regenerate(chat.services, "ann", chat.id, CLAUDE, Params())
    assert chat.path[-1].message.text == "Two"
    assert [outline(messages) for _, messages, _ in chat.gateway.sent] == [["a.png"], ["a.png"]]
    with pytest.raises(FileNotSendable):
        turn.regenerate(chat.services, "ann", chat.id, TEXT_ONLY, Params())


def test_continuing_sends_the_files_of_the_question(chat_store):
    chat = Chat(chat_store, answer_of("One and", Outcome.LENGTH), answer_of(" two"))
    answer = chat.ask("What is it?", VISION, PICTURE, TEXT)
    turn.continue_answer(chat.services, "ann", chat.id, answer.id, Params())
    assert chat.path[-1].message.text == "One and two"
    assert outline(chat.request)[:2] == [f"a.png | {NOTES_TEXT} | \n\n | What is it?", "One and"]
    assert chat.gateway.files[-1] == {PHOTO.digest: PHOTO.data}


def test_a_question_of_files_alone_has_their_names_as_title(store):
    chat = Chat(store, answer_of("One"))
    chat.ask(" ", VISION, DOCUMENT, TEXT)
    assert store.conversations.get("ann", chat.id).title == "b.pdf, c.md"
    assert chat.path[0].message.parts == (DOCUMENT, TEXT)
    assert outline(chat.request) == [f"b.pdf | {NOTES_TEXT}"]


def test_a_truncation_drops_files_with_their_messages(store):
    chat = Chat(store, answer_of("One"), answer_of("Two"), answer_of("Three"))
    chat.ask("First", VISION, PICTURE)
    chat.ask("Second", VISION, DOCUMENT)
    store.conversations.set_truncation("ann", chat.id, Truncation(chat.path[2].id))
    chat.ask("Third", VISION)
    assert outline(chat.request) == ["b.pdf | Second", "Two", "Third"]
    assert list(chat.gateway.files[-1]) == [PAPER.digest]


def test_a_file_without_content_is_named(store):
    chat = Chat(store, answer_of("One"))
    lost = replace(PICTURE, digest="0" * 64)
    chat.services.store.messages.save_turn("ann", *_imported(lost), allow_missing_files=True)
    chat.id = "imported"
    chat.ask("And?", VISION)
    assert outline(chat.request)[0] == '<file name="a.png" kind="image" content="not available" /> | \n\n | What?'


def test_a_file_of_a_shared_chat_is_named(store):
    chat = Chat(store, answer_of("One"))
    conversation, nodes = _imported(PICTURE, text="")
    shared = share_links.copy_snapshot((conversation, nodes))
    store.messages.save_turn("ann", *shared, allow_missing_files=True)
    chat.id = shared[0].id
    chat.ask("And?", VISION)
    assert outline(chat.request) == ['<file name="a.png" content="not available" />', "That.", "And?"]


def _imported(part: FilePart, text: str = "What?"):
    conversation = turn.Conversation("imported", "What?", 1.0, "n2")
    question = Node("n1", None, Message("user", (part, TextPart(text))), 1.0)
    return conversation, [question, Node("n2", "n1", Message("assistant", (TextPart("That."),)), 2.0)]


@pytest.mark.parametrize("method", ["texts", "contents"])
def test_files_that_cannot_be_read_fail_the_answer_and_keep_the_question(store, method, monkeypatch):
    def fail(*_):
        raise FileStoreError("bucket is not reachable")

    chat = Chat(store, answer_of("Never"), answer_of("One"))
    monkeypatch.setattr(store.attachments, method, fail)
    answer = chat.ask("What is it?", VISION, TEXT if method == "texts" else PICTURE)
    assert (answer.outcome, answer.failure.code, answer.failure.retryable) == (
        Outcome.FAILED,
        "file_unavailable",
        True,
    )
    assert chat.path[0].message.text == "What is it?" and len(chat.path[0].message.files) == 1
    monkeypatch.undo()
    turn.regenerate(chat.services, "ann", chat.id, VISION, Params())
    assert chat.path[-1].outcome is Outcome.COMPLETE


def test_a_document_larger_than_the_window_is_refused_with_its_size(store):
    chat = Chat(store, answer_of("One"))
    book = StoredFile("text/plain", b"book", "Book", facts={"text_tokens": 5000})
    store.attachments.put("ann", book)
    part = part_of(book, "book.txt", "text")
    with pytest.raises(ContextWindowExceeded) as refused:
        chat.ask("What?", Target("small", "openai"), part)
    assert refused.value.estimate.tokens > 5000
    assert chat.ask("What?", Target("small", "openai"), part, allow_overflow=True).outcome is Outcome.COMPLETE


def test_reserved_and_estimated_tokens_include_files(store):
    reserved: list[int] = []

    class Limits:
        def reserve_all(self, requests):
            reserved.extend(request.max_usage.input for request in requests)

        def release(self, _id): ...

    chat = Chat(store, answer_of("One"), answer_of("Two"), answer_of("Three"), limit_enforcer=Limits())
    chat.ask("What is it?", CLAUDE)
    chat.ask("And this?", CLAUDE, PICTURE)
    chat.ask("Well?", CLAUDE)
    image = 22 * 15  # squares of 28 pixels
    assert reserved[1] - reserved[0] >= image * 1.25
    assert reserved[2] > reserved[1]


@pytest.mark.parametrize(
    ("words", "forms"),
    [
        ("Model do not support image input.", ["name", "native"]),
        ("Unsupported chat content part type: 'file'.", ["native", "text"]),
        ("This is not a multimodal model", ["name", "text"]),
    ],
)
def test_an_input_that_was_refused_is_not_sent_again_with_the_next_question(store, words, forms):
    chat = Chat(store, [InputUnsupported(words)], answer_of("One"), answer_of("Two"))
    failed = chat.ask("What is it?", VISION, PICTURE, DOCUMENT)
    assert (failed.outcome, failed.failure.code) == (Outcome.FAILED, "input_unsupported")
    assert chat.ask("Then without it?", VISION).message.text == "One"
    sent = outline(chat.request)[0].split(" | ")
    assert [sent[0] == "a.png", "b.pdf" in sent] == [form == "native" for form in forms]
    chat.ask("And you?", CLAUDE)
    assert outline(chat.request)[0] == "a.png | b.pdf | What is it?"


def test_requests_that_differ_in_a_file_have_different_digests(store):
    wrong = answer_of("no")
    chat = Chat(store, wrong)
    chat.ask("What is it?", VISION, PICTURE)
    messages = [Message("user", (part, TextPart("What?"))) for part in (PICTURE, DOCUMENT)]
    digests = {
        turn.refused_requests.request_digest(VISION, [message], Params(), Capabilities(), ()) for message in messages
    }
    assert len(digests) == 2


def test_another_answer_sends_the_text_of_a_pdf_that_was_refused(store):
    chat = Chat(store, [InputUnsupported("Invalid content part type: file")], answer_of("One"))
    failed = chat.ask("What is it?", VISION, DOCUMENT)
    assert failed.failure.request_digest
    turn.regenerate(chat.services, "ann", chat.id, VISION, Params())
    assert chat.path[-1].message.text == "One"
    assert outline(chat.request) == [f"{PAPER_TEXT} | \n\n | What is it?"]


def test_an_image_that_was_refused_is_not_sent_again(store):
    chat = Chat(store, [InputUnsupported("no image input")])
    failed = chat.ask("What is it?", VISION, PICTURE)
    with pytest.raises(FileNotSendable):
        turn.regenerate(chat.services, "ann", chat.id, VISION, Params())
    conversation, path = store.conversations.get("ann", chat.id), chat.path
    question, capabilities = path[:-1], CAPABILITIES["vision"]
    for nodes in (path, question):
        plan = request_files.plan_request(store.attachments, "ann", question, None, VISION, capabilities, nodes=nodes)
        assert bool(plan.refused) == (nodes is path)
        arguments = (conversation, [*question, failed], VISION, Params(), capabilities, (), plan)
        assert turn.repeats_refusal(*arguments)
