"""Plan of the files in the composer: the form in which each is sent to the selected model, tokens, and losses."""

from __future__ import annotations

from collections.abc import Sequence

from lib.chat.attachments import NO_FILES, FilePlan, PlannedFile
from lib.chat.turns import request_files
from lib.core.conversation import FilePart, Node
from lib.core.errors import StoreError
from lib.core.target import Target
from lib.core.user import User
from lib.ui.files.file_text import short_name
from lib.ui.files.tray_view import FileForm
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import t

_MAX_NOTICES = 4


def plan(user: User, parts: Sequence[FilePart], target: Target | None, edited_id: str = "") -> FilePlan:
    """Plan the files of a question, and those of the shown messages before it; none while the store is away.

    `edited_id` is that of an edited question; "" for a new one.
    """
    if target is None:
        return NO_FILES
    view, store = conversation_view.current_view(), services.current_store().attachments
    end = next((index for index, node in enumerate(view.nodes) if node.id == edited_id), len(view.nodes))
    truncation = view.conversation.truncation if view.conversation else None
    capabilities = services.model(target.model).capabilities
    try:
        return request_files.plan_request(store, user.id, view.nodes[:end], truncation, target, capabilities, parts)
    except StoreError:
        return NO_FILES


def plan_regeneration(view: ConversationView, answer: Node, target: Target) -> FilePlan:
    """Plan the files of another answer in place of the last one; none while the store is away."""
    user, store = session_state.user, services.current_store().attachments
    assert user is not None and view.conversation is not None
    path, truncation = view.nodes[:-1], view.conversation.truncation
    capabilities = services.model(target.model).capabilities
    try:
        return request_files.plan_request(store, user.id, path, truncation, target, capabilities, nodes=[*path, answer])
    except StoreError:
        return NO_FILES


def describe_all(file_plan: FilePlan) -> dict[str, FileForm]:
    """Return how each file of the question is sent, by digest."""
    return {file.part.digest: FileForm(_describe(file), file.form == "refused") for file in file_plan.files}


def list_notices(file_plan: FilePlan, target: Target | None) -> list[str]:
    """Return a sentence as plain text for each file that is not sent as it is, the first ones of many.

    Those of the question come first. Earlier files have one before the first question to another target.
    """
    targets = (node.target for node in reversed(conversation_view.current_view().nodes) if node.target)
    earlier = file_plan.earlier if next(targets, target) != target else ()
    losses = [planned for planned in (*file_plan.files, *earlier) if planned.reason]
    notices = list(dict.fromkeys(map(describe_loss, losses)))
    if len(notices) > _MAX_NOTICES:
        more = t("files.more", count=len(notices) - _MAX_NOTICES + 1)
        notices = [*notices[: _MAX_NOTICES - 1], more]
    return notices


def describe_loss(planned: PlannedFile) -> str:
    """Say as plain text that a file is not sent as it is, and why."""
    reason = t(planned.reason_key, **dict(planned.values))
    return t("files.loss", name=short_name(planned.part.name), form=t(planned.form_key), reason=reason)


def _describe(planned: PlannedFile) -> str:
    """Return form and tokens of a file as plain text."""
    has_tokens = planned.form in ("native", "text") and planned.tokens
    tokens = [t("files.tokens", count=planned.tokens)] if has_tokens else []
    return " · ".join([t(planned.form_key), *tokens])
