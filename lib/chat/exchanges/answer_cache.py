"""Diagnosis of the prompt cache for an answer of a conversation, by recorded requests, else by its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lib.chat.context import window
from lib.chat.exchanges.cache_diagnosis import CacheDiagnosis, CachedRequest, diagnose, find_previous
from lib.chat.exchanges.request_prefix import parse_body
from lib.chat.turns import request_files, request_params
from lib.chat.turns.ports import ExchangeStore
from lib.chat.turns.project_instructions import load_project, with_instructions
from lib.chat.turns.services import TurnServices
from lib.core import tree
from lib.core.conversation import Conversation, Node
from lib.core.exchanges import Attempt
from lib.core.extra_json import absorb_extra
from lib.core.projects import NOTE
from lib.core.sanitize import get_object
from lib.gateway.wires import request_body


@dataclass(frozen=True)
class AnswerDiagnosis:
    """A diagnosis, and the answer whose request came before, None for the first one.

    With `is_reconstructed` the requests were built again from the messages, by the parameters of the conversation now.
    """

    diagnosis: CacheDiagnosis
    previous: Node | None
    is_reconstructed: bool


def diagnose_answer(services: TurnServices, owner: str, conversation_id: str, node_id: str) -> AnswerDiagnosis | None:
    """Return the diagnosis of an answer; None if there is no such answer of a model that chats. Raises StoreError."""
    conversation = services.store.conversations.get(owner, conversation_id)
    nodes = services.store.messages.nodes(owner, conversation_id) if conversation else []
    answer = next((node for node in nodes if node.id == node_id), None)
    if conversation is None or answer is None or answer.target is None or answer.target.makes_images:
        return None
    previous = find_previous(nodes, answer)
    exchanges = services.store.exchanges
    requests = [_read_recorded(exchanges, owner, answer, -1)]
    requests += [_read_recorded(exchanges, owner, previous, 0)] if previous else []
    is_reconstructed = None in requests
    if is_reconstructed:
        # Both in the same way: a recorded request and one built again would differ in their form.
        requests = [_rebuild(services, owner, conversation, nodes, node) for node in (answer, previous) if node]
    request, earlier = (*requests, None)[:2]
    assert request is not None
    diagnostics = get_object(answer.provider_metadata, "diagnostics")
    price = services.price_lookup(answer.target.model)
    return AnswerDiagnosis(diagnose(request, earlier, price, diagnostics), previous, is_reconstructed)


def _read_recorded(exchanges: ExchangeStore, owner: str, answer: Node, index: int) -> CachedRequest | None:
    """Return a request of an answer as it was sent; None if it was not recorded, or not as a whole.

    `index` is 0 for the first one, whose beginning later requests go on with, and -1 for the last one. Of an answer
    that was continued, only the sum of the counters is known, so that the request has none.
    """
    recorded = exchanges.of_answer(owner, answer.id)
    attempt = _find_attempt(recorded[index].attempts) if recorded else None
    body = parse_body(attempt.body, {file.mark: file.digest for file in attempt.files}) if attempt else {}
    if attempt is None or answer.target is None or not body:
        return None
    request = _to_request(answer, body, attempt.started_at)
    return request if len(recorded) == 1 else replace(request, usage=replace(request.usage, input=None))


def _find_attempt(attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the attempt that the answer came from: its last one, without the continuations of a paused turn."""
    return next((attempt for attempt in reversed(attempts) if attempt.reason != "continuation"), None)


def _rebuild(
    services: TurnServices, owner: str, conversation: Conversation, nodes: Sequence[Node], answer: Node
) -> CachedRequest:
    """Build the request of an answer again, with digests in place of its files."""
    target, path = answer.target, tree.path(nodes, answer.parent_id)
    assert target is not None
    project = load_project(services, owner, conversation.folder)
    capabilities, truncation = services.capabilities_lookup(target.model), conversation.truncation
    plan = request_files.plan_request(services.store.attachments, owner, path, truncation, target, capabilities)
    messages = request_files.describe_files(window.build_messages(path, truncation), plan)
    try:
        params = absorb_extra(target.wire, with_instructions(conversation, project).params)
        estimate = window.estimate_context(path, "", params, target, capabilities.context_window, truncation)
        price = services.price_lookup(target.model)
        params = request_params.resolve_params(target, params, capabilities, price, estimate, path, conversation.id)
        body = request_body.build_body(target, messages, params, capabilities)
    except ValueError:  # Extra JSON that is none
        body = {}
    return _to_request(answer, body, answer.created_at)


def _to_request(answer: Node, body: Mapping[str, Any], started_at: float) -> CachedRequest:
    assert answer.target is not None
    instructions = str(get_object(answer.provider_metadata, NOTE).get("instructions", ""))
    return CachedRequest(answer.target, body, started_at, answer.usage, answer.timing.first_token, instructions)
