"""The system prompts that everybody may choose, written and taken away by admins."""

from __future__ import annotations

import streamlit as st

from lib.core.policy import Prompt
from lib.core.user import User
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets.errors import flash_warning
from lib.ui.widgets.model_access import admin_action

_MAX_NAME_LENGTH, _MAX_TEXT_LENGTH = 80, 20_000


def render(_: User) -> None:
    """The section: each prompt folded, and a form for one more. Raises StoreError."""
    st.markdown(t("prompts.about"))
    prompts = resources.policy().prompts
    if not prompts:
        st.caption(t("prompts.empty"))
    for place, prompt in enumerate(prompts):
        with st.expander(escape_markdown(prompt.name), key=f"prompt-{place}"):
            _render_form(f"{place}-{hash(prompt)}", prompt)
    st.subheader(t("prompts.new"), anchor=False)
    # Emptied after each by taking a new key.
    _render_form(f"new-{session_state.added_prompt_count}", None)


def _render_form(key_suffix: str, prompt: Prompt | None) -> None:
    name, text = f"prompt-name-{key_suffix}", f"prompt-text-{key_suffix}"
    with st.form(f"prompt-form-{key_suffix}", border=prompt is None):
        known = prompt or Prompt("", "")
        st.text_input(t("prompts.name"), known.name, key=name, max_chars=_MAX_NAME_LENGTH)
        st.text_area(t("prompts.text"), known.text, key=text, height=160, max_chars=_MAX_TEXT_LENGTH)
        with st.container(horizontal=True, gap="small"):
            words = t("admin.save") if prompt else t("prompts.add")
            st.form_submit_button(words, type="primary", on_click=_save_prompt, args=(known.name, name, text))
            if prompt:
                st.form_submit_button(t("prompts.delete"), on_click=_delete_prompt, args=(prompt.name,))


@admin_action
def _save_prompt(admin: User, old_name: str, name_key: str, text_key: str) -> None:
    name = " ".join(session_state.widget(name_key).split())
    text = session_state.widget(text_key).strip()
    if not name or not text:
        flash_warning(t("prompts.blank"))
        return
    if name != old_name and name in [one.name for one in resources.store().policy.load().prompts]:
        flash_warning(t("prompts.twice", name=name))
        return
    resources.store().policy.set_prompt(admin, old_name, Prompt(name, text))
    session_state.added_prompt_count += 1
    st.toast(t("admin.saved"), icon=":material/check:")


@admin_action
def _delete_prompt(admin: User, name: str) -> None:
    resources.store().policy.set_prompt(admin, name, None)
    st.toast(t("prompts.deleted"), icon=":material/check:")
