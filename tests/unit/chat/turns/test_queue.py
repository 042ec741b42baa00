"""The question queue: a question asked while an answer arrives is sent once, after its end, or its queue is paused."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

import pytest

from lib.chat.context.window import ContextWindowExceeded
from lib.chat.turns import branches, queue, turn
from lib.chat.turns.temporary import TemporaryStore
from lib.chat.turns.turn import SentQuestion
from lib.chat.usage.limits import NoLimits
from lib.core import errors
from lib.core.conversation import FilePart, Outcome, TextPart
from lib.core.errors import AttachmentNotFound, LimitExceededError, QuestionNotQueued, QueueFull
from lib.core.events import Finish, TextDelta
from lib.core.file_storage import StoredFile
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.question_queue import ARCHIVED, EDITING, MAX_QUEUED, OTHER_KEY, RESTORED, Pause, QueuedQuestion
from tests.unit.chat.services import FakeUsageStore, answer_of, wait_for_path, wait_until
from tests.unit.chat.turns.queue_chat import OTHER, TARGET, Chat

PAUSING = [outcome for outcome in Outcome if outcome not in (Outcome.ARRIVING, Outcome.COMPLETE)]


@pytest.fixture(autouse=True)
def stop_answers(store):
    """Stop what still runs before the database is closed."""
    yield
    while Chat.registries:
        registry = Chat.registries.pop()
        registry.stop_all("ann")
        wait_until(lambda registry=registry: not len(registry))


@pytest.fixture(params=["temporary", "database"])
def chat_store(request, store):
    return TemporaryStore("ann", FakeUsageStore()) if request.param == "temporary" else store


def test_questions_wait_for_the_answer_and_are_sent_in_their_order(chat_store):
    chat = Chat(chat_store, answer_of("Two"), answer_of("Three"))
    params = Params(system="Be kind.")
    assert isinstance(chat.ask("  Second\n\tline", target=OTHER, params=params), QueuedQuestion)
    chat.ask("Third")
    assert chat.queued == ["  Second\n\tline", "Third"] and chat.queue.pause is None
    assert len(chat.gateway.sent) == 1
    chat.end.set()
    path = chat.wait(6)
    assert [node.message.text for node in path] == ["First", "One", "  Second\n\tline", "Two", "Third", "Three"]
    assert [request[0] for request in chat.gateway.sent] == [TARGET, OTHER, TARGET]
    assert [request[2].system for request in chat.gateway.sent] == ["", "Be kind.", ""]
    assert len(chat.gateway.sent[2][1]) == 5, "the complete path"
    assert chat.queued == []


def test_without_an_arriving_answer_a_question_is_sent_at_once(chat_store):
    chat = Chat(chat_store, answer_of("Two"))
    chat.end.set()
    chat.wait(2)
    assert isinstance(chat.ask("Second"), SentQuestion)
    assert len(chat.wait(4)) == 4


@pytest.mark.parametrize("outcome", PAUSING)
def test_every_other_outcome_pauses_the_queue_until_the_user_resumes(chat_store, outcome):
    chat = Chat(chat_store, answer_of("Two"), answer_of("Three"), outcome=outcome)
    chat.ask("Second")
    chat.ask("Third")
    chat.end.set()
    assert chat.wait_for_pause() == Pause(wait_for_path(chat.services, chat.id)[-1].outcome)
    assert chat.queued == ["Second", "Third"] and len(chat.gateway.sent) == 1
    queue.resume(chat.services, "ann", chat.id)
    assert [node.message.text for node in chat.wait(6)][2:] == ["Second", "Two", "Third", "Three"]


@pytest.mark.parametrize("way", ["regenerate", "continue"])
def test_a_complete_answer_in_place_of_the_failed_one_ends_the_pause(chat_store, way):
    chat = Chat(chat_store, answer_of(" and more"), answer_of("Two"), answer_of("Three"), outcome=Outcome.LENGTH)
    chat.ask("Second", parent_id=chat.store.messages.nodes("ann", chat.id)[-1].id)
    chat.ask("Third", parent_id=chat.store.messages.nodes("ann", chat.id)[-1].id)
    chat.end.set()
    assert chat.wait_for_pause() == Pause(Outcome.LENGTH)
    question, failed = chat.wait(2)
    if way == "regenerate":
        turn.regenerate(chat.services, "ann", chat.id, TARGET, Params())
    else:
        turn.continue_answer(chat.services, "ann", chat.id, failed.id, Params())
    path = chat.wait(6)
    assert [node.message.text for node in path[2::2]] == ["Second", "Third"] and chat.queued == []
    # Both follow the new answer, not the failed one beside it.
    assert path[1].outcome is Outcome.COMPLETE and (path[1].id == failed.id) == (way == "continue")


def test_a_complete_answer_to_another_question_leaves_the_pause(chat_store):
    chat = Chat(chat_store, answer_of("Elsewhere"), outcome=Outcome.LENGTH)
    chat.ask("Second")
    chat.end.set()
    assert chat.wait_for_pause() == Pause(Outcome.LENGTH)
    chat.ask("Another one")
    chat.wait(4)
    assert chat.queue.pause == Pause(Outcome.LENGTH) and chat.queued == ["Second"]


def test_a_further_attempt_after_a_stop_leaves_the_pause(chat_store):
    chat = Chat(chat_store, answer_of("Again"))
    chat.ask("Second")
    chat.services.generations.find("ann", chat.id).stop()
    assert chat.wait_for_pause() == Pause(Outcome.STOPPED)
    turn.regenerate(chat.services, "ann", chat.id, TARGET, Params())
    wait_until(lambda: [node.message.text for node in wait_for_path(chat.services, chat.id)][1:] == ["Again"])
    wait_until(lambda: not chat.services.generations.find("ann", chat.id))
    assert chat.queue.pause == Pause(Outcome.STOPPED) and chat.queued == ["Second"]


def test_stop_pauses_and_a_question_that_joins_waits_too(chat_store):
    endless = threading.Event()
    chat = Chat(chat_store, [TextDelta("Two"), endless], answer_of("Three"))
    chat.ask("Second")
    chat.services.generations.find("ann", chat.id).stop()
    assert chat.wait_for_pause() == Pause(Outcome.STOPPED)
    assert isinstance(chat.ask("Between"), SentQuestion), "a new question is not held back by the pause"
    chat.ask("Third")
    assert chat.queued == ["Second", "Third"] and chat.queue.pause == Pause(Outcome.STOPPED)
    queue.resume(chat.services, "ann", chat.id)
    assert chat.queue.pause is None, "it waits for the arriving answer"
    assert len(chat.gateway.sent) == 2
    chat.services.generations.find("ann", chat.id).stop()
    assert chat.wait_for_pause() == Pause(Outcome.STOPPED)


def test_edit_move_remove_and_restore(chat_store):
    chat = Chat(chat_store, answer_of("Two"), answer_of("Three"), answer_of("Four"))
    second, third, fourth = chat.ask("Second"), chat.ask("Third"), chat.ask("Fourth")
    store = chat_store.queue
    store.move("ann", fourth, -1)
    store.move("ann", second, -1)
    assert chat.queued == ["Second", "Fourth", "Third"]
    store.edit("ann", third, "Third, better")
    with pytest.raises(QuestionNotQueued):
        store.edit("ann", third, "From another tab")
    store.remove("ann", fourth)
    assert chat.queued == ["Second", "Third, better"]
    store.restore("ann", fourth, 1)
    store.restore("ann", fourth, 1)
    assert chat.queued == ["Second", "Fourth", "Third, better"]
    for owner in ("bob", ""):
        store.remove(owner, second)
        store.move(owner, second, 1)
        store.pause(owner, chat.id, Pause(ARCHIVED))
        assert not store.resume(owner, chat.id)
        assert not store.add(owner, replace(second, id="x"))
        assert store.load(owner, chat.id).questions == ()
        with pytest.raises(QuestionNotQueued):
            store.edit(owner, second, "Mine")
    assert chat.queued == ["Second", "Fourth", "Third, better"] and chat.queue.pause is None
    chat.end.set()
    assert [node.message.text for node in chat.wait(8)][2::2] == ["Second", "Fourth", "Third, better"]
    with pytest.raises(QuestionNotQueued):
        store.edit("ann", second, "Too late")
    store.restore("ann", replace(second, id="restored"), 0)
    assert chat.queue.pause == Pause(RESTORED), "it is not sent by surprise"


def test_nothing_is_sent_while_a_question_is_edited(chat_store):
    chat = Chat(chat_store, answer_of("Two"))
    question = chat.ask("Second")
    queue.begin_edit(chat.services, "ann", chat.id)
    chat.end.set()
    chat.wait(2)
    assert chat.queue.pause == Pause(EDITING)
    queue.end_edit(chat.services, "ann", question, "Second, better")
    assert chat.wait(4)[2].message.text == "Second, better"


def test_an_edit_ends_only_its_own_pause(chat_store):
    chat = Chat(chat_store)
    question = chat.ask("Second")
    queue.begin_edit(chat.services, "ann", chat.id)
    chat.services.generations.find("ann", chat.id).stop()
    wait_until(lambda: chat.queue.pause == Pause(Outcome.STOPPED))
    queue.end_edit(chat.services, "ann", question, None)
    assert chat.queue.pause == Pause(Outcome.STOPPED) and chat.queued == ["Second"]


def test_the_number_of_questions_is_limited(chat_store):
    chat = Chat(chat_store)
    for number in range(MAX_QUEUED):
        chat.ask(f"Question {number}")
    with pytest.raises(QueueFull):
        chat.ask("One more")
    assert len(chat.queued) == MAX_QUEUED


def test_a_submission_is_queued_once(chat_store):
    chat = Chat(chat_store, answer_of("Two"))
    chat.ask("Second", idempotency_key="k")
    with pytest.raises(errors.DuplicateSubmission):
        chat.ask("Second", idempotency_key="k")
    chat.end.set()
    chat.wait(4)
    with pytest.raises(errors.DuplicateSubmission):
        chat.ask("Second", idempotency_key="k")


class Limits(NoLimits):
    """Limits that refuse with an error, if there is one."""

    def __init__(self, error: errors.AntlerError | None) -> None:
        self.error = error

    def reserve_all(self, *_, **__) -> None:
        if self.error:
            raise self.error


@pytest.mark.parametrize(
    "error",
    [LimitExceededError("all", "tokens_day", 10, 1, 5, 99, 3.5), errors.ModelNotAllowed(), errors.PriceUnknown()],
)
def test_a_refusal_pauses_with_its_reason(chat_store, error):
    limits = Limits(error)
    chat = Chat(chat_store, answer_of("Two"), renew_limits=lambda: limits)
    chat.ask("Second")
    chat.end.set()
    pause = chat.wait_for_pause()
    assert pause.reason == error.code and chat.queued == ["Second"] and len(chat.gateway.sent) == 1
    if isinstance(error, LimitExceededError):
        assert vars(queue.refusal_of(pause)) == vars(error)
    queue.resume(replace(chat.services, limit_enforcer=limits), "ann", chat.id)
    assert chat.queue.pause == pause, "the next attempt is refused again"
    limits.error = None
    queue.resume(chat.services, "ann", chat.id)
    assert len(chat.wait(4)) == 4


def test_a_question_over_the_context_window_pauses_and_can_be_sent_anyway(chat_store):
    chat = Chat(chat_store, answer_of("Two"), capabilities_lookup=lambda _: Capabilities(context_window=2000))
    chat.ask("word " * 5000)
    chat.end.set()
    refusal = queue.refusal_of(chat.wait_for_pause())
    assert isinstance(refusal, ContextWindowExceeded) and refusal.estimate.context_window == 2000
    queue.resume(chat.services, "ann", chat.id, allow_overflow=True)
    assert len(chat.wait(4)) == 4


@pytest.mark.parametrize("change", ["other key", "forgotten key", "shutdown"])
def test_services_that_may_not_be_used_pause_the_queue(chat_store, change):
    chat = Chat(chat_store, answer_of("Two"), renew_limits=(lambda: None) if change == "forgotten key" else NoLimits)
    question = chat.ask("Second")
    if change == "other key":
        chat_store.queue.remove("ann", question)
        chat_store.queue.add("ann", replace(question, uses_personal_key=True))
    if change == "shutdown":
        chat.services.generations.begin_shutdown()
    chat.end.set()
    assert chat.wait_for_pause() == Pause("closing" if change == "shutdown" else OTHER_KEY)
    assert chat.queued == ["Second"] and len(chat.gateway.sent) == 1


def test_a_question_continues_the_path_of_the_answer_that_has_ended(chat_store):
    chat = Chat(chat_store, answer_of("Two"), answer_of("Three"))
    first = chat_store.messages.nodes("ann", chat.id)[-1]
    # The second one was asked below the same answer, which others have continued by then.
    chat.ask("Second", parent_id=first.id)
    chat.ask("Third", parent_id=first.id)
    chat.end.set()
    assert [node.message.text for node in chat.wait(6)][::2] == ["First", "Second", "Third"]


def test_a_question_continues_another_branch_where_it_was_asked(chat_store):
    chat = Chat(chat_store, answer_of("Two"))
    chat.end.set()
    first = chat.wait(2)[-1]
    chat.ask("Second", parent_id=first.id)
    second = chat.wait(4)[-1]
    hold = threading.Event()
    chat.gateway._answers += [[TextDelta("Other"), hold, Finish(Outcome.COMPLETE, "x")], answer_of("Three")]
    turn.ask(replace(chat.services), "ann", chat.id, "A branch", TARGET, Params(), first.id)
    branches.show_branch(chat.services, "ann", chat.id, second.id)
    chat.ask("Below the second answer", parent_id=second.id)
    hold.set()
    assert [node.message.text for node in chat.wait(6)][::2] == ["First", "Second", "Below the second answer"]


def test_a_question_continues_the_shown_branch_when_the_user_resumes(chat_store):
    chat = Chat(chat_store, answer_of("Two"), answer_of("Other"), answer_of("Three"))
    chat.end.set()
    first = chat.wait(2)[-1]
    chat.ask("Second", parent_id=first.id)
    second = chat.wait(4)[-1]
    hold = threading.Event()
    chat.gateway._answers.insert(0, [TextDelta("Held"), hold])
    turn.ask(chat.services, "ann", chat.id, "A branch", TARGET, Params(), first.id)
    chat.ask("Later", parent_id=first.id)
    chat.services.generations.find("ann", chat.id).stop()
    chat.wait_for_pause()
    branches.show_branch(chat.services, "ann", chat.id, second.id)
    queue.resume(chat.services, "ann", chat.id)
    assert [node.message.text for node in chat.wait(6)][::2] == ["First", "Second", "Later"]


def test_files_of_a_question_are_sent_with_it(chat_store):
    file = StoredFile("text/plain", b"Wombats", "Wombats", facts={"text_tokens": 2})
    part = FilePart(file.digest, "notes.txt", "text/plain", file.size, "text")
    chat = Chat(chat_store, answer_of("Two"))
    with pytest.raises(AttachmentNotFound):
        chat.ask("And these?", files=(part,))
    assert chat.queued == []
    chat_store.attachments.put("ann", file)
    assert isinstance(chat.ask("And these?", files=(part,)), QueuedQuestion)
    assert chat.queue.questions[0].files == (part,)
    chat.end.set()
    path = chat.wait(4)
    assert path[2].message.parts == (part, TextPart("And these?"))
    assert re.fullmatch(
        r'<file-\w+ name="notes.txt">\nWombats\n</file-\w+>\n\nAnd these\?', chat.gateway.sent[1][1][-1].text
    )
    assert chat_store.attachments.contents("ann", [part.digest]) == {part.digest: b"Wombats"}
