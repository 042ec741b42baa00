"""Test doubles for turns: a scripted gateway, an in-memory usage store, and waits with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from lib.chat.turns.services import TurnServices
from lib.core import tree
from lib.core.conversation import Message, Node, Outcome
from lib.core.events import Event, Finish, TextDelta
from lib.core.params import Params
from lib.core.target import Target
from lib.core.usage import UsageRecord
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.content.request_content import FileContents

WAIT = 20.0
ScriptedAnswer = Sequence[Event | BaseException | threading.Event]


def answer_of(text: str, outcome: Outcome = Outcome.COMPLETE) -> ScriptedAnswer:
    """Return an answer that ends in this way."""
    return [TextDelta(text), Finish(outcome, outcome.value)]


class ScriptedGateway:
    """A gateway with one prepared answer per request; `sent` lists the requests, `files` their contents by digest.

    An exception in an answer is raised at its place. A threading.Event blocks until it is set or the
    request is cancelled.
    """

    def __init__(self, *answers: ScriptedAnswer) -> None:
        self._answers = list(answers)
        self.sent: list[tuple[Target, list[Message], Params]] = []
        self.files: list[dict[str, bytes]] = []

    def stream(
        self, target: Target, messages: Sequence[Message], params: Params, cancel: CancelToken, *options: Any
    ) -> Iterator[Event]:
        self.sent.append((target, list(messages), params))
        contents: FileContents = options[2] if len(options) > 2 else {}
        self.files.append({digest: content.load() for digest, content in contents.items()})
        return self._play(self._answers.pop(0), cancel)

    def _play(self, script: ScriptedAnswer, cancel: CancelToken) -> Iterator[Event]:
        for event in script:
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, threading.Event):
                while not (event.wait(0.01) or cancel.cancelled):
                    pass
            else:
                yield event


class FakeUsageStore:
    """A usage store in memory: pairs of owner and record."""

    def __init__(self) -> None:
        self.records: list[tuple[str, UsageRecord]] = []

    def record(self, owner: str, *records: UsageRecord) -> None:
        self.records.extend((owner, record) for record in records)


def wait_for_path(services: TurnServices, conversation_id: str) -> list[Node]:
    """Wait until no answer is running in the conversation, and return its visible path."""
    deadline = time.monotonic() + WAIT
    while services.generations.find("ann", conversation_id):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    conversation = services.store.conversations.get("ann", conversation_id)
    return tree.path(services.store.messages.nodes("ann", conversation_id), conversation.head_id)


def wait_until(condition) -> None:
    """Wait until `condition` is true; fail after WAIT seconds."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
