"""Use of entries of the prompt library in the composer: a form for their variables, then text or persona."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import streamlit as st

from lib.chat.prompts.library import switch_params
from lib.chat.prompts.template import AUTOMATIC_VARIABLES, Variable, fill_template, list_variables
from lib.core.errors import StoreError
from lib.core.params import Params
from lib.core.prompts import Prompt, PromptSummary
from lib.core.user import User
from lib.ui.browser import scripts
from lib.ui.composer import drafts, params_panel, persona_choice, questions
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets.errors import code_message, flash_warning, shows_errors


def load_entries(user: User) -> Sequence[PromptSummary]:
    """Return the entries that the user may choose; none while the database is away."""
    try:
        return resources.store().prompts.summaries(user.id)
    except StoreError:
        return ()


def use_pending(user: User) -> None:
    """Use the entry that was chosen since the last run; before the composer's widgets are rendered."""
    prompt_id = session_state.pending_prompt_id
    del session_state.pending_prompt_id
    if not prompt_id:
        return
    try:
        entry = resources.store().prompts.get(user.id, prompt_id)
        if entry is None:
            flash_warning(t("prompts.gone"))
        elif list_variables(entry.text):
            session_state.prompt_form = entry
        else:
            _use(user, entry, {}, is_sent=False)
    except StoreError as error:
        flash_warning(code_message(error.code))


def render_form(user: User) -> None:
    """Render the form for the variables of the chosen entry, if one was chosen."""
    entry = session_state.prompt_form
    if entry is None:
        return
    variables = list_variables(entry.text)
    with st.form("prompt-form"):
        st.markdown(f"**{escape_markdown(entry.name)}**")
        if entry.description:
            st.caption(escape_markdown(entry.description))
        for number, variable in enumerate(variables):
            _render_field(entry, number, variable)
        with st.container(key="prompt-form-buttons", horizontal=True, gap="small"):
            is_persona = entry.kind == "persona"
            st.form_submit_button(
                t("prompts.choose" if is_persona else "prompts.insert"),
                type="primary",
                on_click=_submit,
                args=(user, entry, False),
            )
            if not is_persona:
                st.form_submit_button(t("prompts.send"), on_click=_submit, args=(user, entry, True))
            st.form_submit_button(t("prompts.cancel"), key="close-prompt-form", type="tertiary", on_click=_close_form)


def _field_key(entry: Prompt, number: int) -> str:
    return f"prompt-field-{entry.id}-{number}"


def _render_field(entry: Prompt, number: int, variable: Variable) -> None:
    key = _field_key(entry, number)
    if not session_state.has_widget(key):
        value = session_state.prompt_values.get((entry.id, variable.name), variable.default)
        session_state.set_widget(key, value if not variable.choices or value in variable.choices else variable.default)
    label = escape_markdown(variable.name)
    if variable.choices:
        st.selectbox(label, variable.choices, key=key)
    elif variable.is_multiline:
        st.text_area(label, key=key, height=100)
    else:
        st.text_input(label, key=key)


@shows_errors
def _submit(user: User, entry: Prompt, is_sent: bool) -> None:
    values = {
        variable.name: str(session_state.widget(_field_key(entry, number)) or "")
        for number, variable in enumerate(list_variables(entry.text))
    }
    session_state.prompt_values |= {(entry.id, name): value for name, value in values.items()}
    _close_form()
    _use(user, entry, values, is_sent=is_sent)


def _close_form() -> None:
    session_state.prompt_form = None


def _use(user: User, entry: Prompt, values: Mapping[str, str], *, is_sent: bool) -> None:
    """Choose a persona, or put the text of a prompt into the composer, or send it. Raises StoreError."""
    text = fill_template(entry.text, _automatic_values() | dict(values))
    if entry.kind == "persona":
        persona_choice.choose(user, entry, text)
    else:
        persona_choice.select_target(user, entry)
        if entry.params != Params():
            params = switch_params(params_panel.current_params(), Params(), entry.params)
            params_panel.replace_params(user, params)
        if is_sent:
            questions.send(user, text)
        else:
            drafts.prefill(text)
    scripts.request_composer_focus()


def _automatic_values() -> dict[str, str]:
    now = time.time()
    day, clock = dates.format_local_day(now), dates.format_moment(now)
    return dict(zip(AUTOMATIC_VARIABLES, (day, clock), strict=True))
