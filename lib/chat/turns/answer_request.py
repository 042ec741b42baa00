"""Requests for an answer: the reserved quota, the rows, and the worker that produces the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lib.chat.attachments.plan import NO_FILES, FilePlan
from lib.chat.context.window import DEFAULT_ANSWER_TOKENS, ContextEstimate
from lib.chat.turns import model_facts, refused_requests, request_params
from lib.chat.turns.answer_record import AnswerRecord
from lib.chat.turns.generation import STALE_AFTER, Generation
from lib.chat.turns.request_files import load_files
from lib.chat.turns.services import TurnServices
from lib.chat.usage import cost
from lib.chat.usage.limits import ExpectedRequest
from lib.core import errors
from lib.core.conversation import Conversation, Message, Node
from lib.core.events import Event
from lib.core.extra_json import absorb_extra
from lib.core.params import Params
from lib.core.quota import RunningLimit
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.recorder import ExchangeRecorder


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


@dataclass(frozen=True)
class PendingAnswer:
    """An arriving answer that is about to be produced: its node, its request, and what its events are changed by."""

    node: Node
    request: AnswerRequest
    convert_events: Callable[[Iterator[Event]], Iterator[Event]] = lambda events: events


OpenStream = Callable[[], Iterator[Event]]


def start_generations(
    services: TurnServices, owner: str, answers: Sequence[PendingAnswer], commit: Callable[[], None]
) -> None:
    """Reserve quota for all of these answers, write their rows by `commit`, then produce each on a worker.

    Nothing is sent unless there is quota for all of them.
    """
    digests = [_request_digest(services, answer) for answer in answers]
    for answer, digest in zip(answers, digests, strict=True):
        refused_requests.ensure_changed(digest, answer.request.refused_digests)
    params = _reserve_usage(services, answers)
    try:
        generations = [_build_generation(services, owner, *each) for each in zip(answers, digests, strict=True)]
        streams = [_stream_of(services, *each) for each in zip(generations, answers, params, strict=True)]
        run_generations(services, generations, commit, streams)
    except BaseException:
        for answer in answers:
            services.limit_enforcer.release(answer.node.usage_record_id)
        raise


def _build_generation(services: TurnServices, owner: str, answer: PendingAnswer, digest: str) -> Generation:
    conversation_id, node = answer.request.conversation.id, answer.node
    store, prices, is_personal = services.store.messages, services.price_lookup, services.uses_personal_key
    generation = Generation(owner, conversation_id, node, CancelToken(), store, prices, digest, is_personal)
    attach_recorder(services, generation)
    return generation


def attach_recorder(services: TurnServices, generation: Generation) -> None:
    """Let the requests of a generation be recorded, unless recording is off."""
    if limit := services.max_recorded_bytes:
        recorder = ExchangeRecorder(limit, generation.conversation_id, generation.node_ids[0])
        generation.record = AnswerRecord(generation.owner, recorder, services.store.exchanges)


def _stream_of(services: TurnServices, generation: Generation, answer: PendingAnswer, params: Params) -> OpenStream:
    """Return the function that sends the request for an answer."""
    request, target, cancel = answer.request, answer.node.target, generation.cancel_token
    assert target is not None
    conversation_id, capabilities = request.conversation.id, services.capabilities_lookup(target.model)

    def open_stream() -> Iterator[Event]:
        messages, files = load_files(services.store.attachments, generation.owner, request.messages, request.plan)
        stream = services.gateway.stream(
            target, messages, params, cancel, conversation_id, capabilities, files, generation.record.recorder
        )
        return answer.convert_events(stream)

    return open_stream


def run_generation(
    services: TurnServices, generation: Generation, commit: Callable[[], None], open_stream: OpenStream
) -> None:
    """Register the generation, write its rows by `commit`, then produce the answer on a worker."""
    run_generations(services, [generation], commit, [open_stream])


def run_generations(
    services: TurnServices,
    generations: Sequence[Generation],
    commit: Callable[[], None],
    streams: Sequence[OpenStream],
) -> None:
    """Register all generations, write their rows by `commit`, then produce each answer on a worker of its own."""
    try:
        for generation in generations:
            services.generations.register(generation, services.max_running_answers)
        commit()
    except BaseException:
        for generation in generations:
            generation.abort()
        raise
    for generation, open_stream in zip(generations, streams, strict=True):
        _produce(services, generation, open_stream)


def _produce(services: TurnServices, generation: Generation, open_stream: OpenStream) -> None:
    owner, conversation_id, node_id = generation.owner, generation.conversation_id, generation.node_ids[0]

    def on_finished(generation: Generation) -> None:
        services.generations.unregister(generation)
        services.on_answer_end(services, owner, conversation_id, node_id)

    generation.start(open_stream, on_finished)


def running_limit(services: TurnServices) -> RunningLimit | None:
    """Return the limit of answers that a user has running in all processes; None without one."""
    return RunningLimit(services.max_running_answers, STALE_AFTER) if services.max_running_answers else None


def _request_digest(services: TurnServices, answer: PendingAnswer) -> str:
    request, target = answer.request, answer.node.target
    assert target is not None
    capabilities, refused = services.capabilities_lookup(target.model), services.refused_params.find(target)
    messages, params = request.messages, request.conversation.params
    return refused_requests.request_digest(target, messages, params, capabilities, refused, request.plan)


def _reserve_usage(services: TurnServices, answers: Sequence[PendingAnswer]) -> list[Params]:
    """Reserve the maximum usage of all requests; returns the parameters that each is sent with.

    An output limit that the user has not set must not block a small budget: it is halved until the quota is
    sufficient, down to the tokens of an ordinary answer.
    """
    params = [_resolve_params(services, answer) for answer in answers]
    while True:
        requests = [_expect_request(services, *each) for each in zip(answers, params, strict=True)]
        try:
            services.limit_enforcer.reserve_all(requests)
            return params
        except errors.LimitExceededError:
            smaller = [_lower_limit(*each) for each in zip(answers, params, strict=True)]
            if smaller == params:
                raise
            params = smaller


def _typed_params(answer: PendingAnswer) -> Params:
    assert answer.node.target is not None
    return absorb_extra(answer.node.target.wire, answer.request.conversation.params)


def _resolve_params(services: TurnServices, answer: PendingAnswer) -> Params:
    target, request = answer.node.target, answer.request
    assert target is not None
    return request_params.resolve_params(
        target,
        _typed_params(answer),
        services.capabilities_lookup(target.model),
        services.price_lookup(target.model),
        request.estimate,
        request.path,
        request.conversation.id,
    )


def _expect_request(services: TurnServices, answer: PendingAnswer, params: Params) -> ExpectedRequest:
    target, estimate, typed = answer.node.target, answer.request.estimate, _typed_params(answer)
    assert target is not None
    searches = model_facts.max_searches(target, typed, services.capabilities_lookup(target.model))
    usage = cost.max_usage(estimate, replace(typed, cache=params.cache), params.max_tokens, searches)
    return ExpectedRequest(answer.node.usage_record_id, target.model, usage, cost.expected_images(estimate))


def _lower_limit(answer: PendingAnswer, params: Params) -> Params:
    """Return half of a default output limit; a typed one, and one of an ordinary answer, stay."""
    limit = params.max_tokens or 0
    if _typed_params(answer).max_tokens is not None or limit <= DEFAULT_ANSWER_TOKENS:
        return params
    return replace(params, max_tokens=max(limit // 2, DEFAULT_ANSWER_TOKENS))
