"""The box: text, target, parameters; Stop while an answer is arriving."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.chat.turns import turn
from lib.core.conversation import Node
from lib.core.errors import AntlerError
from lib.core.params import BY_NAME
from lib.core.target import Target
from lib.core.user import Person
from lib.ui.auth import require
from lib.ui.chat import context_window, model_picker, params_panel
from lib.ui.history.sidebar import SETTINGS
from lib.ui.session import conversation_view, replayed_input, resources
from lib.ui.text.i18n import literal, t
from lib.ui.usage import quota_status
from lib.ui.widgets import cost, undo
from lib.ui.widgets.errors import paint_refusal, refuse, tried, words

_BOX = require.BOX
_PUT = "composer.put"  # what was put into the box last, and the words that it stands for


def paint(person: Person) -> DeltaGenerator:
    """The row of target and parameters, and the box, pinned to the page's end.

    Returns the place of the Stop button, for `ended` when an answer ends while it is painted.
    """
    model_picker.preset(person)
    params_panel.preset()
    if typed := replayed_input.take():
        send(person, typed)
        st.rerun()
    lost = params_panel.notes(model_picker.current())
    with st.bottom:
        # Each in a place of its own: the box keeps what is typed in it only where it does not move.
        with st.empty():
            paint_refusal()
        with st.empty():
            undo.paint(conversation_view.view().id)
        with st.empty():
            model_picker.paint_note(person)
        with st.empty():
            _paint_losses(lost)
        with st.empty():
            quota_status.paint_warning()
        with st.empty(), st.container():
            context_window.paint(person, model_picker.current(), params_panel.current())
        with st.container(key="target-row", horizontal=True, vertical_alignment="center", gap="small"):
            model_picker.paint(person)
            params_panel.paint(person, model_picker.current(), lost)
            stop = _stop()
    st.chat_input(t("composer.placeholder"), key=_BOX, on_submit=lambda: send(person, _typed()))
    _paint_gateway()
    return stop


def _paint_gateway() -> None:
    """A small sign where the answers do not come from the team's gateway by the team's key."""
    if used := resources.own():
        label = t("composer.own", ending=literal(used.ending), host=literal(resources.gateway_host()))
    elif resources.demo_only():
        label = t("composer.demo")
    else:
        return
    with st.bottom, st.container(key="demo-note", horizontal=True, horizontal_alignment="center"):
        st.page_link(SETTINGS, label=label, query_params=conversation_view.here())


def send(person: Person, text: str) -> None:
    """Send a question, as a callback; where that cannot be, the words go back into the box with a reason."""
    nodes = conversation_view.view().nodes
    if not _ask(person, text, nodes[-1].id if nodes else None, told=t("composer.kept")):
        put(text)


def put(text: str) -> None:
    """Put words into the box, from a callback."""
    before, _ = st.session_state.get(_PUT, ("", ""))
    # The page takes over only what differs from what it was given last, and has emptied the box since.
    shown = f"{text} " if text == before else text
    st.session_state[_PUT] = shown, text
    st.session_state[_BOX] = shown


def _typed() -> str:
    """What is sent from the box, without what only made it differ."""
    sent: str = st.session_state[_BOX] or ""
    shown, text = st.session_state.get(_PUT, ("", ""))
    return text if sent == shown else sent


def send_edited(person: Person, question: Node, text: str) -> bool:
    """Send a question in other words, as a version beside it; whether that was done."""
    return _ask(person, text, question.parent, told="", version=True)


def _ask(person: Person, text: str, after: str | None, told: str, *, version: bool = False) -> bool:
    """Send a question after that node; whether it was sent, else the page says why, and `told`."""
    chosen = model_picker.current()
    problem = _unfit(text, chosen, told)
    if chosen and not problem:
        if version:
            problem = context_window.too_long(after, text, chosen, params_panel.current())
        elif context_window.holds(text, chosen, params_panel.current()):
            return False
    if chosen and not problem:
        try:
            asked = turn.ask(
                resources.desk(),
                person.id,
                conversation_view.view().id,
                text,
                chosen,
                params_panel.current(),
                after,
            )
        except AntlerError as error:
            problem = f"{words(error)} {told}"
        else:
            # From now on the conversation itself knows its target.
            st.query_params.from_dict({} if resources.scratch() else {"c": asked.conversation.id})
            undo.forget()
            if asked.beside and not version:
                refuse(t("composer.beside"))
    if problem:
        refuse(problem)
    return not problem


def _unfit(text: str, chosen: Target | None, told: str) -> str:
    """Why a question cannot be sent as it is; "" where it can."""
    if not text.strip():
        return t("composer.blank")
    if chosen is None:
        return t("composer.no_model")
    if wrong := params_panel.unreadable():
        return f"{_not_json(wrong)} {told}"
    return ""


@tried
def retry(person: Person, without: tuple[str, ...] = (), question: str | None = None) -> None:
    """Ask for another answer to a question, else to the last one, from the target now chosen; a callback.

    `without` names parameters that are to be untouched from now on.
    """
    chosen, shown = model_picker.current(), conversation_view.view()
    if chosen is None or shown.id is None:
        refuse(t("composer.no_model"))
        return
    if wrong := params_panel.unreadable():
        refuse(_not_json(wrong))
        return
    if without:
        params_panel.without(person, without)
    turn.retry(resources.desk(), person.id, shown.id, chosen, params_panel.current(), question)
    undo.forget()


@tried
def go_on(person: Person, answer: str) -> None:
    """Have the last answer continued, which is the one of this id; a callback."""
    if wrong := params_panel.unreadable():
        refuse(_not_json(wrong))
    elif shown := conversation_view.view().id:
        turn.go_on(resources.desk(), person.id, shown, answer, params_panel.current())


def _not_json(wrong: list[str]) -> str:
    return t("params.not_json", field=t(f"param.{wrong[0]}"))


@tried
def raise_limit(person: Person) -> None:
    """Ask again with twice the room; a callback."""
    last = conversation_view.view().nodes[-1]
    limit = params_panel.current().max_tokens or last.usage.output or turn.DEFAULT_LIMIT
    params_panel.change(person, max_tokens=min(2 * limit, int(BY_NAME["max_tokens"].range("openai").most)))
    retry(person)


def _paint_losses(lost: list[str]) -> None:
    """One line, before anything is sent, where the target does not take all as it is set."""
    if lost:
        more = t("params.more", count=len(lost) - 1) if len(lost) > 1 else ""
        st.caption(f":material/info: {lost[0]} {more}")


def ended(place: DeltaGenerator) -> None:
    """Put what the next question costs in the place of Stop, once an answer has ended that was painted."""
    place.empty()
    with place:
        _paint_estimate()


def _paint_estimate() -> None:
    if chosen := model_picker.current():
        need = context_window.needed(conversation_view.view(), "", chosen, params_panel.current())
        cost.paint_estimate(need, chosen, params_panel.current())


def _stop() -> DeltaGenerator:
    """The one control with which an arriving answer is ended; else what the next one will cost."""
    slot = st.empty()
    if answer := conversation_view.view().answer:
        slot.button(
            t("composer.stop"),
            key="stop",
            type="primary",
            icon=":material/stop:",
            on_click=tried(answer.stop),
        )
    else:
        with slot:
            _paint_estimate()
    return slot
