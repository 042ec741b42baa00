"""Administration of the system prompts that are shared with all users."""

from __future__ import annotations

import streamlit as st

from lib.core.policy import Prompt
from lib.core.user import User
from lib.ui.auth import admin_action
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.errors import flash_warning

_MAX_NAME_LENGTH, _MAX_TEXT_LENGTH = 80, 20_000


def render(_: User) -> None:
    """Render each prompt in an expander, and a form for a new one. Raises StoreError."""
    st.markdown(t("prompts.about"))
    prompts = resources.policy().prompts
    if not prompts:
        st.caption(t("prompts.empty"))
    for index, prompt in enumerate(prompts):
        with st.expander(escape_markdown(prompt.name), key=f"prompt-{index}"):
            _render_form(f"{index}-{hash(prompt)}", prompt)
    st.subheader(t("prompts.new"), anchor=False)
    # A new key after each added prompt empties the form.
    _render_form(f"new-{session_state.added_prompt_count}", None)


def _render_form(key_suffix: str, prompt: Prompt | None) -> None:
    name_key, text_key = f"prompt-name-{key_suffix}", f"prompt-text-{key_suffix}"
    with st.form(f"prompt-form-{key_suffix}", border=prompt is None):
        saved = prompt or Prompt("", "")
        st.text_input(t("prompts.name"), saved.name, key=name_key, max_chars=_MAX_NAME_LENGTH)
        st.text_area(t("prompts.text"), saved.text, key=text_key, height=160, max_chars=_MAX_TEXT_LENGTH)
        with st.container(horizontal=True, gap="small"):
            st.form_submit_button(
                t("admin.save") if prompt else t("prompts.add"),
                type="primary",
                on_click=_save_prompt,
                args=(saved.name, name_key, text_key),
            )
            if prompt:
                st.form_submit_button(t("prompts.delete"), on_click=_delete_prompt, args=(prompt.name,))


@admin_action
def _save_prompt(admin: User, old_name: str, name_key: str, text_key: str) -> None:
    name = " ".join(session_state.widget(name_key).split())
    text = session_state.widget(text_key).strip()
    if not name or not text:
        flash_warning(t("prompts.blank"))
        return
    if name != old_name and name in [prompt.name for prompt in resources.store().policy.load().prompts]:
        flash_warning(t("prompts.twice", name=name))
        return
    resources.store().policy.set_prompt(admin, old_name, Prompt(name, text))
    session_state.added_prompt_count += 1
    st.toast(t("admin.saved"), icon=":material/check:")


@admin_action
def _delete_prompt(admin: User, name: str) -> None:
    resources.store().policy.set_prompt(admin, name, None)
    st.toast(t("prompts.deleted"), icon=":material/check:")
