"""Actions below an answer: continue, retry, versions, details, and the menu."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from lib.chat.turns import turn
from lib.core.conversation import ANSWER_LIMIT, REPLAY, Node, Outcome, Usage
from lib.core.projects import NOTE
from lib.core.refused_params import SENT_AGAIN
from lib.core.sanitize import get_object, get_objects
from lib.core.target import Target
from lib.core.user import User
from lib.ui import inspector
from lib.ui.chat import answer_comparison, branch_actions, feedback, message_tools
from lib.ui.composer import model_picker, params_panel, regeneration
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import escape_markdown, t
from lib.ui.text.dates import format_moment
from lib.ui.widgets import model_select
from lib.ui.widgets.controls import render_button, render_menu
from lib.ui.widgets.refused_params import sent_again_text

_MAX_DETAIL_CHARS = 300
_MAX_TIME = 2**33  # seconds since 1970
_ALL_MODELS = "all"  # the last option of a menu of models


def render(
    user: User, view: ConversationView, node: Node, footer: str, menu: regeneration.MenuTargets, *, is_last: bool
) -> None:
    """Render the suggested next actions, then one line with versions, footer, details and the menu.

    Actions that send a request are below the last answer only.
    """
    is_blocked = is_last and regeneration.repeats_refusal(view, node)
    is_final = node.outcome is Outcome.COMPLETE or bool(node.failure and not node.failure.retryable)
    rejected = params_panel.list_rejected(node.failure, node.target) if is_last and node.failure else []
    if is_blocked:
        st.caption(t("answer.change_first"))
    if is_last and (rejected or is_blocked or not is_final):
        with st.container(key=f"next-{node.id}", horizontal=True, gap="small"):
            if rejected:
                _render_retry_without(user, rejected)
            if is_blocked:
                _render_alternatives(user, node)
            if not is_final:
                _render_next_actions(user, node)
    number = view.turn_number(node.id)
    # The line of the last answer is always visible, the others' on hover and focus.
    position = "last-" if is_last else ""
    with st.container(key=f"tools-{position}{node.id}", horizontal=True, vertical_alignment="center", gap="small"):
        branch_actions.render_pager(user, view.siblings.get(node.id), node.id)
        answer_comparison.render_button_for(view, node)
        if footer:
            st.caption(footer, width="content")
        with message_tools.action_row(node.id):
            has_button = is_last and is_final and not is_blocked
            if has_button:
                label = t("message.regenerate", number=number)
                render_button(label, "retry", "refresh", regeneration.retry, user)
            _render_regenerate_menu(user, view, node, menu, has_button=has_button, is_blocked=is_blocked)
            _render_facts(user, node, number)
            actions = branch_actions.list_answer_actions(view, node, is_last=is_last)
            branch_actions.render_actions_menu(user, node, t("message.more_answer", number=number), actions)
    if session_state.regenerated_node_id == node.id:
        _render_model_choice(user, node)
    feedback.render_form(user, node)


def _render_regenerate_menu(
    user: User,
    view: ConversationView,
    node: Node,
    menu: regeneration.MenuTargets,
    *,
    has_button: bool,
    is_blocked: bool,
) -> None:
    """Render a menu of models, each of which answers the question once more with a click."""
    options: list[Target | str] = [target for target in menu.targets if not (is_blocked and target == node.target)]
    if not options:
        return
    if menu.has_more:
        options.append(_ALL_MODELS)

    def select(option: Target | str) -> None:
        session_state.regenerated_node_id = node.id if isinstance(option, str) else None
        if isinstance(option, Target):
            regeneration.retry_with_target(user, option, node.parent_id)

    render_menu(
        t("message.regenerate_with" if has_button else "message.regenerate", number=view.turn_number(node.id)),
        f"models-{node.id}",
        options,
        lambda option: t("regenerate.all") if isinstance(option, str) else escape_markdown(option.model),
        select,
        "arrow_drop_down" if has_button else "refresh",
    )


def _render_model_choice(user: User, node: Node) -> None:
    """Render the button of the list of all models; a choice answers the question once more."""
    key = f"all-models-{node.id}"

    def regenerate() -> None:
        if model_id := model_select.take_choice(key, node.id):
            session_state.regenerated_node_id = None
            regeneration.retry_with_target(user, regeneration.target_for(model_id), node.parent_id)

    with st.container(key=f"choose-{node.id}", horizontal=True, vertical_alignment="center", gap="small"):
        label = t("regenerate.choose")
        model_select.render(key, user, "", regenerate, label=label, placeholder=label, scope=node.id)
        render_button(t("edit.cancel"), f"close-choose-{node.id}", "close", _close_model_choice)


def _close_model_choice() -> None:
    session_state.regenerated_node_id = None


def _render_next_actions(user: User, node: Node) -> None:
    """Render the actions after an incomplete answer, the most likely one first."""
    is_context_full = node.finish_reason.lower() in ("model_context_window_exceeded", ANSWER_LIMIT)
    if turn.can_continue(node) and not is_context_full:
        label, on_click = t("actions.continue"), regeneration.continue_answer
        render_button(label, "continue", "play_arrow", on_click, user, node.id, type="secondary")
    if node.outcome is Outcome.LENGTH and not is_context_full and regeneration.can_raise_output_limit(node):
        label = t("actions.raise")
        render_button(label, "raise", "expand", regeneration.retry_with_higher_limit, user, type="secondary")
    render_button(t("answer.retry"), "retry", "refresh", regeneration.retry, user, type="secondary")


def _render_retry_without(user: User, param_names: list[str]) -> None:
    fields = t("list.separator").join(t(f"param.{name}") for name in param_names)
    label = t("actions.retry_without", fields=fields)
    render_button(label, "without", "tune", regeneration.retry, user, tuple(param_names), type="primary")


def _render_alternatives(user: User, node: Node) -> None:
    """Render the ways round a model that refused the request: its other wire, and other models."""
    alternatives = model_picker.list_alternatives(user, node.target) if node.target else []
    other_wires = [target for target in alternatives if node.target and target.model == node.target.model]
    for target in other_wires:
        label = t("actions.other_wire", wire=t(f"wire.{target.wire}"))
        on_click = regeneration.retry_with_target
        render_button(label, f"wire-{target.wire}", "swap_horiz", on_click, user, target, type="secondary")
    if other_models := [target for target in alternatives if target not in other_wires]:
        render_menu(
            t("actions.other_model"),
            f"other-model-{node.id}",
            other_models,
            lambda target: escape_markdown(target.model),
            lambda target: regeneration.retry_with_target(user, target),
            "swap_horiz",
        )


def _render_facts(user: User, node: Node, number: int) -> None:
    """Render the buttons of the details and of the inspector."""
    _render_details(node, t("message.details", number=number))
    inspector.render_button(user, node)


def _render_details(node: Node, label: str) -> None:
    """Render the button of the details of an answer that has some."""
    if node.provider_metadata or node.usage.output is not None:
        with (
            st.popover(label, icon=":material/info:", type="tertiary", key=f"info-{node.id}"),
            st.container(key=f"details-{node.id}"),
        ):
            st.markdown(details_table(node))


def details_table(node: Node) -> str:
    """Return the metadata of an answer as a Markdown table; the gateway's names and values are literal text."""
    rows = [f"| {_cell(name)} | {_cell(value)} |" for name, value in _details(node)]
    return "\n".join(["| | |", "|---|---|", *rows])


def _cell(text: str) -> str:
    return escape_markdown(text[:_MAX_DETAIL_CHARS])


def _details(node: Node) -> Iterator[tuple[str, str]]:
    if node.target:
        yield t("answer_details.requested"), f"{node.target.model} · {t(f'wire.{node.target.wire}')}"
    yield (
        t("answer_details.outcome"),
        str(node.outcome) + (f" · {node.finish_reason}" if node.finish_reason else ""),
    )
    if cache := _cache_text(node.usage):
        yield t("answer_details.cache"), cache
    if node.usage.searches:
        yield t("answer_details.searches"), str(node.usage.searches)
    yield from _notes(node)
    metadata = {name: value for name, value in node.provider_metadata.items() if name not in (SENT_AGAIN, NOTE, REPLAY)}
    for name, value in _flatten(metadata):
        if name == "created" and value.isdecimal() and len(value) <= 12:
            value = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(int(value), _MAX_TIME)))
        yield name, value
    for name, seconds in (("first", node.timing.first_token), ("total", node.timing.total)):
        if seconds is not None:
            yield t(f"answer_details.{name}"), f"{seconds:.2f} s"


def _notes(node: Node) -> Iterator[tuple[str, str]]:
    """Yield the program's own notes in the metadata of an answer."""
    if REPLAY in node.provider_metadata:
        yield t("answer_details.replay"), _replay_text(get_object(node.provider_metadata, REPLAY).get("recorded_at"))
    for note in get_objects(node.provider_metadata, SENT_AGAIN):
        yield t("answer_details.sent_again"), sent_again_text(node.target, note)
    if isinstance(sent := node.provider_metadata.get(NOTE), Mapping):
        yield t("answer_details.instructions"), ": ".join(str(sent.get(name, "")) for name in ("name", "instructions"))


def _replay_text(recorded_at: Any) -> str:
    """Return the time of the recording, where the note, which may be imported, has one."""
    if isinstance(recorded_at, int | float) and 0 < recorded_at < _MAX_TIME:
        return t("answer_details.replay_of", time=format_moment(recorded_at))
    return t("answer_details.replay_undated")


def _cache_text(usage: Usage) -> str:
    """Return the tokens read from and written to the prompt cache, "" without any."""
    counts = [("read", usage.cache_read or 0)]
    if usage.cache_write_1h is None:
        counts += [("written", usage.cache_write or 0)]
    else:
        counts += [
            ("written_5m", (usage.cache_write or 0) - usage.cache_write_1h),
            ("written_1h", usage.cache_write_1h),
        ]
    return " · ".join(t(f"answer_details.cache_{name}", tokens=count) for name, count in counts if count > 0)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        elif value is not None and value != []:
            yield f"{prefix}{name}", str(value)[:_MAX_DETAIL_CHARS]
