"""The box: text, target, parameters; Stop while an answer is arriving."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.chat import turn
from lib.core.errors import AntlerError
from lib.core.types import TEMPERATURE_MAX, Params, Person
from lib.ui import state, target
from lib.ui.problem import paint_refusal, refuse, sentence, tried
from lib.ui.sidebar import SETTINGS
from lib.ui.text import t

# The last value of each widget, kept here: Streamlit forgets a widget's own when its page is left.
_SYSTEM, _TEMPERATURE, _MAX_TOKENS = "composer.system", "composer.temperature", "composer.max_tokens"
_BOX = "composer.box"
_WIDGETS = (_SYSTEM, _TEMPERATURE, _MAX_TOKENS)
MAX_TOKENS = 1_000_000


def paint(person: Person) -> DeltaGenerator:
    """The row of target and parameters, and the box, pinned to the page's end.

    Returns the place of the Stop button, to be emptied when an answer ends while it is painted.
    """
    target.preset(person)
    _preset()
    with st.bottom:
        # Each in a place of its own: the box keeps what is typed in it only where it does not move.
        with st.empty():
            paint_refusal()
        with st.empty():
            target.paint_note()
        with st.container(key="target-row", horizontal=True, vertical_alignment="center", gap="small"):
            target.paint(person)
            _params(person)
            stop = _stop()
    st.session_state["composer.kept"] = {key: st.session_state[key] for key in _WIDGETS}
    st.chat_input(
        t("composer.placeholder"), key=_BOX, on_submit=lambda: send(person, st.session_state[_BOX] or "")
    )
    if state.settings().demo:
        with st.bottom, st.container(key="demo-note", horizontal=True, horizontal_alignment="center"):
            st.page_link(SETTINGS, label=t("composer.demo"), query_params=state.here())
    return stop


def send(person: Person, text: str) -> None:
    """Send a question, as a callback; where that cannot be, the words go back into the box with a reason."""
    chosen = target.current()
    problem = ""
    if not text.strip():
        problem = t("composer.blank")
    elif chosen is None:
        problem = t("composer.no_model")
    else:
        try:
            asked = turn.ask(state.desk(), person.id, state.view().id, text, chosen, params())
        except AntlerError as error:
            problem = f"{sentence(error.code)} {t('composer.kept')}"
        else:
            # From now on the conversation itself knows its target.
            st.query_params.from_dict({"c": asked.id})
    if problem:
        refuse(problem)
        st.session_state[_BOX] = text


@tried
def retry(person: Person) -> None:
    """Ask for another answer to the last question, from the target now chosen; a callback."""
    chosen, shown = target.current(), state.view()
    if chosen is None or shown.id is None:
        refuse(t("composer.no_model"))
    else:
        turn.retry(state.desk(), person.id, shown.id, chosen, params())


def params() -> Params:
    get = st.session_state.get
    return Params((get(_SYSTEM) or "").strip(), get(_TEMPERATURE), get(_MAX_TOKENS))


def _preset() -> None:
    """Fill the parameters where the conversation is not the one that they were filled for."""
    shown = state.view()
    kept = st.session_state.setdefault("composer.kept", dict.fromkeys(_WIDGETS))
    for key in _WIDGETS:
        # Only where it is gone: a value that the server sets replaces what is being typed there.
        if key not in st.session_state:
            st.session_state[key] = kept[key]
    if st.session_state.get("composer.preset", "") != shown.id:
        saved = shown.conversation.params if shown.conversation else Params()
        st.session_state[_SYSTEM] = saved.system
        st.session_state[_TEMPERATURE] = saved.temperature
        st.session_state[_MAX_TOKENS] = saved.max_tokens
        st.session_state["composer.preset"] = shown.id


def _params(person: Person) -> None:
    wire = target.wire()
    most = TEMPERATURE_MAX[wire]
    if (st.session_state[_TEMPERATURE] or 0) > most:
        st.session_state[_TEMPERATURE] = most
    with st.popover(t("composer.params"), icon=":material/tune:", key="params"):
        save: Callable[[], None] = lambda: _save_params(person)  # noqa: E731  three widgets share it
        st.text_area(
            t("composer.system"), key=_SYSTEM, placeholder=t("composer.system_placeholder"), on_change=save
        )
        st.number_input(
            t("composer.temperature"),
            min_value=0.0,
            max_value=most,
            value=None,
            step=0.1,
            key=_TEMPERATURE,
            placeholder=t("composer.default"),
            help=t("composer.temperature_help", wire=t(f"wire.{wire}"), most=most),
            on_change=save,
        )
        st.number_input(
            t("composer.max_tokens"),
            min_value=1,
            max_value=MAX_TOKENS,
            value=None,
            step=256,
            key=_MAX_TOKENS,
            placeholder=t("composer.default"),
            help=t("composer.max_tokens_help"),
            on_change=save,
        )


@tried
def _save_params(person: Person) -> None:
    shown = state.view()
    if shown.id is not None:
        state.store().set_params(person.id, shown.id, params())


def _stop() -> DeltaGenerator:
    """The one control with which an arriving answer is ended."""
    slot = st.empty()
    if answer := state.view().answer:
        slot.button(
            t("composer.stop"),
            key="stop",
            type="primary",
            icon=":material/stop:",
            on_click=tried(answer.stop),
        )
    return slot
