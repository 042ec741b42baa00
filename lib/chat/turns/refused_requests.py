"""Requests that the gateway has refused as wrong: the same request is not sent again."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Sequence

from lib.chat.attachments.plan import NO_FILES, FilePlan
from lib.chat.turns.request_files import describe_files
from lib.core.conversation import Message, Node
from lib.core.errors import RequestUnchanged
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.refused_params import RefusedParam, leave_out
from lib.core.target import Target
from lib.gateway.wires import request_body

REFUSAL_SECONDS = 3600.0  # in which a refused request is not sent again


def request_digest(
    target: Target,
    messages: Sequence[Message],
    params: Params,
    capabilities: Capabilities,
    refused: Sequence[RefusedParam],
    plan: FilePlan = NO_FILES,
) -> str:
    """Return a digest of what a request says: its wire, its files and its body, by the parameters that the user set.

    Parameters that a turn decides by itself do not count: they may differ although nothing was changed. A request
    that cannot be built has no digest, "".
    """
    try:
        body = request_body.build_body(target, describe_files(messages, plan), params, capabilities)
        body, _ = leave_out(body, refused)
    except ValueError:
        return ""
    text = json.dumps([target.wire, body], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def sent_refused_params(
    refused: Sequence[RefusedParam], target: Target, params: Params, capabilities: Capabilities
) -> list[RefusedParam]:
    """Return those refused parameters that a request with these parameters would have sent."""
    return leave_out(request_body.build_body(target, (), params, capabilities), refused)[1]


def refused_digests(nodes: Collection[Node]) -> frozenset[str]:
    """Return the digests of the requests behind answers that the gateway has just refused as wrong.

    After REFUSAL_SECONDS the gateway may have been repaired.
    """
    since = time.time() - REFUSAL_SECONDS
    return frozenset(
        node.failure.request_digest
        for node in nodes
        if node.failure and node.failure.request_digest and node.deleted_at is None and node.created_at > since
    )


def ensure_changed(digest: str, refused: frozenset[str]) -> None:
    """Raise RequestUnchanged for a request that the gateway has refused."""
    if digest in refused:
        raise RequestUnchanged
