"""Requests for an answer: the reserved quota, the rows, and the worker that produces the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lib.chat.attachments.plan import NO_FILES, FilePlan
from lib.chat.context.window import DEFAULT_ANSWER_TOKENS, ContextEstimate
from lib.chat.turns import model_facts, refused_requests, request_params
from lib.chat.turns.generation import STALE_AFTER, Generation
from lib.chat.turns.request_files import load_files
from lib.chat.turns.services import TurnServices
from lib.chat.usage import cost
from lib.core import errors
from lib.core.conversation import Conversation, Message, Node
from lib.core.events import Event
from lib.core.extra_json import absorb_extra
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.quota import RunningLimit
from lib.core.target import Target
from lib.gateway.transport.cancel import CancelToken


@dataclass(frozen=True)
class AnswerRequest:
    """A request for an answer to `path`, with the target and the parameters of the conversation as they are sent.

    `plan` is that of the files in `messages`.
    """

    conversation: Conversation
    path: Sequence[Node]
    messages: Sequence[Message]
    estimate: ContextEstimate
    plan: FilePlan = NO_FILES
    refused_digests: frozenset[str] = frozenset()


def start_generation(
    services: TurnServices,
    owner: str,
    node: Node,
    request: AnswerRequest,
    commit: Callable[[], None],
    convert_events: Callable[[Iterator[Event]], Iterator[Event]] = lambda events: events,
) -> None:
    """Reserve quota, write the rows by `commit`, then produce the answer on a worker."""
    assert node.target is not None
    target, conversation_id = node.target, request.conversation.id
    capabilities = services.capabilities_lookup(target.model)
    digest = _request_digest(services, target, request)
    refused_requests.ensure_changed(digest, request.refused_digests)
    params = _reserve_usage(services, node, request, capabilities)
    cancel = CancelToken()
    store, prices = services.store.messages, services.price_lookup
    generation = Generation(owner, conversation_id, node, cancel, store, prices, digest, services.uses_personal_key)

    def open_stream() -> Iterator[Event]:
        messages, files = load_files(services.store.attachments, owner, request.messages, request.plan)
        stream = services.gateway.stream(target, messages, params, cancel, conversation_id, capabilities, files)
        return convert_events(stream)

    try:
        run_generation(services, generation, commit, open_stream)
    except BaseException:
        services.limit_enforcer.release(node.usage_record_id)
        raise


def run_generation(
    services: TurnServices,
    generation: Generation,
    commit: Callable[[], None],
    open_stream: Callable[[], Iterator[Event]],
) -> None:
    """Register the generation, write its rows by `commit`, then produce the answer on a worker."""
    owner, conversation_id, node_id = generation.owner, generation.conversation_id, generation.node_ids[0]
    try:
        services.generations.register(generation, services.max_running_answers)
        commit()
    except BaseException:
        generation.abort()
        raise

    def on_finished(generation: Generation) -> None:
        services.generations.unregister(generation)
        services.on_answer_end(services, owner, conversation_id, node_id)

    generation.start(open_stream, on_finished)


def running_limit(services: TurnServices) -> RunningLimit | None:
    """Return the limit of answers that a user has running in all processes; None without one."""
    return RunningLimit(services.max_running_answers, STALE_AFTER) if services.max_running_answers else None


def _request_digest(services: TurnServices, target: Target, request: AnswerRequest) -> str:
    capabilities, refused = services.capabilities_lookup(target.model), services.refused_params.find(target)
    messages, params = request.messages, request.conversation.params
    return refused_requests.request_digest(target, messages, params, capabilities, refused, request.plan)


def _reserve_usage(services: TurnServices, node: Node, request: AnswerRequest, capabilities: Capabilities) -> Params:
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
    sent, images = replace(typed, cache=params.cache), cost.expected_images(request.estimate)
    searches = model_facts.max_searches(node.target, typed, capabilities)
    while True:
        usage = cost.max_usage(request.estimate, sent, params.max_tokens, searches)
        try:
            services.limit_enforcer.reserve(node.usage_record_id, model, usage, images)
            return params
        except errors.LimitExceededError:
            limit = params.max_tokens or 0
            if typed.max_tokens is not None or limit <= DEFAULT_ANSWER_TOKENS:
                raise
            params = replace(params, max_tokens=max(limit // 2, DEFAULT_ANSWER_TOKENS))
