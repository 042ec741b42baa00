"""One turn: path, send, save what came."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from lib.chat import tree
from lib.chat.answer import STALE_AFTER, Answer, Answers, Keeper
from lib.core import errors
from lib.core.types import Conversation, Message, Node, Outcome, Params, Target, Text, whole
from lib.gateway.client import Gateway
from lib.gateway.transport import Cancel

TITLE_MAX = 60


class Store(Keeper, Protocol):
    """What a turn asks of the database; each method may raise StoreError."""

    def conversation(self, owner: str, conversation: str) -> Conversation | None: ...
    def nodes(self, owner: str, conversation: str) -> list[Node]: ...
    def begin(self, owner: str, conversation: Conversation, nodes: Sequence[Node]) -> None:
        """Commit new nodes and the conversation as it now is, which may be new, in one transaction."""


@dataclass(frozen=True)
class Desk:
    """The parts that a turn works with, put together once per process."""

    store: Store
    gateway: Gateway
    answers: Answers


def ask(
    desk: Desk, owner: str, conversation: str | None, text: str, target: Target, params: Params
) -> Conversation:
    """Send a question at the end of a conversation, or as the first of a new one where it is None.

    The question and its arriving answer are committed before anything is sent. Raises StaleTurn while an
    answer is arriving there, Gone where the conversation is not there (any more), StoreError where
    nothing could be kept: then nothing is sent either.
    """
    now = time.time()
    with desk.answers.turn(conversation or (new := _new_id())):
        base = _known(desk, owner, conversation) if conversation else Conversation(new, title(text), now)
        path = _path(desk, owner, base)
        question = Node(_new_id(), base.head, Message("user", (Text(whole(text)),)), now)
        base = replace(base, target=target, params=params)
        return _answer(desk, owner, base, [*path, question], [question])


def retry(desk: Desk, owner: str, conversation: str, target: Target, params: Params) -> Conversation:
    """Ask for another answer to the last question; the earlier one stays as its sibling. Raises as ask."""
    with desk.answers.turn(conversation):
        base = _known(desk, owner, conversation)
        path = _path(desk, owner, base)
        while path and path[-1].message.role != "user":
            path.pop()
        if not path:
            raise errors.Gone
        return _answer(desk, owner, replace(base, target=target, params=params), path, [])


def _known(desk: Desk, owner: str, conversation: str) -> Conversation:
    known = desk.store.conversation(owner, conversation)
    if known is None:
        raise errors.Gone
    return known


def _path(desk: Desk, owner: str, conversation: Conversation) -> list[Node]:
    """The path to the head. Raises StaleTurn where another process's answer is still arriving there."""
    path = tree.path(desk.store.nodes(owner, conversation.id), conversation.head)
    if path and path[-1].arriving:
        desk.store.sweep(STALE_AFTER)
        path = tree.path(desk.store.nodes(owner, conversation.id), conversation.head)
        if path[-1].arriving:
            raise errors.StaleTurn
    return path


def _answer(
    desk: Desk, owner: str, conversation: Conversation, path: list[Node], new: list[Node]
) -> Conversation:
    """Commit `new` and the arriving answer to the last node of `path`, then have it produced."""
    target, params, now = conversation.target, conversation.params, time.time()
    assert target is not None
    node = Node(_new_id(), path[-1].id, Message("assistant", ()), now, Outcome.ARRIVING, target=target)
    conversation = replace(conversation, head=node.id, updated=now)
    cancel = Cancel()
    answer = Answer(owner, conversation.id, node, cancel, desk.store)
    desk.answers.put(answer)
    desk.store.begin(owner, conversation, [*new, node])
    messages = [step.message for step in path]
    answer.start(lambda: desk.gateway.stream(target, messages, params, cancel), desk.answers.leave)
    return conversation


def title(question: str) -> str:
    """A conversation's title from its first question: one line, cut between words where there are any."""
    line = " ".join(whole(question).split())
    if len(line) <= TITLE_MAX:
        return line
    head = line[: TITLE_MAX - 1]
    words, _, _ = head.rpartition(" ")
    return (words if len(words) > TITLE_MAX // 2 else head).rstrip() + "…"


def _new_id() -> str:
    """An id that cannot be guessed, safe in a URL."""
    return secrets.token_urlsafe(12)
