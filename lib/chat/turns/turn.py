"""Turns: ask a question, regenerate an answer, continue one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lib.chat.attachments.plan import NO_FILES, FilePlan
from lib.chat.context import window
from lib.chat.context.titles import title_from_question
from lib.chat.turns import refused_requests, request_files
from lib.chat.turns.answer_request import AnswerRequest, PendingAnswer, running_limit, start_generations
from lib.chat.turns.continuation import deduplicate_continuation
from lib.chat.turns.generation import STALE_AFTER
from lib.chat.turns.project_instructions import (
    RequestContext,
    load_project,
    note_instructions,
    with_instructions,
)
from lib.chat.turns.services import TurnServices
from lib.core import errors, tree
from lib.core.conversation import (
    ANSWER_LIMIT,
    Conversation,
    FilePart,
    Message,
    Node,
    Outcome,
    TextPart,
    new_id,
)
from lib.core.extra_json import absorb_extra
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.projects import Project
from lib.core.prompts import Persona
from lib.core.question_queue import QueuedQuestion
from lib.core.refused_params import RefusedParam
from lib.core.sanitize import is_blank, replace_surrogates
from lib.core.target import Target

HEAD = "head"  # in place of a node's id: the end of the current branch
DEFAULT_OUTPUT_LIMIT = 8192  # tokens, where the limit that cut an answer is unknown
_CONTINUABLE_OUTCOMES = (Outcome.LENGTH, Outcome.STOPPED, Outcome.INTERRUPTED, Outcome.FAILED)
# Vendors reject a request that ends with an assistant message, so a continuation needs a question.
CONTINUE_PROMPT = (
    "Continue your last message from exactly where it stopped, in the middle of a word if need be. "
    "Do not repeat anything and do not comment: both parts are joined without a gap."
)


@dataclass(frozen=True)
class PreparedQuestion:
    """A question that can be sent: its conversation as it will be, its new nodes, and its answer."""

    conversation: Conversation
    nodes: Sequence[Node]
    answer: PendingAnswer


@dataclass(frozen=True)
class SentQuestion:
    """A question that was sent; `is_new_branch` where the answer it follows already had a question."""

    conversation: Conversation
    is_new_branch: bool


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
    idempotency_key: str = "",
    queued: QueuedQuestion | None = None,
    persona: Persona | None = None,
    files: tuple[FilePart, ...] = (),
    folder: str = "",
) -> SentQuestion:
    """Send a question that follows the answer `parent_id`, or that starts a conversation with `persona` and `folder`.

    A question beside an earlier one starts a branch: the asker may see an older end than others do, or sends an edited
    version behind the parent of its original. A `parent_id` of None makes it a root. Both nodes are committed before
    anything is sent. On an error nothing is: DuplicateSubmission for a stored `idempotency_key`, QuestionNotQueued,
    AttachmentNotFound, FileNotSendable, ContextWindowExceeded unless allowed, FolderNotFound, or any of `regenerate`.
    """
    now, message = time.time(), _build_question(text, files)
    ensure_new_submission(services, owner, idempotency_key)
    with services.generations.claim_turn(conversation_id or (new := new_id())):
        base = load_conversation(services, owner, conversation_id) if conversation_id else None
        base = base or _new_conversation(new, title_from_question(text, files), now, persona, folder)
        project = load_project(services, owner, base.folder, must_exist=not conversation_id)
        end_id = base.head_id if parent_id == HEAD else parent_id
        nodes = _load_nodes(services, owner, base.id, base.head_id, end_id)
        base, path = replace(base, target=target, params=params), tree.path(nodes, end_id)
        context = _build_context(services, owner, base, project, path, text, files, nodes)
        _ensure_sendable(context, allow_overflow=allow_overflow)
        path.append(Node(queued.id if queued else new_id(), path[-1].id if path else None, message, now))
        conversation = _start_answer(services, owner, base, path, path[-1:], context, nodes, idempotency_key, queued)
    if conversation_id is None:
        _generate_title(services, owner, conversation, text, files)
    return SentQuestion(conversation, path[-1].parent_id in {node.parent_id for node in tree.path(nodes, base.head_id)})


def prepare_question(
    services: TurnServices,
    owner: str,
    conversation: Conversation,
    earlier: Sequence[Node],
    text: str,
    files: tuple[FilePart, ...] = (),
) -> PreparedQuestion:
    """Prepare the first question of a new conversation that begins with the path `earlier`; sends nothing.

    The target, the parameters and the folder are those of the conversation. Raises FileNotSendable,
    ContextWindowExceeded and StoreError.
    """
    project, end_id = load_project(services, owner, conversation.folder), earlier[-1].id if earlier else None
    context = _build_context(services, owner, conversation, project, earlier, text, files)
    _ensure_sendable(context, allow_overflow=False)
    path = [*earlier, Node(new_id(), end_id, _build_question(text, files), time.time())]
    conversation, answer = _prepare_answer(conversation, path, context, earlier)
    return PreparedQuestion(conversation, [*path, answer.node], answer)


def regenerate(
    services: TurnServices,
    owner: str,
    conversation_id: str,
    target: Target,
    params: Params,
    question_id: str | None = None,
) -> Conversation:
    """Request another answer to a question; earlier answers stay as its siblings.

    A `question_id` of None is the last question that is shown. Raises TurnInProgress, ShuttingDown,
    ConversationNotFound, StoreError, ModelNotAllowed, LimitExceededError, PriceUnknown, RequestUnchanged, and
    FileNotSendable.
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
        project = load_project(services, owner, base.folder)
        context = _build_context(services, owner, base, project, path, nodes=nodes)
        _ensure_sendable(context, allow_overflow=True)
        return _start_answer(services, owner, base, path, [], context, nodes)


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
        project = load_project(services, owner, base.folder)
        node = replace(
            note_instructions(answer, project),
            outcome=Outcome.ARRIVING,
            failure=None,
            finish_reason="",
            target=target,
            usage_record_id=new_id(),
        )
        messages = window.build_messages(path, base.truncation)
        messages.append(Message("user", (TextPart(CONTINUE_PROMPT),)))
        request = replace(base, target=target, params=params)
        context = _build_context(services, owner, request, project, path, CONTINUE_PROMPT)
        request, refused = with_instructions(request, project), refused_requests.refused_digests([answer])
        pending = PendingAnswer(
            node,
            AnswerRequest(request, path, messages, context.estimate, context.plan, refused),
            lambda events: deduplicate_continuation(answer.message.text, events),
        )
        start_generations(
            services,
            owner,
            [pending],
            lambda: services.store.messages.reopen(owner, base, node, running_limit(services)),
        )


def can_continue(node: Node) -> bool:
    """Return True for an incomplete answer that has some text, and room for more on this server."""
    makes_images = bool(node.target and node.target.makes_images)
    has_text = bool(node.message.text.strip()) and not makes_images
    return node.outcome in _CONTINUABLE_OUTCOMES and has_text and node.finish_reason != ANSWER_LIMIT


def repeats_refusal(
    conversation: Conversation,
    path: Sequence[Node],
    target: Target,
    params: Params,
    capabilities: Capabilities,
    refused: Sequence[RefusedParam],
    plan: FilePlan = NO_FILES,
) -> bool:
    """Return True if another answer in place of the last one would need the request that was refused as wrong.

    `refused` are the parameters that the target is known to refuse, and `plan` is that of the files.
    """
    digests = refused_requests.refused_digests(path[-1:])
    if not digests or plan.refused:
        return bool(digests)
    messages = window.build_messages(path[:-1], conversation.truncation)
    return refused_requests.request_digest(target, messages, params, capabilities, refused, plan) in digests


def ensure_new_submission(services: TurnServices, owner: str, idempotency_key: str) -> None:
    """Raise DuplicateSubmission if a question with this key is stored; "" is no key."""
    if idempotency_key and (stored_in := services.store.messages.find_submission(owner, idempotency_key)):
        raise errors.DuplicateSubmission(stored_in)


def load_conversation(services: TurnServices, owner: str, conversation_id: str) -> Conversation:
    """Return the conversation. Raises ConversationNotFound and StoreError."""
    conversation = services.store.conversations.get(owner, conversation_id)
    if conversation is None:
        raise errors.ConversationNotFound
    return conversation


def _build_question(text: str, files: tuple[FilePart, ...]) -> Message:
    """Return the message of a question; one of files alone has no text."""
    has_text = not is_blank(text) or not files
    return Message("user", (*files, TextPart(replace_surrogates(text))) if has_text else files)


def _new_conversation(new: str, title: str, now: float, persona: Persona | None, folder: str) -> Conversation:
    return Conversation(new, title, now, created_at=now, persona=persona, folder=folder)


def _generate_title(
    services: TurnServices, owner: str, conversation: Conversation, question: str, files: Sequence[FilePart]
) -> None:
    if services.utility_models and services.utility_model:
        subject = request_files.describe_question(services.store.attachments, owner, question, files)
        services.utility_models.generate_title(
            owner, conversation.id, subject, services.utility_model, services.limit_enforcer
        )


def _load_path(services: TurnServices, owner: str, conversation: Conversation) -> list[Node]:
    nodes = _load_nodes(services, owner, conversation.id, conversation.head_id)
    return tree.path(nodes, conversation.head_id)


def _load_nodes(services: TurnServices, owner: str, conversation_id: str, *end_ids: str | None) -> list[Node]:
    """Return all nodes. Raises TurnInProgress where another process's answer arrives at one of these ends."""
    nodes = services.store.messages.nodes(owner, conversation_id)
    if _has_arriving_end(nodes, end_ids):
        services.store.messages.mark_stale(STALE_AFTER, services.generations.list_produced_ids())
        nodes = services.store.messages.nodes(owner, conversation_id)
        if _has_arriving_end(nodes, end_ids):
            raise errors.TurnInProgress
    return nodes


def _has_arriving_end(nodes: Sequence[Node], end_ids: Sequence[str | None]) -> bool:
    return any(node.arriving for end in end_ids for node in tree.path(nodes, end)[-1:])


def _build_context(
    services: TurnServices,
    owner: str,
    conversation: Conversation,
    project: Project | None,
    path: Sequence[Node],
    text: str | None = None,
    files: Sequence[FilePart] | None = None,
    nodes: Sequence[Node] | None = None,
) -> RequestContext:
    """Plan the files of a request, and estimate it with them. Raises StoreError."""
    target, truncation = conversation.target, conversation.truncation
    assert target is not None
    capabilities, store = services.capabilities_lookup(target.model), services.store.attachments
    plan = request_files.plan_request(store, owner, path, truncation, target, capabilities, files, nodes)
    params = absorb_extra(target.wire, with_instructions(conversation, project).params)
    tokens = request_files.count_tokens(plan, path, truncation, text)
    window_size = capabilities.context_window
    estimate = window.estimate_context(path, text or "", params, target, window_size, truncation, tokens)
    return RequestContext(project, estimate, plan)


def _ensure_sendable(context: RequestContext, *, allow_overflow: bool) -> None:
    """Raise FileNotSendable, and ContextWindowExceeded unless that is allowed."""
    request_files.ensure_sendable(context.plan)
    if context.estimate.is_over_limit and not allow_overflow:
        raise window.ContextWindowExceeded(context.estimate)


def _start_answer(
    services: TurnServices,
    owner: str,
    conversation: Conversation,
    path: list[Node],
    new_nodes: list[Node],
    context: RequestContext,
    nodes: Sequence[Node],
    idempotency_key: str = "",
    queued: QueuedQuestion | None = None,
) -> Conversation:
    """Commit `new_nodes` and an arriving answer to the last node of `path`, then start its generation."""
    conversation, pending = _prepare_answer(conversation, path, context, nodes)
    start_generations(
        services,
        owner,
        [pending],
        lambda: services.store.messages.save_turn(
            owner, conversation, [*new_nodes, pending.node], idempotency_key, queued, running_limit(services)
        ),
    )
    return conversation


def _prepare_answer(
    conversation: Conversation, path: list[Node], context: RequestContext, nodes: Sequence[Node]
) -> tuple[Conversation, PendingAnswer]:
    """Return an arriving answer to the last node of `path`, and the conversation that ends with it."""
    target, now = conversation.target, time.time()
    assert target is not None
    node = Node(new_id(), path[-1].id, Message("assistant", ()), now, Outcome.ARRIVING, target=target)
    node = replace(note_instructions(node, context.project), usage_record_id=new_id(), persona=conversation.persona)
    conversation = replace(conversation, head_id=node.id, updated_at=now)
    messages, refused = window.build_messages(path, conversation.truncation), refused_requests.refused_digests(nodes)
    request = with_instructions(conversation, context.project)
    return conversation, PendingAnswer(
        node, AnswerRequest(request, path, messages, context.estimate, context.plan, refused)
    )
