"""Setup of a comparison: the prompt with its files, the targets, and the cost before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from lib.chat.comparisons.comparison import ColumnChoice, start_comparison
from lib.chat.comparisons.preview import ColumnPreview, preview_comparison
from lib.core.comparisons import MAX_COLUMNS, MIN_COLUMNS, Origin
from lib.core.conversation import FilePart
from lib.core.errors import AntlerError, ConversationNotFound
from lib.core.sanitize import is_blank
from lib.core.target import Target
from lib.core.user import User
from lib.ui.compare import column_fields, compare_services
from lib.ui.composer import file_plan
from lib.ui.files import tray, tray_view, uploader
from lib.ui.files.tray_view import Place
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ComparisonSetup
from lib.ui.text import escape_markdown, t
from lib.ui.text.limit_text import format_dollars
from lib.ui.widgets import model_access, model_select
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import error_message, flash_warning, shows_errors

SLOT = PLACE = "compare"  # of the files
_PROMPT, _SYSTEM, _BLIND = "compare-prompt", "compare-system", "compare-blind"
_MAX_NOTICES = 6


def open_setup(
    user: User,
    choices: Sequence[ColumnChoice] = (),
    text: str = "",
    files: Sequence[FilePart] = (),
    *,
    is_blind: bool = False,
    origin: Origin | None = None,
) -> None:
    """Fill the fields in, by default with the models used last; from a callback or before they are rendered."""
    choices = choices or _default_choices(user)
    system = next((choice.params.system for choice in choices if choice.params.system), "")
    setup = session_state.comparison_setup = ComparisonSetup(origin=origin)
    for choice in choices[:MAX_COLUMNS]:
        _add_column(setup, choice)
    while len(setup.columns) < MIN_COLUMNS:
        _add_column(setup, choices[-1] if choices else None)
    for key, value in ((_PROMPT, text), (_SYSTEM, system), (_BLIND, is_blind)):
        session_state.set_widget(key, value)
    tray.set_files(SLOT, ())
    tray.add_parts(SLOT, files)


def open_pending(user: User) -> None:
    """Fill the fields in with the question that was chosen in a chat. Raises StoreError."""
    origin = session_state.pending_comparison
    if origin is None:
        return
    session_state.pending_comparison = None
    compare_services.close_comparison()
    store = resources.store()
    conversation, question = store.conversations.get(user.id, origin.conversation_id), None
    question = store.messages.node(user.id, origin.question_id)
    if conversation is None or question is None:
        flash_warning(error_message(ConversationNotFound()))
        return
    first = [ColumnChoice(conversation.target, conversation.params)] if conversation.target else []
    choices = [*first, *(choice for choice in _default_choices(user) if choice.target not in [c.target for c in first])]
    open_setup(user, choices[:MIN_COLUMNS], question.message.text, question.message.files, origin=origin)


def _default_choices(user: User) -> list[ColumnChoice]:
    """Return two targets: the selected one, and models used last, favourites and listed ones."""
    preferences, selected = services.preferences(user.id), session_state.selected_target
    listed = [model.id for model in services.model_list().models if not model.makes_images]
    names = dict.fromkeys((*preferences.recent_models, *preferences.favourites, *listed))
    targets = [Target(name, services.model(name).wires[0]) for name in names if not selected or name != selected.model]
    found = [target for target in ([selected] if selected else []) + targets if _is_allowed(user, target)]
    return [ColumnChoice(target) for target in found[:MIN_COLUMNS]]


def _is_allowed(user: User, target: Target) -> bool:
    return model_access.is_model_allowed(user, target.model)


def _add_column(setup: ComparisonSetup, choice: ColumnChoice | None) -> None:
    setup.column_count += 1
    column = str(setup.column_count)
    setup.columns.append(column)
    column_fields.set_values(column, choice)


def render(user: User) -> None:
    """Render the fields, and the button that sends. Raises StoreError."""
    if session_state.comparison_setup is None:
        open_setup(user)
    setup = session_state.comparison_setup
    assert setup is not None
    uploader.read_waiting(user)
    _render_origin(user, setup)
    st.text_area(
        t("compare.prompt"),
        key=_PROMPT,
        height=140,
        placeholder=t("compare.prompt_example"),
        persist_state="session",
    )
    previews = _preview(user, setup)
    _render_files(user, previews)
    _render_targets(user, setup)
    with st.expander(t("compare.system"), key="compare-system-box"):
        label = t("compare.system")
        st.text_area(label, key=_SYSTEM, height=100, label_visibility="collapsed", persist_state="session")
    _render_notices(user, setup, previews)
    with st.container(key="compare-send", horizontal=True, vertical_alignment="center", gap="medium"):
        label = t("compare.send", count=len(setup.columns))
        render_button(label, "compare-start", "send", _send, user, setup, type="primary")
        st.toggle(t("compare.blind"), key=_BLIND, help=t("compare.blind_about"), persist_state="session")
        _render_estimate(previews)
    model_select.render_list(user)


def _render_targets(user: User, setup: ComparisonSetup) -> None:
    """Render a line for each target, and the button that adds one."""
    with st.container(key="compare-targets", gap=None):
        for number, column in enumerate(setup.columns, 1):
            key = f"compare-target-{column}"
            with st.container(key=key, horizontal=True, vertical_alignment="center", gap="small"):
                column_fields.render(user, column, number)
                if len(setup.columns) > MIN_COLUMNS:
                    label = t("compare.remove", number=number)
                    render_button(label, f"compare-remove-{column}", "close", _remove_column, setup, column)
    if len(setup.columns) < MAX_COLUMNS:
        render_button(t("compare.add"), "compare-add-model", "add", _duplicate_last, setup, type="secondary")


def _render_origin(user: User, setup: ComparisonSetup) -> None:
    """Say which chat goes before the prompt."""
    if setup.origin is None:
        return
    conversation = resources.store().conversations.get(user.id, setup.origin.conversation_id)
    title = escape_markdown(conversation.title) if conversation else t("compare.deleted")
    with st.container(key="compare-origin", horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f":material/forum: {t('compare.origin', title=title)}", width="content")
        render_button(t("compare.without_origin"), "compare-without-origin", "close", _forget_origin, setup)


def _forget_origin(setup: ComparisonSetup) -> None:
    setup.origin = None


def _remove_column(setup: ComparisonSetup, column: str) -> None:
    setup.columns.remove(column)


def _duplicate_last(setup: ComparisonSetup) -> None:
    """Add a column with the target of the last one: what differs is then a choice."""
    target, (params, _) = column_fields.read_target(setup.columns[-1]), column_fields.read_params(setup.columns[-1])
    _add_column(setup, ColumnChoice(target, params) if target else None)


def _read_choices(setup: ComparisonSetup) -> tuple[list[ColumnChoice], str]:
    """Return the columns as they are set, with the shared system prompt, and the reason why they cannot be sent."""
    choices: list[ColumnChoice] = []
    system = str(session_state.widget(_SYSTEM) or "").strip()
    for column in setup.columns:
        target, (params, problem) = column_fields.read_target(column), column_fields.read_params(column)
        if target is None or problem:
            return choices, problem or t("compare.no_model")
        choices.append(ColumnChoice(target, replace(params, system=system)))
    return choices, ""


def _preview(user: User, setup: ComparisonSetup) -> list[ColumnPreview]:
    """Return what would be sent; nothing while a model is missing or a chat is gone."""
    choices, problem = _read_choices(setup)
    if problem:
        return []
    text, files = str(session_state.widget(_PROMPT) or ""), tray.list_parts(SLOT)
    turn_services = compare_services.turn_services()
    try:
        return preview_comparison(turn_services, user.id, text, choices, files, setup.origin)
    except ConversationNotFound:
        return []


def _render_files(user: User, previews: Sequence[ColumnPreview]) -> None:
    """Render the button that attaches files, and the tray with their form for the first target that takes them."""
    if not uploader.is_enabled():
        return
    with st.container(key="compare-files", gap="small"):
        uploader.render(PLACE, SLOT)
        forms = next((file_plan.describe_all(preview.plan) for preview in previews if preview.plan.files), {})
        tray_view.render(user, Place(PLACE, SLOT, services.user_tag(user)), forms, [])


def _render_notices(user: User, setup: ComparisonSetup, previews: Sequence[ColumnPreview]) -> None:
    """Say which target cannot be asked, and what of the files it does not get as it is."""
    notices = []
    for column in setup.columns:
        target = column_fields.read_target(column)
        if target and not _is_allowed(user, target):
            notices.append(model_access.model_not_allowed_message(target.model))
    for preview in previews:
        losses = [file_plan.describe_loss(planned) for planned in preview.plan.files if planned.reason]
        reasons = [compare_services.target_message(preview.error, preview.target)] if preview.error else losses
        notices += [t("compare.refused", model=preview.target.model, reason=reason) for reason in reasons]
    limit = resources.settings().server.max_running_answers
    if limit and len(setup.columns) > limit:
        notices.append(t("compare.too_many_answers", count=len(setup.columns), limit=limit))
    for notice in list(dict.fromkeys(notices))[:_MAX_NOTICES]:
        st.caption(f":material/info: {escape_markdown(notice)}")


def _render_estimate(previews: Sequence[ColumnPreview]) -> None:
    """Render the expected cost of all columns, with that of each as its help."""
    if not previews:
        return
    known = [preview.cost for preview in previews if preview.cost is not None]
    lines = []
    for preview in previews:
        cost = t("cost.unknown") if preview.cost is None else f"≈ {format_dollars(preview.cost)}"
        lines.append(f"- {compare_services.target_text(preview.target)}: {escape_markdown(cost)}")
    total = escape_markdown(f"≈ {format_dollars(sum(known))}")
    if len(known) < len(previews):
        total = (
            t("compare.partial_cost", money=total, count=len(previews) - len(known)) if known else t("cost.no_price")
        )
    about = "\n".join([t("compare.cost_about"), "", *lines])
    with st.container(key="compare-estimate", width="content"):
        st.caption(t("compare.cost", count=len(previews), money=total), width="content", help=about)


@shows_errors
def _send(user: User, setup: ComparisonSetup) -> None:
    """Start the comparison, or show the reason why nothing was sent; a callback."""
    text, files = str(session_state.widget(_PROMPT) or ""), tray.list_parts(SLOT)
    choices, problem = _read_choices(setup)
    problem = problem or (t("composer.blank") if is_blank(text) and not files else "")
    if problem:
        flash_warning(problem)
        return
    turn_services, comparisons = compare_services.turn_services(), resources.store().comparisons
    is_blind = bool(session_state.widget(_BLIND))
    try:
        comparison = start_comparison(
            turn_services, comparisons, user.id, text, choices, files=files, is_blind=is_blind, origin=setup.origin
        )
    except AntlerError as error:
        flash_warning(compare_services.refusal_message(error, len(choices)))
        return
    tray.remove_sent(SLOT, files)
    session_state.set_widget(_PROMPT, "")
    setup.origin = None
    compare_services.open_comparison(comparison.id)
