"""Turns: ask a question, regenerate an answer, continue one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lib.chat.context import window
from lib.chat.context.titles import title_from_question
from lib.chat.context.window import DEFAULT_ANSWER_TOKENS, ContextEstimate
from lib.chat.turns import refused_requests, request_params
from lib.chat.turns.continuation import deduplicate_continuation
from lib.chat.turns.generation import STALE_AFTER, Generation
from lib.chat.turns.ports import TurnStore
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.request_params import CapabilitiesLookup, unknown_capabilities
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.usage import cost
from lib.chat.usage.limits import NO_LIMITS, NoLimits
from lib.chat.usage.recorder import PriceLookup, unknown_price
from lib.core import errors, tree
from lib.core.conversation import (
    ANSWER_LIMIT,
    Conversation,
    Message,
    Node,
    Outcome,
    TextPart,
    ThinkingPart,
    Truncation,
    new_id,
)
from lib.core.events import Event
from lib.core.extra_json import absorb_extra
from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import ParamAdjustment, Params
from lib.core.refused_params import NO_MEMORY, RefusedParam, RefusedParamMemory
from lib.core.sanitize import replace_surrogates
from lib.core.target import Target
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires import claude_rules, efforts, request_body

HEAD = "head"  # in place of a node's id: the end of the current branch
DEFAULT_OUTPUT_LIMIT = 8192  # tokens, where the limit that cut an answer is unknown
_CONTINUABLE_OUTCOMES = (Outcome.LENGTH, Outcome.STOPPED, Outcome.INTERRUPTED, Outcome.FAILED)
# Vendors reject a request that ends with an assistant message, so a continuation needs a question.
CONTINUE_PROMPT = (
    "Continue your last message from exactly where it stopped, in the middle of a word if need be. "
    "Do not repeat anything and do not comment: both parts are joined without a gap."
)


@dataclass(frozen=True)
class TurnServices:
    """The dependencies of a turn; without a `utility_model` there are no generated titles and summaries."""

    store: TurnStore
    gateway: Gateway
    generations: GenerationRegistry
    utility_models: UtilityModelService | None = None
    utility_model: UtilityModel | None = None
    price_lookup: PriceLookup = unknown_price
    limit_enforcer: NoLimits = NO_LIMITS
    capabilities_lookup: CapabilitiesLookup = unknown_capabilities
    refused_params: RefusedParamMemory = NO_MEMORY
    max_running_answers: int | None = None


@dataclass(frozen=True)
class SentQuestion:
    """A question that was sent; `is_new_branch` where the answer it follows already had a question."""

    conversation: Conversation
    is_new_branch: bool


@dataclass(frozen=True)
class _Request:
    """A request for an answer to `path`, with the target and the parameters of the conversation."""

    conversation: Conversation
    path: Sequence[Node]
    messages: Sequence[Message]
    estimate: ContextEstimate
    refused_digests: frozenset[str] = frozenset()


def ask(
    services: TurnServices,
    owner: str,
    conversation_id: str | None,
    text: str,
    target: Target,
    params: Params,
    parent_id: str | None = HEAD,
    *,
    allow_overflow: bool = False,
) -> SentQuestion:
    """Send a question that follows the answer `parent_id`; a `conversation_id` of None starts a conversation.

    A question beside an earlier one starts a branch: the asker may see an older end than others do, or sends
    an edited version behind the parent of its original. A `parent_id` of None makes it a root.

    Question and arriving answer are committed before anything is sent. On an error nothing is saved or sent:
    ContextWindowExceeded unless `allow_overflow` is set, TurnInProgress, ShuttingDown, ConversationNotFound,
    StoreError, ModelNotAllowed, LimitExceededError, PriceUnknown, RequestUnchanged.
    """
    now = time.time()
    with services.generations.claim_turn(conversation_id or (new := new_id())):
        if conversation_id:
            base = load_conversation(services, owner, conversation_id)
        else:
            base = Conversation(new, title_from_question(text), now, created_at=now)
        end_id = base.head_id if parent_id == HEAD else parent_id
        nodes = _load_nodes(services, owner, base.id, base.head_id, end_id)
        base, path = replace(base, target=target, params=params), tree.path(nodes, end_id)
        estimate = _estimate_context(services, base, path, text)
        if estimate.is_over_limit and not allow_overflow:
            raise window.ContextWindowExceeded(estimate)
        message = Message("user", (TextPart(replace_surrogates(text)),))
        question = Node(new_id(), path[-1].id if path else None, message, now)
        conversation = _start_answer(services, owner, base, [*path, question], [question], estimate, nodes)
    if conversation_id is None:
        _generate_title(services, owner, conversation, text)
    shown_path = tree.path(nodes, base.head_id)
    return SentQuestion(conversation, any(node.parent_id == question.parent_id for node in shown_path))


def regenerate(
    services: TurnServices,
    owner: str,
    conversation_id: str,
    target: Target,
    params: Params,
    question_id: str | None = None,
) -> Conversation:
    """Request another answer to a question; earlier answers stay as its siblings.

    A `question_id` of None is the last question that is shown. Raises as `ask`, but for the context window.
    """
    with services.generations.claim_turn(conversation_id):
        base = load_conversation(services, owner, conversation_id)
        nodes = _load_nodes(services, owner, conversation_id, question_id or base.head_id)
        path = tree.path(nodes, question_id or base.head_id)
        while path and path[-1].message.role != "user":
            path.pop()
        if not path or (question_id and path[-1].id != question_id):
            raise errors.ConversationNotFound
        base = replace(base, target=target, params=params)
        return _start_answer(services, owner, base, path, [], _estimate_context(services, base, path), nodes)


def continue_answer(services: TurnServices, owner: str, conversation_id: str, answer_id: str, params: Params) -> None:
    """Have the last answer continued by its own target, if it is incomplete. Raises as `regenerate`."""
    with services.generations.claim_turn(conversation_id):
        base = load_conversation(services, owner, conversation_id)
        path = _load_path(services, owner, base)
        if not path or path[-1].id != answer_id or not can_continue(path[-1]):
            return
        answer = path[-1]
        target = answer.target or base.target
        assert target is not None
        base = replace(base, params=params, updated_at=time.time())
        params = replace(absorb_extra(target.wire, params), n=None)
        node = replace(
            answer,
            outcome=Outcome.ARRIVING,
            failure=None,
            finish_reason="",
            target=target,
            usage_record_id=new_id(),
        )
        messages = build_messages(path, base.truncation)
        messages.append(Message("user", (TextPart(CONTINUE_PROMPT),)))
        request = replace(base, target=target, params=params)
        estimate = _estimate_context(services, request, path, CONTINUE_PROMPT)
        _start_generation(
            services,
            owner,
            node,
            _Request(request, path, messages, estimate, refused_requests.refused_digests([answer])),
            lambda: services.store.messages.reopen(owner, base, node),
            lambda events: deduplicate_continuation(answer.message.text, events),
        )


def can_continue(node: Node) -> bool:
    """Return True for an incomplete answer that has some text, and room for more on this server."""
    has_text = bool(node.message.text.strip())
    return node.outcome in _CONTINUABLE_OUTCOMES and has_text and node.finish_reason != ANSWER_LIMIT


def dropped_params(
    target: Target, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> list[ParamAdjustment]:
    """Return the parameters that the target does not take unchanged."""
    return request_body.dropped_params(target, params, capabilities)


def unsupported_params(target: Target, capabilities: Capabilities = UNKNOWN_CAPABILITIES) -> frozenset[str]:
    """Return the names of the parameters that the target does not accept in any form."""
    return request_body.unsupported_params(target, capabilities)


def thinks(target: Target, params: Params, capabilities: Capabilities) -> bool:
    """Return True if the model is known to think before it answers with these parameters."""
    return request_body.thinks(target, params, capabilities)


def list_efforts(target: Target, capabilities: Capabilities) -> tuple[str, ...]:
    """Return the levels of effort that the model is known to have, the lowest first; () without a choice."""
    return efforts.list_efforts(target, capabilities)


def output_limit(target: Target, params: Params, capabilities: Capabilities) -> int | None:
    """Return the output limit that a request is sent with, in tokens; None if it is left to the gateway."""
    return request_body.output_limit(target, params, capabilities)


def max_output_tokens(target: Target, capabilities: Capabilities) -> int | None:
    """Return the most output tokens that the model generates; None if unknown."""
    return claude_rules.max_output_tokens(target.model, capabilities)


def repeats_refusal(
    conversation: Conversation,
    path: Sequence[Node],
    target: Target,
    params: Params,
    capabilities: Capabilities,
    refused: Sequence[RefusedParam],
) -> bool:
    """Return True if another answer in place of the last one would need the request that was refused as wrong.

    `refused` are the parameters that the target is known to refuse.
    """
    digests = refused_requests.refused_digests(path[-1:])
    messages = build_messages(path[:-1], conversation.truncation) if digests else []
    return bool(digests) and (
        refused_requests.request_digest(target, messages, params, capabilities, refused) in digests
    )


def build_messages(path: Sequence[Node], truncation: Truncation | None = None) -> list[Message]:
    """Return the messages that a target is sent for a path, without the thinking of earlier answers."""
    return window.summary_messages(path, truncation) + [
        replace(
            node.message,
            parts=tuple(part for part in node.message.parts if not isinstance(part, ThinkingPart)),
        )
        for node in path[window.first_sent_index(path, truncation) :]
    ]


def load_conversation(services: TurnServices, owner: str, conversation_id: str) -> Conversation:
    """Return the conversation. Raises ConversationNotFound and StoreError."""
    conversation = services.store.conversations.get(owner, conversation_id)
    if conversation is None:
        raise errors.ConversationNotFound
    return conversation


def _generate_title(services: TurnServices, owner: str, conversation: Conversation, question: str) -> None:
    if services.utility_models and services.utility_model:
        services.utility_models.generate_title(
            owner, conversation.id, question, services.utility_model, services.limit_enforcer
        )


def _load_path(services: TurnServices, owner: str, conversation: Conversation) -> list[Node]:
    nodes = _load_nodes(services, owner, conversation.id, conversation.head_id)
    return tree.path(nodes, conversation.head_id)


def _load_nodes(services: TurnServices, owner: str, conversation_id: str, *end_ids: str | None) -> list[Node]:
    """Return all nodes. Raises TurnInProgress where another process's answer arrives at one of these ends."""
    nodes = services.store.messages.nodes(owner, conversation_id)
    if _has_arriving_end(nodes, end_ids):
        services.store.messages.mark_stale(STALE_AFTER)
        nodes = services.store.messages.nodes(owner, conversation_id)
        if _has_arriving_end(nodes, end_ids):
            raise errors.TurnInProgress
    return nodes


def _has_arriving_end(nodes: Sequence[Node], end_ids: Sequence[str | None]) -> bool:
    return any(node.arriving for end in end_ids for node in tree.path(nodes, end)[-1:])


def _estimate_context(
    services: TurnServices, conversation: Conversation, path: Sequence[Node], text: str = ""
) -> ContextEstimate:
    target = conversation.target
    assert target is not None
    context_window = services.capabilities_lookup(target.model).context_window
    params = absorb_extra(target.wire, conversation.params)
    return window.estimate_context(path, text, params, target, context_window, conversation.truncation)


def _start_answer(
    services: TurnServices,
    owner: str,
    conversation: Conversation,
    path: list[Node],
    new_nodes: list[Node],
    estimate: ContextEstimate,
    nodes: Sequence[Node],
) -> Conversation:
    """Commit `new_nodes` and an arriving answer to the last node of `path`, then start its generation."""
    target, now = conversation.target, time.time()
    assert target is not None
    node = Node(
        new_id(),
        path[-1].id,
        Message("assistant", ()),
        now,
        Outcome.ARRIVING,
        target=target,
        usage_record_id=new_id(),
    )
    conversation = replace(conversation, head_id=node.id, updated_at=now)
    messages, refused = build_messages(path, conversation.truncation), refused_requests.refused_digests(nodes)
    _start_generation(
        services,
        owner,
        node,
        _Request(conversation, path, messages, estimate, refused),
        lambda: services.store.messages.save_turn(owner, conversation, [*new_nodes, node]),
    )
    return conversation


def _start_generation(
    services: TurnServices,
    owner: str,
    node: Node,
    request: _Request,
    commit: Callable[[], None],
    convert_events: Callable[[Iterator[Event]], Iterator[Event]] = lambda events: events,
) -> None:
    """Reserve quota, write the rows by `commit`, then produce the answer on a worker."""
    assert node.target is not None
    target, conversation_id = node.target, request.conversation.id
    capabilities = services.capabilities_lookup(target.model)
    digest = _request_digest(services, target, request.messages, request.conversation.params)
    refused_requests.ensure_changed(digest, request.refused_digests)
    params = _reserve_usage(services, node, request, capabilities)
    cancel = CancelToken()
    store, prices = services.store.messages, services.price_lookup
    generation = Generation(owner, conversation_id, node, cancel, store, prices, digest)
    try:
        services.generations.register(generation, services.max_running_answers)
        commit()
    except BaseException:
        generation.abort()
        services.limit_enforcer.release(node.usage_record_id)
        raise

    def open_stream() -> Iterator[Event]:
        return convert_events(
            services.gateway.stream(target, request.messages, params, cancel, conversation_id, capabilities)
        )

    generation.start(open_stream, services.generations.unregister)


def _request_digest(services: TurnServices, target: Target, messages: Sequence[Message], params: Params) -> str:
    capabilities, refused = services.capabilities_lookup(target.model), services.refused_params.find(target)
    return refused_requests.request_digest(target, messages, params, capabilities, refused)


def _reserve_usage(services: TurnServices, node: Node, request: _Request, capabilities: Capabilities) -> Params:
    """Reserve the maximum usage of a request; returns the parameters that it is sent with.

    An output limit that the user has not set must not block a small budget: it is halved until the quota is
    sufficient, down to the tokens of an ordinary answer.
    """
    assert node.target is not None
    typed, model = absorb_extra(node.target.wire, request.conversation.params), node.target.model
    params = request_params.resolve_params(
        node.target,
        typed,
        capabilities,
        services.price_lookup(model),
        request.estimate,
        request.path,
        request.conversation.id,
    )
    while True:
        usage = cost.max_usage(request.estimate, typed, params.max_tokens)
        try:
            services.limit_enforcer.reserve(node.usage_record_id, model, usage)
            return params
        except errors.LimitExceededError:
            limit = params.max_tokens or 0
            if typed.max_tokens is not None or limit <= DEFAULT_ANSWER_TOKENS:
                raise
            params = replace(params, max_tokens=max(limit // 2, DEFAULT_ANSWER_TOKENS))
