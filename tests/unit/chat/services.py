"""Desks for the tests of turns: a gateway that says what it is told to, and a wait for the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

from lib.chat.turns.turn import TurnServices
from lib.core import tree
from lib.core.conversation import Message, Node
from lib.core.events import Event
from lib.core.params import Params
from lib.core.target import Target
from lib.core.usage import UsageRecord
from lib.gateway.transport.cancel import CancelToken

WAIT = 20.0
Said = Sequence[Event | BaseException | threading.Event]


class Scripted:
    """A gateway that gives one prepared answer for each request, and remembers what it was sent.

    An exception in an answer is raised there. A threading.Event is waited for, or for a stop.
    """

    def __init__(self, *answers: Said) -> None:
        self._answers = list(answers)
        self.sent: list[tuple[Target, list[Message], Params]] = []

    def stream(
        self, target: Target, messages: Sequence[Message], params: Params, cancel: CancelToken, _: str = ""
    ) -> Iterator[Event]:
        self.sent.append((target, list(messages), params))
        return self._say(self._answers.pop(0), cancel)

    def _say(self, said: Said, cancel: CancelToken) -> Iterator[Event]:
        for event in said:
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, threading.Event):
                while not (event.wait(0.01) or cancel.cancelled):
                    pass
            else:
                yield event


class Counting:
    """A book that remembers what was counted, and for whom."""

    def __init__(self) -> None:
        self.spends: list[tuple[str, UsageRecord]] = []

    def record(self, owner: str, *spends: UsageRecord) -> None:
        self.spends.extend((owner, spend) for spend in spends)


def settled(desk: TurnServices, conversation: str) -> list[Node]:
    """The shown path when the answer there is settled."""
    deadline = time.monotonic() + WAIT
    while desk.generations.find("ann", conversation):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    talk = desk.store.conversations.get("ann", conversation)
    return tree.path(desk.store.messages.nodes("ann", conversation), talk.head_id)


def until(true) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
