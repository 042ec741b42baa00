"""Replays: recorded exchanges that are played as answers, without a gateway, a cost or a limit of money."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace

from lib.chat.context.titles import title_from_question
from lib.chat.exchanges.recorded_request import RecordedRequest, read_request
from lib.chat.turns.answer_request import run_generation, running_limit
from lib.chat.turns.generation import Generation
from lib.chat.turns.services import TurnServices
from lib.core.conversation import REPLAY, Conversation, Message, Node, Outcome, new_id
from lib.core.errors import StoreError
from lib.core.events import Event
from lib.core.exchanges import Exchange
from lib.core.params import Params
from lib.gateway.replay import replay_events
from lib.gateway.transport.cancel import CancelToken

log = logging.getLogger(__name__)


def replay(
    services: TurnServices,
    owner: str,
    exchange: Exchange,
    placeholder: str,
    speed: float = 1.0,
    folder: str = "",
) -> Conversation:
    """Open a conversation with the messages of a recorded request, and play its answer with the original timing.

    `placeholder` stands for a question that was not recorded; `speed` divides all times. The messages and the arriving
    answer are committed before the first event, and the answer ends as any other, but its usage is nobody's: it was
    recorded when the answer was paid for. Raises ShuttingDown, TooManyAnswers and StoreError.
    """
    request = read_request(exchange.attempts[0], placeholder)
    conversation_id = new_id()
    with services.generations.claim_turn(conversation_id):
        nodes = _build_nodes(exchange, request, time.time())
        question = nodes[-2].message
        conversation = Conversation(
            conversation_id,
            title_from_question(question.text, question.files),
            nodes[-1].created_at,
            nodes[-1].id,
            exchange.target,
            Params(system=request.system),
            created_at=nodes[0].created_at,
            folder=folder,
        )
        _start(services, owner, conversation, nodes, exchange, speed)
    return conversation


def _build_nodes(exchange: Exchange, request: RecordedRequest, now: float) -> list[Node]:
    """Return the path of a request and its arriving answer."""
    nodes: list[Node] = []
    for number, message in enumerate([*request.messages, Message("assistant", ())]):
        parent_id = nodes[-1].id if nodes else None
        target = exchange.target if message.role == "assistant" else None
        nodes.append(Node(new_id(), parent_id, message, now + number * 1e-3, target=target))
    note = {REPLAY: {"recorded_at": exchange.started_at, "attempts": len(exchange.attempts)}}
    nodes[-1] = replace(nodes[-1], outcome=Outcome.ARRIVING, provider_metadata=note)
    return nodes


def _start(
    services: TurnServices,
    owner: str,
    conversation: Conversation,
    nodes: list[Node],
    exchange: Exchange,
    speed: float,
) -> None:
    """Commit the nodes, then play the answer on a worker."""
    cancel, store = CancelToken(), services.store.messages
    generation = Generation(owner, conversation.id, nodes[-1], cancel, store)

    def commit() -> None:
        limit = running_limit(services)
        store.save_turn(owner, conversation, nodes, running_limit=limit, allow_missing_files=True)
        _save_exchange(services, owner, exchange, conversation.id, nodes[-1])

    def open_stream() -> Iterator[Event]:
        return replay_events(exchange, cancel, speed, services.max_answer_chars)

    run_generation(services, generation, commit, open_stream)


def _save_exchange(services: TurnServices, owner: str, exchange: Exchange, conversation_id: str, node: Node) -> None:
    """Keep the exchange with the replayed answer, as of the time of the replay, up to the size that is recorded."""
    size = sum(len(attempt.body) + attempt.response_bytes - attempt.omitted_bytes for attempt in exchange.attempts)
    if size > services.max_recorded_bytes:
        return
    shift = node.created_at - exchange.started_at
    attempts = tuple(replace(attempt, started_at=attempt.started_at + shift) for attempt in exchange.attempts)
    own = replace(exchange, id=new_id(), attempts=attempts, purpose="replay")
    own = replace(own, conversation_id=conversation_id, node_id=node.id)
    try:
        services.store.exchanges.save(owner, own)
    except StoreError:  # the turn is committed, and its answer can be played
        log.warning("the exchange of a replay could not be saved", exc_info=True)
