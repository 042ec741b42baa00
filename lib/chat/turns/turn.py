"""One turn: path, send, save what came."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lib.chat.context import window
from lib.chat.context.titles import title_from_question
from lib.chat.turns.continuation import deduplicate_continuation
from lib.chat.turns.generation import STALE_AFTER, Generation
from lib.chat.turns.ports import TurnStore
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.usage import cost
from lib.chat.usage.limits import NO_LIMITS, NoLimits
from lib.chat.usage.recorder import PriceLookup, unknown_price
from lib.core import errors, tree
from lib.core.conversation import (
    Conversation,
    Message,
    Node,
    Outcome,
    TextPart,
    ThinkingPart,
    Truncation,
    Usage,
    new_id,
)
from lib.core.params import ParamAdjustment, Params
from lib.core.reply import Event
from lib.core.sanitize import replace_surrogates
from lib.core.target import Target
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires import request_body

_CONTINUABLE_OUTCOMES = (Outcome.LENGTH, Outcome.STOPPED, Outcome.INTERRUPTED, Outcome.FAILED)
HEAD = "head"  # in place of a node's id: wherever the conversation's shown branch ends
DEFAULT_OUTPUT_LIMIT = 8192  # tokens, where nothing tells which limit an answer was cut by
# Makers refuse a request that ends with the model's own words, so going on takes a question of its own.
CONTINUE_PROMPT = (
    "Continue your last message from exactly where it stopped, in the middle of a word if need be. "
    "Do not repeat anything and do not comment: both parts are joined without a gap."
)


@dataclass(frozen=True)
class TurnServices:
    """The parts that a turn works with; `cheap` is None where no model is set for titles and summaries.

    `tariffs` tell what a model costs, and `guard` whether a request may be sent.
    """

    store: TurnStore
    gateway: Gateway
    generations: GenerationRegistry
    utility_models: UtilityModelService | None = None
    utility_model: UtilityModel | None = None
    price_lookup: PriceLookup = unknown_price
    limit_enforcer: NoLimits = NO_LIMITS


@dataclass(frozen=True)
class SentQuestion:
    """A question on its way; `beside` where somebody else had gone on from the same answer meanwhile."""

    conversation: Conversation
    is_new_branch: bool


def send_question(
    services: TurnServices,
    owner: str,
    conversation_id: str | None,
    text: str,
    target: Target,
    params: Params,
    parent_id: str | None = HEAD,
) -> SentQuestion:
    """Send a question, in a new conversation where that is None.

    It follows the answer `after`, which the asker sees as the last one; None begins at the root. Where
    others have gone on from there meanwhile, the question begins a branch beside theirs. An earlier
    question's parent makes an edited version of that question.

    The question and its arriving answer are committed before anything is sent. Raises StaleTurn while an
    answer is arriving there, Gone where the conversation is not there (any more), StoreError where
    nothing could be kept, ModelNotAllowed, OverLimit or PriceUnknown where the team does not allow it:
    then nothing is kept, and nothing sent.
    """
    now = time.time()
    with services.generations.claim_turn(conversation_id or (new := new_id())):
        if conversation_id:
            base = _load_conversation(services, owner, conversation_id)
        else:
            base = Conversation(new, title_from_question(text), now, created_at=now)
        end = base.head_id if parent_id == HEAD else parent_id
        nodes = _load_nodes(services, owner, base.id, base.head_id, end)
        shown, path = tree.path(nodes, base.head_id), tree.path(nodes, end)
        parent = path[-1].id if path else None
        question = Node(new_id(), parent, Message("user", (TextPart(replace_surrogates(text)),)), now)
        base = replace(base, target=target, params=params)
        begun = _start_answer(services, owner, base, [*path, question], [question])
    if conversation_id is None:
        _generate_title(services, owner, begun, text)
    return SentQuestion(begun, any(node.parent_id == parent for node in shown))


def regenerate_answer(
    services: TurnServices,
    owner: str,
    conversation_id: str,
    target: Target,
    params: Params,
    question_id: str | None = None,
) -> Conversation:
    """Ask for another answer to a question; the earlier ones stay as its siblings. Raises as ask.

    Without a `question` it is the last one that is shown.
    """
    with services.generations.claim_turn(conversation_id):
        base = _load_conversation(services, owner, conversation_id)
        path = _load_path(services, owner, replace(base, head_id=question_id or base.head_id))
        while path and path[-1].message.role != "user":
            path.pop()
        if not path or (question_id and path[-1].id != question_id):
            raise errors.ConversationNotFound
        return _start_answer(services, owner, replace(base, target=target, params=params), path, [])


def continue_answer(
    services: TurnServices, owner: str, conversation_id: str, answer_id: str, params: Params
) -> None:
    """Have an answer continued by the target that gave it; both parts are one text. Raises as ask.

    Where it is not the last one any more, or has meanwhile been continued to its end, nothing is done.
    """
    with services.generations.claim_turn(conversation_id):
        base = _load_conversation(services, owner, conversation_id)
        path = _load_path(services, owner, base)
        last = path[-1] if path else None
        if last is None or last.id != answer_id or not can_continue(last):
            return
        target = last.target or base.target
        assert target is not None
        base = replace(base, params=params, updated_at=time.time())
        node = replace(
            last,
            outcome=Outcome.ARRIVING,
            failure=None,
            finish_reason="",
            target=target,
            usage_record_id=new_id(),
        )
        messages = [
            *build_messages(path, target, base.truncation),
            Message("user", (TextPart(CONTINUE_PROMPT),)),
        ]
        one = replace(params, n=None)
        _start_generation(
            services,
            owner,
            base,
            node,
            cost.max_usage(
                window.estimate_context(path, CONTINUE_PROMPT, one, target, None, base.truncation), one
            ),
            lambda: services.store.messages.reopen(owner, base, node),
            lambda cancel: deduplicate_continuation(
                last.message.text, services.gateway.stream(target, messages, one, cancel, conversation_id)
            ),
        )


def can_continue(node: Node) -> bool:
    """Whether an answer can be gone on with: it has a beginning, and not its end."""
    return node.outcome in _CONTINUABLE_OUTCOMES and bool(node.message.text.strip())


def dropped_params(path: Sequence[Node], target: Target, params: Params) -> list[ParamAdjustment]:
    """What the target does not take as it stands: of the parameters, and of what was said before."""
    found = request_body.dropped_params(target, params)
    if target.wire == "anthropic" and any(
        _has_signed_thinking(node) and node.target != target for node in path
    ):
        found.append(ParamAdjustment("thinking_stays"))
    return found


def unsupported_params(target: Target) -> frozenset[str]:
    """The names of the parameters that the target takes in no form."""
    return request_body.unsupported_params(target)


def build_messages(
    path: Sequence[Node], target: Target, truncation: Truncation | None = None
) -> list[Message]:
    """What a target is sent of a path, from its window on.

    Signed thinking goes back only to the model that signed it.
    """
    return window.summary_messages(path, truncation) + [
        node.message
        if node.target == target and target.wire == "anthropic"
        else replace(
            node.message,
            parts=tuple(part for part in node.message.parts if not isinstance(part, ThinkingPart)),
        )
        for node in path[window.first_sent_index(path, truncation) :]
    ]


def _generate_title(services: TurnServices, owner: str, conversation: Conversation, question: str) -> None:
    """Have the cheap model, where there is one, give a new conversation its title."""
    if services.utility_models and services.utility_model:
        services.utility_models.generate_title(
            owner, conversation.id, question, services.utility_model, services.limit_enforcer
        )


def _has_signed_thinking(node: Node) -> bool:
    return any(isinstance(part, ThinkingPart) and part.is_replayable for part in node.message.parts)


def _load_conversation(services: TurnServices, owner: str, conversation_id: str) -> Conversation:
    known = services.store.conversations.get(owner, conversation_id)
    if known is None:
        raise errors.ConversationNotFound
    return known


def _load_path(services: TurnServices, owner: str, conversation: Conversation) -> list[Node]:
    """The path to the head. Raises StaleTurn where another process's answer is still arriving at its end."""
    return tree.path(
        _load_nodes(services, owner, conversation.id, conversation.head_id), conversation.head_id
    )


def _load_nodes(services: TurnServices, owner: str, conversation_id: str, *end_ids: str | None) -> list[Node]:
    """All nodes. Raises StaleTurn where another process's answer is still arriving at one of these ends."""
    nodes = services.store.messages.nodes(owner, conversation_id)
    if _has_arriving_end(nodes, end_ids):
        services.store.messages.mark_stale(STALE_AFTER)
        nodes = services.store.messages.nodes(owner, conversation_id)
        if _has_arriving_end(nodes, end_ids):
            raise errors.TurnInProgress
    return nodes


def _has_arriving_end(nodes: Sequence[Node], end_ids: Sequence[str | None]) -> bool:
    return any(node.arriving for end in end_ids for node in tree.path(nodes, end)[-1:])


def _start_answer(
    services: TurnServices, owner: str, conversation: Conversation, path: list[Node], new_nodes: list[Node]
) -> Conversation:
    """Commit `new` and the arriving answer to the last node of `path`, then have it produced."""
    target, params, now = conversation.target, conversation.params, time.time()
    assert target is not None
    silent = Message("assistant", ())
    node = Node(new_id(), path[-1].id, silent, now, Outcome.ARRIVING, target=target, usage_record_id=new_id())
    conversation = replace(conversation, head_id=node.id, updated_at=now)
    messages = build_messages(path, target, conversation.truncation)
    _start_generation(
        services,
        owner,
        conversation,
        node,
        cost.max_usage(
            window.estimate_context(path, "", params, target, None, conversation.truncation), params
        ),
        lambda: services.store.messages.save_turn(owner, conversation, [*new_nodes, node]),
        lambda cancel: services.gateway.stream(target, messages, params, cancel, conversation.id),
    )
    return conversation


def _start_generation(
    services: TurnServices,
    owner: str,
    conversation: Conversation,
    node: Node,
    max_usage: Usage,
    commit: Callable[[], None],
    open_stream: Callable[[CancelToken], Iterator[Event]],
) -> None:
    """Have an answer produced from these events, once it is reserved and `commit` has written its rows."""
    assert node.target is not None
    services.limit_enforcer.reserve(node.usage_record_id, node.target.model, max_usage)
    cancel = CancelToken()
    answer = Generation(owner, conversation.id, node, cancel, services.store.messages, services.price_lookup)
    services.generations.register(answer)
    try:
        with answer.abort_on_error():
            commit()
    except BaseException:
        services.limit_enforcer.release(node.usage_record_id)
        raise
    answer.start(lambda: open_stream(cancel), services.generations.unregister)
