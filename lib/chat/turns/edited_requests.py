"""Edited requests: the body of a recorded request, changed by its owner, and sent once more.

It is sent like any question: with the permissions and limits that hold now, an answer in a conversation, and a row of
the ledger. Only the body is the user's: address, key and the headers of the caller are those of a usual request.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from lib.chat.attachments.plan import native_tokens
from lib.chat.context import window
from lib.chat.context.titles import title_from_question
from lib.chat.exchanges.edited_body import EditedBody, InvalidEdit, parse_edit
from lib.chat.exchanges.recorded_request import read_request
from lib.chat.turns import request_files
from lib.chat.turns.answer_request import attach_recorder, run_generation, running_limit
from lib.chat.turns.generation import Generation
from lib.chat.turns.services import TurnServices
from lib.chat.turns.turn import load_conversation
from lib.chat.usage import cost
from lib.core import errors, image_tokens, tree
from lib.core.conversation import Conversation, FilePart, Message, Node, Outcome, new_id
from lib.core.events import Event
from lib.core.exchanges import Attempt, Exchange
from lib.core.file_content import Base64Text, FileContent, FileUnavailable
from lib.core.file_storage import FileFacts
from lib.core.params import Params
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires import request_body
from lib.gateway.wires.models import web_search


@dataclass(frozen=True)
class _Place:
    """The place of the answer: a conversation, the nodes that are new in it, the answer as the last one."""

    conversation: Conversation
    new_nodes: list[Node]


def send_edited(
    services: TurnServices,
    owner: str,
    exchange: Exchange,
    attempt: Attempt,
    text: str,
    placeholder: str,
    *,
    is_temporary: bool = False,
) -> Conversation:
    """Send an edited body, and return the conversation in which its answer arrives.

    Where only the model or parameters differ, that is another answer to the same question. A changed question begins a
    conversation, except in a temporary chat, which is a single one; `placeholder` is its first question if the body has
    none. Raises InvalidEdit, FileUnavailable, TurnInProgress, ShuttingDown, TooManyAnswers, ModelNotAllowed,
    LimitExceededError, PriceUnknown and StoreError.
    """
    edited = parse_edit(text, exchange, attempt)
    facts = _load_facts(services, owner, attempt)
    conversation_id = _find_conversation(services, owner, exchange, attempt, edited)
    if is_temporary and not conversation_id:
        raise InvalidEdit("temporary")
    conversation_id = conversation_id or new_id()
    with services.generations.claim_turn(conversation_id):
        if conversation_id == exchange.conversation_id:
            place = _beside_answer(services, owner, exchange, edited)
        else:
            place = _in_new_conversation(conversation_id, edited, attempt, placeholder)
        _start(services, owner, place, edited, _insert_files(services, owner, edited, attempt, facts), attempt, facts)
    return place.conversation


def _load_facts(services: TurnServices, owner: str, attempt: Attempt) -> Mapping[str, FileFacts]:
    """Return the facts of the files of a request. Raises FileUnavailable if one is not stored any more."""
    digests = list(dict.fromkeys(file.digest for file in attempt.files))
    facts = services.store.attachments.facts(owner, digests) if digests else {}
    if len(facts) < len(digests):
        raise FileUnavailable
    return facts


def _find_conversation(
    services: TurnServices, owner: str, exchange: Exchange, attempt: Attempt, edited: EditedBody
) -> str:
    """Return the conversation that gets another answer to the same question; "" for none.

    What continued an answer was no request for all of it, and a column of a comparison is no chat that could show two.
    """
    if not exchange.node_id or not edited.is_same_question or attempt.reason == "continuation":
        return ""
    conversation = services.store.conversations.get(owner, exchange.conversation_id)
    if conversation is None or conversation.comparison_id:
        return ""
    first = services.store.exchanges.of_answer(owner, exchange.node_id)[:1]
    node = services.store.messages.node(owner, exchange.node_id)
    is_there = node is not None and node.deleted_at is None
    return exchange.conversation_id if is_there and [each.id for each in first] == [exchange.id] else ""


def _beside_answer(services: TurnServices, owner: str, exchange: Exchange, edited: EditedBody) -> _Place:
    base = load_conversation(services, owner, exchange.conversation_id)
    nodes = services.store.messages.nodes(owner, base.id)
    if any(node.arriving for node in tree.path(nodes, base.head_id)[-1:]):
        raise errors.TurnInProgress
    answer = next((node for node in nodes if node.id == exchange.node_id), None)
    if answer is None:
        raise errors.ConversationNotFound
    node = _build_answer(edited, answer.parent_id, time.time())
    return _Place(replace(base, head_id=node.id, updated_at=node.created_at), [node])


def _in_new_conversation(conversation_id: str, edited: EditedBody, attempt: Attempt, placeholder: str) -> _Place:
    request = read_request(replace(attempt, body=edited.text), placeholder)
    now, nodes = time.time(), list[Node]()
    for number, message in enumerate(request.messages):
        nodes.append(Node(new_id(), nodes[-1].id if nodes else None, message, now + number * 1e-3))
    question, target = nodes[-1].message, edited.target
    nodes.append(_build_answer(edited, nodes[-1].id, now + len(nodes) * 1e-3))
    title = title_from_question(question.text, question.files)
    params = Params(system=request.system)
    conversation = Conversation(
        conversation_id, title, nodes[-1].created_at, nodes[-1].id, target, params, created_at=now
    )
    return _Place(conversation, nodes)


def _build_answer(edited: EditedBody, question_id: str | None, now: float) -> Node:
    return Node(
        new_id(),
        question_id,
        Message("assistant", ()),
        now,
        Outcome.ARRIVING,
        target=edited.target,
        usage_record_id=new_id(),
    )


def _insert_files(
    services: TurnServices, owner: str, edited: EditedBody, attempt: Attempt, facts: Mapping[str, FileFacts]
) -> dict[str, Any]:
    """Return the body with the files in place of their marks."""
    texts = {}
    for file in attempt.files:
        load = partial(request_files.load_content, services.store.attachments, owner, file.digest)
        content = FileContent(file.digest, file.media_type, facts[file.digest].size, load)
        texts[file.mark] = Base64Text(content, file.prefix)
    body: dict[str, Any] = _replace_texts(dict(edited.fields), texts)
    return body


def _replace_texts(value: Any, texts: Mapping[str, Base64Text]) -> Any:
    if isinstance(value, str):
        return texts.get(value, value)
    if isinstance(value, dict):
        return {name: _replace_texts(item, texts) for name, item in value.items()}
    return [_replace_texts(item, texts) for item in value] if isinstance(value, list) else value


def _start(
    services: TurnServices,
    owner: str,
    place: _Place,
    edited: EditedBody,
    body: Mapping[str, Any],
    attempt: Attempt,
    facts: Mapping[str, FileFacts],
) -> None:
    """Reserve the maximum usage of the body, commit the nodes, then send it on a worker."""
    node, cancel, conversation = place.new_nodes[-1], CancelToken(), place.conversation
    _reserve_usage(services, node, edited, attempt, facts)
    generation = Generation(
        owner,
        conversation.id,
        node,
        cancel,
        services.store.messages,
        services.price_lookup,
        uses_personal_key=services.uses_personal_key,
    )
    attach_recorder(services, generation)

    def commit() -> None:
        services.store.messages.save_turn(
            owner, conversation, place.new_nodes, running_limit=running_limit(services), allow_missing_files=True
        )

    def open_stream() -> Iterator[Event]:
        return services.gateway.stream_body(edited.target, body, cancel, conversation.id, generation.record.recorder)

    try:
        run_generation(services, generation, commit, open_stream)
    except BaseException:
        services.limit_enforcer.release(node.usage_record_id)
        raise


def _reserve_usage(
    services: TurnServices, node: Node, edited: EditedBody, attempt: Attempt, facts: Mapping[str, FileFacts]
) -> None:
    target, params = edited.target, edited.params
    capabilities = services.capabilities_lookup(target.model)
    estimate = _estimate(edited, capabilities.context_window, _count_file_tokens(edited, attempt, facts))
    limit = params.max_tokens or request_body.output_limit(target, params, capabilities)
    usage = cost.max_usage(estimate, params, limit, web_search.max_searches(edited.fields))
    services.limit_enforcer.reserve(node.usage_record_id, target.model, usage, cost.expected_images(estimate))


def _estimate(edited: EditedBody, context_window: int | None, file_tokens: int) -> window.ContextEstimate:
    """Estimate the tokens of the body; of images as many as it asks for, whatever the model is known to make."""
    params, files = edited.params, window.FileTokens(question=file_tokens)
    estimate = window.estimate_context([], edited.question_text, params, edited.target, context_window, files=files)
    if not estimate.image_count:
        return estimate
    count = params.n or 1
    return replace(
        estimate,
        tokens=estimate.tokens + estimate.image_tokens * (count - estimate.image_count),
        image_count=count,
        max_image_tokens=max(estimate.max_image_tokens, image_tokens.max_generated(params)),
    )


def _count_file_tokens(edited: EditedBody, attempt: Attempt, facts: Mapping[str, FileFacts]) -> int:
    """Return the tokens of the files that the body holds, each as often as it does."""
    request = read_request(replace(attempt, body=edited.text), "")
    parts = {part.digest: part for message in request.messages for part in message.files}
    total = 0
    for file in attempt.files:
        part = parts.get(file.digest) or FilePart(file.digest, "", file.media_type, file.size)
        total += edited.text.count(file.mark) * native_tokens(part, facts[file.digest], edited.target.model)
    return total
