"""A conversation with queued questions, for tests of the queue."""

from __future__ import annotations

import threading
from typing import ClassVar

from lib.chat.turns import queue
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.turn import SentQuestion
from lib.core.conversation import Node, Outcome
from lib.core.events import Finish, TextDelta
from lib.core.params import Params
from lib.core.question_queue import Pause, QueuedQuestion
from lib.core.target import Target
from tests.unit.chat.services import ScriptedGateway, wait_for_path, wait_until

TARGET, OTHER = Target("m", "openai"), Target("n", "anthropic")


class Chat:
    """A conversation of ann whose first answer arrives until `end` is set."""

    registries: ClassVar[list[GenerationRegistry]] = []

    def __init__(self, store, *answers: list, outcome: Outcome = Outcome.COMPLETE, **services) -> None:
        self.end = threading.Event()
        self.gateway = ScriptedGateway([TextDelta("One"), self.end, Finish(outcome, "x")], *answers)
        self.services = TurnServices(
            store, self.gateway, GenerationRegistry(), on_answer_end=queue.send_next, **services
        )
        self.registries.append(self.services.generations)
        self.store = store
        self.id = self.ask("First", None).conversation.id

    def ask(self, text: str, conversation_id: str | None = "", **options) -> SentQuestion | QueuedQuestion:
        conversation_id = self.id if conversation_id == "" else conversation_id
        options = {"target": TARGET, "params": Params(), **options}
        return queue.ask_or_queue(self.services, "ann", conversation_id, text, **options)

    def texts(self) -> list[str]:
        return [node.message.text for node in wait_for_path(self.services, self.id)]

    def wait(self, count: int) -> list[Node]:
        """Wait until the shown path has a number of messages, and the last one has ended."""
        wait_until(lambda: len(wait_for_path(self.services, self.id)) == count)
        return wait_for_path(self.services, self.id)

    def wait_for_pause(self) -> Pause:
        wait_until(lambda: self.queue.pause)
        assert self.queue.pause
        return self.queue.pause

    @property
    def queue(self):
        return self.store.queue.load("ann", self.id)

    @property
    def queued(self) -> list[str]:
        return [question.text for question in self.queue.questions]
