"""Composer: message input, model and parameters, and Stop while an answer is generated."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.chat.context.window import ContextWindowExceeded
from lib.chat.turns import turn
from lib.core.conversation import Node
from lib.core.errors import AntlerError
from lib.core.params import FIELDS_BY_NAME
from lib.core.target import Target
from lib.core.user import User
from lib.ui.chat import context_window, model_picker, params_panel
from lib.ui.session import conversation_view, replayed_input, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import escape_markdown, t
from lib.ui.usage import quota_status
from lib.ui.widgets import cost, undo
from lib.ui.widgets.errors import error_message, flash_warning, render_flash_warning, shows_errors
from lib.ui.widgets.navigation import SETTINGS_PAGE


def render(user: User) -> DeltaGenerator:
    """Render the composer at the bottom of the page; returns the slot of Stop."""
    model_picker.sync_widgets(user)
    params_panel.sync_widgets()
    if message := replayed_input.pop_message():
        send(user, message)
        st.rerun()
    target, params = model_picker.current_target(), params_panel.current_params()
    param_warnings = params_panel.list_warnings(target)
    with st.bottom:
        # One slot for each: the input loses what is being typed in it when its position changes.
        with st.empty():
            render_flash_warning()
        with st.empty():
            undo.render(conversation_view.current_view().conversation_id)
        with st.empty():
            model_picker.render_notice(user)
        with st.empty():
            _render_param_warning(param_warnings)
        with st.empty():
            quota_status.render_warning()
        with st.empty(), st.container():
            context_window.render(user, target, params)
        with st.container(key="target-row", horizontal=True, vertical_alignment="center", gap="small"):
            model_picker.render_model(user)
            params_panel.render_effort(user, target)
            model_picker.render_wire(user)
            params_panel.render(user, target, param_warnings)
            stop_slot = _render_stop_or_estimate()
    st.chat_input(
        t("composer.placeholder"),
        key=replayed_input.INPUT_KEY,
        on_submit=lambda: send(user, _submitted_text()),
    )
    _render_gateway_notice()
    return stop_slot


def _render_gateway_notice() -> None:
    """Say below the input that the demo gateway or the user's own API key is in use."""
    if personal_key := session_state.personal_key:
        label = t(
            "composer.own_key",
            suffix=escape_markdown(personal_key.key_suffix),
            host=escape_markdown(services.gateway_host()),
        )
    elif services.is_demo():
        label = t("composer.demo")
    else:
        return
    with st.bottom, st.container(key="demo-note", horizontal=True, horizontal_alignment="center"):
        st.page_link(SETTINGS_PAGE, label=label, query_params=conversation_view.query_params())


def send(user: User, text: str) -> None:
    """Send a question, or put it back into the input with a reason; a callback."""
    nodes = conversation_view.current_view().nodes
    if not _ask(user, text, nodes[-1].id if nodes else None, notice=t("composer.text_kept")):
        prefill(text)


def prefill(text: str) -> None:
    """Put text into the input, from a callback."""
    previous, _ = session_state.prefill
    # The browser ignores a value equal to the last one it was given, so a space makes it different.
    value = f"{text} " if text == previous else text
    session_state.prefill = value, text
    session_state.set_widget(replayed_input.INPUT_KEY, value)


def _submitted_text() -> str:
    """Return the submitted text, without the space that `prefill` may have added."""
    submitted: str = session_state.widget(replayed_input.INPUT_KEY) or ""
    value, text = session_state.prefill
    return text if submitted == value else submitted


def send_edit(user: User, question: Node, text: str) -> bool:
    """Send an edited question as a version beside the original. Returns if it was sent."""
    return _ask(user, text, question.parent_id, is_edit=True)


def _ask(user: User, text: str, parent_id: str | None, *, notice: str = "", is_edit: bool = False) -> bool:
    """Send a question that follows `parent_id`. Returns True if it was sent, else shows the reason."""
    target, params = model_picker.current_target(), params_panel.current_params()
    problem = ""
    if not text.strip():
        problem = t("composer.blank")
    elif target is None:
        problem = t("composer.no_model")
    elif invalid_json := params_panel.invalid_json_message():
        problem = f"{invalid_json} {notice}"
    if problem or target is None:
        flash_warning(problem)
        return False
    try:
        sent = turn.ask(
            services.turn_services(),
            user.id,
            conversation_view.current_view().conversation_id,
            text,
            target,
            params,
            parent_id,
            allow_overflow=not is_edit and context_window.pop_overflow_consent(),
        )
    except ContextWindowExceeded as error:
        if is_edit:
            flash_warning(context_window.too_long_message(error, target))
        else:
            context_window.hold_question(text)
        return False
    except AntlerError as error:
        flash_warning(f"{error_message(error)} {notice}")
        return False
    # The conversation knows its target from now on.
    st.query_params.from_dict({} if session_state.temporary_store else {"c": sent.conversation.id})
    undo.dismiss()
    if sent.is_new_branch and not is_edit:
        flash_warning(t("composer.new_branch"))
    return True


@shows_errors
def retry(user: User, reset_params: tuple[str, ...] = (), question_id: str | None = None) -> None:
    """Request another answer to a question, or to the last one, from the selected target; a callback.

    `reset_params` are names of parameters to set back to their defaults before.
    """
    target, conversation_id = model_picker.current_target(), conversation_view.current_view().conversation_id
    if target is None or conversation_id is None:
        flash_warning(t("composer.no_model"))
        return
    if invalid_json := params_panel.invalid_json_message():
        flash_warning(invalid_json)
        return
    if reset_params:
        params_panel.reset_params(user, reset_params)
    params = params_panel.current_params()
    turn.regenerate(services.turn_services(), user.id, conversation_id, target, params, question_id)
    undo.dismiss()


def repeats_refusal(view: ConversationView, answer: Node) -> bool:
    """Tell if a retry with the current model, wire and parameters would send the request that was refused as wrong."""
    target = model_picker.current_target()
    if target is None or view.conversation is None or not (answer.failure and answer.failure.request_digest):
        return False
    return turn.repeats_refusal(
        view.conversation,
        [*view.nodes[:-1], answer],
        target,
        params_panel.current_params(),
        services.model(target.model).capabilities,
        params_panel.known_refusals(target),
    )


def retry_with_target(user: User, target: Target) -> None:
    """Select another model or wire, and request another answer to the last question from it; a callback."""
    model_picker.select_target(target)
    retry(user)


@shows_errors
def continue_answer(user: User, answer_id: str) -> None:
    """Continue the last answer, if it is still this one; a callback."""
    conversation_id = conversation_view.current_view().conversation_id
    if invalid_json := params_panel.invalid_json_message():
        flash_warning(invalid_json)
    elif conversation_id:
        params = params_panel.current_params()
        turn.continue_answer(services.turn_services(), user.id, conversation_id, answer_id, params)


@shows_errors
def retry_with_higher_limit(user: User) -> None:
    """Double the output limit that cut the last answer, and request another one; a callback."""
    if target := model_picker.current_target():
        last = conversation_view.current_view().nodes[-1]
        params_panel.set_params(user, max_tokens=doubled_output_limit(output_limit_of(last), target))
    retry(user)


def output_limit_of(answer: Node) -> int:
    """Return the output limit that cut an answer, in tokens, as far as it is known."""
    return params_panel.current_params().max_tokens or answer.usage.output or turn.DEFAULT_OUTPUT_LIMIT


def doubled_output_limit(limit: int, target: Target) -> int:
    """Return twice the limit in tokens, but at most what the wire and the model accept."""
    maximum = int(FIELDS_BY_NAME["max_tokens"].range_for(target.wire).maximum)
    return min(2 * limit, maximum, turn.max_output_tokens(target, services.model(target.model).capabilities) or maximum)


def can_raise_output_limit(answer: Node) -> bool:
    """Return True if the selected model can generate more than the limit that cut an answer."""
    target, limit = model_picker.current_target(), output_limit_of(answer)
    return target is None or doubled_output_limit(limit, target) > limit


def _render_param_warning(warnings: list[str]) -> None:
    """Show the first warning about parameters in one line, and the number of others."""
    if warnings:
        others = t("params.more", count=len(warnings) - 1) if len(warnings) > 1 else ""
        st.caption(f":material/info: {warnings[0]} {others}")


def replace_stop_with_estimate(slot: DeltaGenerator) -> None:
    """Show the estimated cost of the next question in place of Stop, once an answer has ended."""
    slot.empty()
    with slot:
        _render_estimate()


def _render_estimate() -> None:
    if target := model_picker.current_target():
        params = params_panel.current_params()
        estimate = context_window.estimate_context(conversation_view.current_view(), "", target, params)
        limit = turn.output_limit(target, params, services.model(target.model).capabilities)
        cost.render_estimate(estimate, target, params, limit)


def _render_stop_or_estimate() -> DeltaGenerator:
    """Render Stop while an answer is generated, else the estimated cost of the next question."""
    slot = st.empty()
    if generation := conversation_view.current_view().generation:
        slot.button(
            t("composer.stop"),
            key="stop",
            type="primary",
            icon=":material/stop:",
            on_click=shows_errors(generation.stop),
        )
    else:
        with slot:
            _render_estimate()
    return slot
