"""The box: text, target, parameters; Stop while an answer is arriving."""

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
from lib.ui.history.sidebar import SETTINGS_PAGE
from lib.ui.session import conversation_view, replayed_input, services
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.usage import quota_status
from lib.ui.widgets import cost, undo
from lib.ui.widgets.errors import error_message, flash_warning, render_flash_warning, shows_errors


def render(user: User) -> DeltaGenerator:
    """The row of target and parameters, and the box, pinned to the page's end.

    Returns the place of the Stop button, for `ended` when an answer ends while it is painted.
    """
    model_picker.sync_widgets(user)
    params_panel.sync_widgets()
    if typed := replayed_input.pop_message():
        send(user, typed)
        st.rerun()
    lost = params_panel.list_warnings(model_picker.current_target())
    with st.bottom:
        # Each in a place of its own: the box keeps what is typed in it only where it does not move.
        with st.empty():
            render_flash_warning()
        with st.empty():
            undo.render(conversation_view.current_view().conversation_id)
        with st.empty():
            model_picker.render_notice(user)
        with st.empty():
            _render_param_warnings(lost)
        with st.empty():
            quota_status.render_warning()
        with st.empty(), st.container():
            context_window.render(user, model_picker.current_target(), params_panel.current_params())
        with st.container(key="target-row", horizontal=True, vertical_alignment="center", gap="small"):
            model_picker.render(user)
            params_panel.render(user, model_picker.current_target(), lost)
            stop = _render_stop_or_estimate()
    st.chat_input(
        t("composer.placeholder"),
        key=replayed_input.INPUT_KEY,
        on_submit=lambda: send(user, _submitted_text()),
    )
    _render_gateway_notice()
    return stop


def _render_gateway_notice() -> None:
    """A small sign where the answers do not come from the team's gateway by the team's key."""
    if used := session_state.personal_key:
        label = t(
            "composer.own",
            ending=escape_markdown(used.suffix),
            host=escape_markdown(services.gateway_host()),
        )
    elif services.is_demo():
        label = t("composer.demo")
    else:
        return
    with st.bottom, st.container(key="demo-note", horizontal=True, horizontal_alignment="center"):
        st.page_link(SETTINGS_PAGE, label=label, query_params=conversation_view.query_params())


def send(user: User, text: str) -> None:
    """Send a question, as a callback; where that cannot be, the words go back into the box with a reason."""
    nodes = conversation_view.current_view().nodes
    if not _ask_question(user, text, nodes[-1].id if nodes else None, notice=t("composer.kept")):
        prefill(text)


def prefill(text: str) -> None:
    """Put words into the box, from a callback."""
    before, _ = session_state.prefill
    # The page takes over only what differs from what it was given last, and has emptied the box since.
    shown = f"{text} " if text == before else text
    session_state.prefill = shown, text
    session_state.set_widget(replayed_input.INPUT_KEY, shown)


def _submitted_text() -> str:
    """What is sent from the box, without what only made it differ."""
    sent: str = session_state.widget(replayed_input.INPUT_KEY) or ""
    shown, text = session_state.prefill
    return text if sent == shown else sent


def send_edit(user: User, question: Node, text: str) -> bool:
    """Send a question in other words, as a version beside it; whether that was done."""
    return _ask_question(user, text, question.parent_id, notice="", is_edit=True)


def _ask_question(
    user: User, text: str, parent_id: str | None, notice: str, *, is_edit: bool = False
) -> bool:
    """Send a question after that node; whether it was sent, else the page says why, and `told`."""
    chosen = model_picker.current_target()
    problem = _validation_message(text, chosen, notice)
    if chosen and not problem:
        allow_overflow = not is_edit and context_window.pop_overflow_consent()
        try:
            asked = turn.ask(
                services.turn_services(),
                user.id,
                conversation_view.current_view().conversation_id,
                text,
                chosen,
                params_panel.current_params(),
                parent_id,
                allow_overflow=allow_overflow,
            )
        except ContextWindowExceeded as error:
            if not is_edit:
                context_window.hold_question(text)
                return False
            problem = context_window.too_long_message(error, chosen)
        except AntlerError as error:
            problem = f"{error_message(error)} {notice}"
        else:
            # From now on the conversation itself knows its target.
            st.query_params.from_dict({} if session_state.temporary_store else {"c": asked.conversation.id})
            undo.dismiss()
            if asked.is_new_branch and not is_edit:
                flash_warning(t("composer.beside"))
    if problem:
        flash_warning(problem)
    return not problem


def _validation_message(text: str, selected_target: Target | None, notice: str) -> str:
    """Why a question cannot be sent as it is; "" where it can."""
    if not text.strip():
        return t("composer.blank")
    if selected_target is None:
        return t("composer.no_model")
    if wrong := params_panel.invalid_json_fields():
        return f"{_invalid_json_message(wrong)} {notice}"
    return ""


@shows_errors
def retry(user: User, reset_params: tuple[str, ...] = (), question_id: str | None = None) -> None:
    """Ask for another answer to a question, else to the last one, from the target now chosen; a callback.

    `without` names parameters that are to be untouched from now on.
    """
    chosen, shown = model_picker.current_target(), conversation_view.current_view()
    if chosen is None or shown.conversation_id is None:
        flash_warning(t("composer.no_model"))
        return
    if wrong := params_panel.invalid_json_fields():
        flash_warning(_invalid_json_message(wrong))
        return
    if reset_params:
        params_panel.reset_params(user, reset_params)
    turn.regenerate(
        services.turn_services(),
        user.id,
        shown.conversation_id,
        chosen,
        params_panel.current_params(),
        question_id,
    )
    undo.dismiss()


@shows_errors
def continue_answer(user: User, answer_id: str) -> None:
    """Have the last answer continued, which is the one of this id; a callback."""
    if wrong := params_panel.invalid_json_fields():
        flash_warning(_invalid_json_message(wrong))
    elif shown := conversation_view.current_view().conversation_id:
        turn.continue_answer(
            services.turn_services(), user.id, shown, answer_id, params_panel.current_params()
        )


def _invalid_json_message(param_names: list[str]) -> str:
    return t("params.not_json", field=t(f"param.{param_names[0]}"))


@shows_errors
def raise_limit(user: User) -> None:
    """Ask again with twice the room; a callback."""
    last = conversation_view.current_view().nodes[-1]
    limit = params_panel.current_params().max_tokens or last.usage.output or turn.DEFAULT_OUTPUT_LIMIT
    params_panel.set_params(
        user, max_tokens=min(2 * limit, int(FIELDS_BY_NAME["max_tokens"].range_for("openai").maximum))
    )
    retry(user)


def _render_param_warnings(messages: list[str]) -> None:
    """One line, before anything is sent, where the target does not take all as it is set."""
    if messages:
        more = t("params.more", count=len(messages) - 1) if len(messages) > 1 else ""
        st.caption(f":material/info: {messages[0]} {more}")


def replace_stop_with_estimate(slot: DeltaGenerator) -> None:
    """Put what the next question costs in the place of Stop, once an answer has ended that was painted."""
    slot.empty()
    with slot:
        _render_estimate()


def _render_estimate() -> None:
    if chosen := model_picker.current_target():
        need = context_window.estimate_context(
            conversation_view.current_view(), "", chosen, params_panel.current_params()
        )
        cost.render_estimate(need, chosen, params_panel.current_params())


def _render_stop_or_estimate() -> DeltaGenerator:
    """The one control with which an arriving answer is ended; else what the next one will cost."""
    slot = st.empty()
    if answer := conversation_view.current_view().generation:
        slot.button(
            t("composer.stop"),
            key="stop",
            type="primary",
            icon=":material/stop:",
            on_click=shows_errors(answer.stop),
        )
    else:
        with slot:
            _render_estimate()
    return slot
