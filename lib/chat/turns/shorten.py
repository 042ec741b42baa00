"""Shortening of long conversations: summarise, start a new one."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lib.chat.context import window
from lib.chat.turns.services import TurnServices
from lib.chat.turns.summaries import SummaryJob
from lib.core.conversation import Conversation, Node, Truncation, new_id


def start_new_conversation(
    services: TurnServices, owner: str, base: Conversation, path: Sequence[Node], truncation: Truncation
) -> Conversation:
    """Start a conversation with the sent part of a path; the old one stays. Raises StoreError."""
    now = time.time()
    nodes = window.copy_truncated(path, truncation, now)
    conversation = Conversation(
        new_id(),
        base.title,
        now,
        nodes[-1].id,
        base.target,
        base.params,
        created_at=now,
        title_source=base.title_source,
        folder=base.folder,
    )
    services.store.messages.save_turn(owner, conversation, nodes, allow_missing_files=True)
    return conversation


def summarise_dropped(
    services: TurnServices,
    owner: str,
    base: Conversation,
    path: Sequence[Node],
    truncation: Truncation,
    *,
    in_new_conversation: bool,
) -> SummaryJob:
    """Start a summary of the part that a truncation drops, to be sent in its place.

    With `in_new_conversation` it becomes the first turn of a new conversation. Requires a utility model.
    """
    assert services.utility_models and services.utility_model

    def finish(summary: str) -> str:
        summarised = Truncation(truncation.start_id, summary)
        if in_new_conversation:
            return start_new_conversation(services, owner, base, path, summarised).id
        services.store.conversations.set_truncation(owner, base.id, summarised)
        return ""

    out = window.dropped_nodes(path, base.truncation, truncation)
    before = window.summary_text(path, base.truncation)
    return services.utility_models.start_summary(
        owner, base.id, out, before, services.utility_model, finish, services.limit_enforcer
    )
