"""Instructions of a project: each request has those of the conversation's folder as they are then."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from lib.chat.context.window import ContextWindowExceeded
from lib.chat.turns import queue, shorten, turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.temporary import TemporaryStore
from lib.config.settings import Settings
from lib.core.conversation import Outcome, Truncation
from lib.core.errors import FolderNotFound, InvalidRequest, RequestUnchanged
from lib.core.events import Finish, ProviderMetadata, Restart, TextDelta
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.projects import NOTE, Project
from lib.core.target import Target
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.unit.chat.services import FakeUsageStore, ScriptedGateway, answer_of, wait_for_path, wait_until

TARGET = Target("m", "openai")
TIDES = Project("Tides", "Answer in metres.")
NOTED = {"name": "Tides", "instructions": "Answer in metres."}
OWN = Params(system="Rhyme.", seed=1)


@pytest.fixture
def projects(store):
    store.projects.save("ann", TIDES)
    return store.projects


def services_of(store, *answers, **options) -> TurnServices:
    return TurnServices(store, ScriptedGateway(*answers), GenerationRegistry(), **options)


def ask(services: TurnServices, conversation_id: str | None = None, folder: str = "Tides", params: Params = OWN) -> str:
    sent = turn.ask(services, "ann", conversation_id, "Why?", TARGET, params, folder=folder)
    wait_for_path(services, sent.conversation.id)
    return sent.conversation.id


def systems(services: TurnServices) -> list[str]:
    """Return the system prompt of each request."""
    return [params.system for _, _, params in services.gateway.sent]


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_the_wires_get_the_instructions_before_the_system_prompt(store, projects, wire):
    with FakeGateway(pace=50) as server:
        gateway = Gateway(Settings(base_url=server.url))
        services = TurnServices(store, gateway, GenerationRegistry())
        sent = turn.ask(services, "ann", None, "High?", Target("demo-tour", wire), OWN, folder="Tides")
        answer = wait_for_path(services, sent.conversation.id)[-1]
        gateway.close()
    first, second = answer.message.text.find("Answer in metres."), answer.message.text.find("Rhyme.")
    assert 0 <= first < second
    assert answer.provider_metadata[NOTE] == NOTED
    # Stored are the parameters of the conversation alone.
    assert store.conversations.get("ann", sent.conversation.id).params == OWN


def test_every_request_has_the_instructions_of_that_moment(store, projects):
    services = services_of(store, answer_of("One"), answer_of("Two", Outcome.LENGTH), answer_of("More"), answer_of("3"))
    conversation_id = ask(services)
    projects.save("ann", replace(TIDES, instructions="In feet."))
    turn.regenerate(services, "ann", conversation_id, TARGET, OWN)
    answer = wait_for_path(services, conversation_id)[-1]
    assert answer.provider_metadata[NOTE]["instructions"] == "In feet."
    store.conversations.move_to_folder("ann", [conversation_id], "")
    turn.continue_answer(services, "ann", conversation_id, answer.id, OWN)
    assert NOTE not in wait_for_path(services, conversation_id)[-1].provider_metadata
    store.conversations.move_to_folder("ann", [conversation_id], "Tides")
    ask(services, conversation_id, folder="Ignored")
    assert systems(services) == ["Answer in metres.\n\nRhyme.", "In feet.\n\nRhyme.", "Rhyme.", "In feet.\n\nRhyme."]


def test_a_queued_question_has_the_instructions_of_its_sending(store, projects):
    end = threading.Event()
    services = services_of(store, [TextDelta("1"), end, Finish(Outcome.COMPLETE, "x")], answer_of("2"))
    services = replace(services, on_answer_end=queue.send_next)
    sent = queue.ask_or_queue(services, "ann", None, "One", TARGET, Params(), folder="Tides")
    queue.ask_or_queue(services, "ann", sent.conversation.id, "Two", TARGET, Params())
    projects.save("ann", replace(TIDES, instructions="In feet."))
    end.set()
    wait_until(lambda: len(wait_for_path(services, sent.conversation.id)) == 4)
    assert systems(services) == ["Answer in metres.", "In feet."]


def test_the_note_survives_another_attempt_and_names_what_the_gateway_says_too(store, projects):
    events = [ProviderMetadata({"id": "r1"}), Restart(), ProviderMetadata({"id": "r2"}), *answer_of("One")]
    services = services_of(store, events)
    answer = wait_for_path(services, ask(services))[-1]
    assert answer.provider_metadata == {NOTE: NOTED, "id": "r2"}


def test_a_new_conversation_is_in_its_folder_or_is_not_sent(store, projects):
    services = services_of(store, answer_of("One"), answer_of("Two"))
    assert store.conversations.get("ann", ask(services)).folder == "Tides"
    projects.move("ann", "Tides", "Sea")
    with pytest.raises(FolderNotFound):
        ask(services)
    assert len(services.gateway.sent) == len(store.conversations.page("ann", 9)) + 1 == 1
    assert store.conversations.get("ann", ask(services, folder="")).folder == ""
    assert systems(services)[-1] == "Rhyme."


def test_a_folder_of_another_user_does_not_exist(store, projects):
    with pytest.raises(FolderNotFound):
        turn.ask(services_of(store), "bob", None, "Why?", TARGET, OWN, folder="Tides")


def test_instructions_count_in_the_context_window(store, projects):
    projects.save("ann", replace(TIDES, instructions="In metres, please. " * 2_000))
    services = services_of(store, answer_of("One"), capabilities_lookup=lambda _: Capabilities(context_window=8_000))
    with pytest.raises(ContextWindowExceeded):
        ask(services)
    ask(services, folder="")
    assert systems(services) == ["Rhyme."]


def test_changed_instructions_change_a_refused_request(store, projects):
    refusal = InvalidRequest("Too long", status=400)
    services = services_of(store, [refusal], answer_of("Two"))
    conversation_id = ask(services)
    with pytest.raises(RequestUnchanged):
        turn.regenerate(services, "ann", conversation_id, TARGET, OWN)
    projects.save("ann", replace(TIDES, instructions="In feet."))
    turn.regenerate(services, "ann", conversation_id, TARGET, OWN)
    assert wait_for_path(services, conversation_id)[-1].message.text == "Two"


def test_a_shortened_conversation_stays_in_its_folder(store, projects):
    services = services_of(store, answer_of("One"))
    conversation_id = ask(services)
    path = wait_for_path(services, conversation_id)
    base = store.conversations.get("ann", conversation_id)
    assert shorten.start_new_conversation(services, "ann", base, path, Truncation(path[0].id)).folder == "Tides"


def test_a_temporary_chat_is_in_no_project(projects):
    services = services_of(TemporaryStore("ann", FakeUsageStore()), answer_of("One"))
    ask(services, folder="")
    assert systems(services) == ["Rhyme."]
