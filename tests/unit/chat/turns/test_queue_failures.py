"""The question queue after a crash, without a database, and where several tabs or processes act at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lib.chat.turns import queue, turn
from lib.chat.turns.generation import STALE_AFTER
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.turn import SentQuestion
from lib.core import errors
from lib.core.attachment_errors import FileNotSendable
from lib.core.conversation import FilePart, Message, Outcome
from lib.core.events import Finish, TextDelta
from lib.core.file_storage import StoredFile
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.question_queue import ARCHIVED, Pause, QueuedQuestion
from tests.unit.chat.services import ScriptedGateway, answer_of, wait_for_path, wait_until
from tests.unit.chat.turns.queue_chat import TARGET, Chat


@pytest.fixture(autouse=True)
def stop_answers(store):
    """Stop what still runs before the database is closed."""
    yield
    while Chat.registries:
        registry = Chat.registries.pop()
        registry.stop_all("ann")
        wait_until(lambda registry=registry: not len(registry))


def test_after_a_crash_the_queue_is_paused(store, monkeypatch):
    monkeypatch.setattr("lib.chat.turns.checkpoints.CHECKPOINT_INTERVAL", 3600.0)
    chat = Chat(store)
    chat.ask("Second")
    # The process is as good as dead: its answer has no heartbeat.
    other = replace(chat.services, generations=GenerationRegistry())
    store.messages.mark_stale(-1)
    assert chat.wait_for_pause() == Pause(Outcome.INTERRUPTED)
    assert isinstance(
        queue.ask_or_queue(
            replace(other, gateway=ScriptedGateway(answer_of("Two"))), "ann", chat.id, "Much later", TARGET, Params()
        ),
        SentQuestion,
    )
    wait_until(lambda: not other.generations.find("ann", chat.id))
    assert chat.queue.pause == Pause(Outcome.INTERRUPTED) and chat.queued == ["Second"]


def test_a_file_that_the_model_does_not_take_pauses_the_queue_with_its_reason(store):
    photo = StoredFile("image/png", b"photo")
    store.attachments.put("ann", photo)
    part = FilePart(photo.digest, "photo.png", "image/png", photo.size, "image")
    chat = Chat(store, capabilities_lookup=lambda _: Capabilities(image=False))
    chat.ask("And this?", files=(part,))
    chat.end.set()
    refusal = queue.refusal_of(chat.wait_for_pause())
    assert isinstance(refusal, FileNotSendable)
    assert (refusal.name, refusal.values) == ("photo.png", {"reason": "image_unsupported", "model": TARGET.model})
    assert chat.queue.questions[0].files == (part,)


def test_a_process_that_dies_between_two_questions_leaves_a_paused_queue(store, monkeypatch):
    chat = Chat(store, answer_of("Much later"))
    question = chat.ask("Second")
    node = store.messages.nodes("ann", chat.id)[-1]
    store.messages.finish("ann", replace(node, outcome=Outcome.COMPLETE, message=Message("assistant", ())))
    assert chat.queue.is_handing_over and chat.queue.questions == (question,)
    monkeypatch.setattr("lib.core.question_queue.HANDOVER_TIMEOUT", 0.0)
    assert chat.queue.pause == Pause(Outcome.INTERRUPTED)
    queue.send_next(chat.services, "ann", chat.id, node.id)
    assert chat.queued == ["Second"] and len(chat.gateway.sent) == 1


def test_a_conversation_that_is_archived_or_deleted_sends_nothing(store):
    chat = Chat(store)
    chat.ask("Second")
    store.conversations.set_archived("ann", [chat.id], True)
    chat.end.set()
    assert chat.wait_for_pause() == Pause(ARCHIVED)
    store.conversations.delete("ann", [chat.id])
    with pytest.raises(errors.ConversationNotFound):
        chat.ask("Third")
    queue.resume(chat.services, "ann", chat.id)
    assert chat.queue.pause == Pause(errors.ConversationNotFound.code) and len(chat.gateway.sent) == 1
    store.conversations.restore("ann", [chat.id])
    assert chat.queued == ["Second"], "an undo brings it back"
    store.conversations.delete("ann", [chat.id])
    store.purge_deleted(-1.0)
    assert chat.queued == []


def test_a_database_that_is_away_at_the_end_keeps_the_question(store, monkeypatch):
    chat = Chat(store, answer_of("Two"))
    chat.ask("Second")

    def refuse(*_, **__):
        raise errors.StoreError("away")

    monkeypatch.setattr(store.queue, "load", refuse)
    chat.end.set()
    wait_for_path(chat.services, chat.id)
    monkeypatch.undo()
    wait_until(lambda: not chat.services.generations.find("ann", chat.id))
    assert chat.queued == ["Second"]
    queue.resume(chat.services, "ann", chat.id)
    assert len(chat.wait(4)) == 4


def test_of_processes_that_send_at_the_same_time_one_sends(store):
    chat = Chat(store, answer_of("Two"))
    chat.services = replace(chat.services, on_answer_end=lambda *_: None)
    chat.ask("Second")
    node = store.messages.nodes("ann", chat.id)[-1]
    chat.services.generations.find("ann", chat.id).stop()
    wait_for_path(chat.services, chat.id)
    store.queue.resume("ann", chat.id)
    hold, start = threading.Event(), threading.Barrier(4)
    replicas = [TurnServices(store, ScriptedGateway([TextDelta("Two"), hold]), GenerationRegistry()) for _ in range(4)]

    def send(services: TurnServices) -> int:
        start.wait(60)
        queue.send_next(services, "ann", chat.id, node.id)
        return len(services.gateway.sent)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, replicas))
    wait_until(lambda: sum(len(services.gateway.sent) for services in replicas) == 1)
    questions = [node.message.text for node in store.messages.nodes("ann", chat.id) if node.message.role == "user"]
    assert sorted(questions) == ["First", "Second"]
    for services in replicas:
        services.generations.stop_all("ann")


def test_a_question_asked_while_another_tab_begins_a_turn_is_queued(store):
    chat = Chat(store, answer_of("Two"))
    chat.end.set()
    chat.wait(2)
    hold = threading.Event()
    chat.gateway._answers = [[TextDelta("Two"), hold, Finish(Outcome.COMPLETE, "x")], answer_of("Three")]
    with chat.services.generations.claim_turn(chat.id), ThreadPoolExecutor(1) as pool:
        pending = pool.submit(chat.ask, "Third")
        time.sleep(2 * queue.RETRY_PAUSE)
        assert not pending.done()
        node = store.messages.nodes("ann", chat.id)[-1]
        arriving = replace(node, id="other", parent_id=node.id, outcome=Outcome.ARRIVING)
        store.messages.add("ann", chat.id, arriving)
        assert isinstance(pending.result(60), QueuedQuestion)
    assert chat.queued == ["Third"]


def test_stale_answers_do_not_hold_a_question_back(store):
    chat = Chat(store, answer_of("Two"))
    chat.end.set()
    node = chat.wait(2)[-1]
    store.messages.add("ann", chat.id, replace(node, id="dead", parent_id=node.id, outcome=Outcome.ARRIVING))
    assert isinstance(chat.ask("Second"), QueuedQuestion), "its producer may live"
    assert STALE_AFTER > 0
    store.messages.mark_stale(-1)
    assert isinstance(chat.ask("Third"), SentQuestion)


def test_edited_versions_are_not_queued(store):
    chat = Chat(store)
    with pytest.raises(errors.TurnInProgress):
        turn.ask(chat.services, "ann", chat.id, "First, better", TARGET, Params(), None)
    assert chat.queued == []
