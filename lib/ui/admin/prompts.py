"""The system prompts that everybody may choose, written and taken away by admins."""

from __future__ import annotations

import streamlit as st

from lib.core.policy import Prompt
from lib.core.user import Person
from lib.ui.session import resources
from lib.ui.text.i18n import literal, t
from lib.ui.widgets.errors import refuse
from lib.ui.widgets.model_access import settling

_NAME_LETTERS, _LETTERS = 80, 20_000
_ADDED = "prompts.added"


def paint(_: Person) -> None:
    """The section: each prompt folded, and a form for one more. Raises StoreError."""
    st.markdown(t("prompts.about"))
    prompts = resources.policy().prompts
    if not prompts:
        st.caption(t("prompts.empty"))
    for place, prompt in enumerate(prompts):
        with st.expander(literal(prompt.name), key=f"prompt-{place}"):
            _form(f"{place}-{hash(prompt)}", prompt)
    st.subheader(t("prompts.new"), anchor=False)
    # Emptied after each by taking a new key.
    _form(f"new-{st.session_state.get(_ADDED, 0)}", None)


def _form(stem: str, prompt: Prompt | None) -> None:
    name, text = f"prompt-name-{stem}", f"prompt-text-{stem}"
    with st.form(f"prompt-form-{stem}", border=prompt is None):
        known = prompt or Prompt("", "")
        st.text_input(t("prompts.name"), known.name, key=name, max_chars=_NAME_LETTERS)
        st.text_area(t("prompts.text"), known.text, key=text, height=160, max_chars=_LETTERS)
        with st.container(horizontal=True, gap="small"):
            words = t("admin.save") if prompt else t("prompts.add")
            st.form_submit_button(words, type="primary", on_click=_save, args=(known.name, name, text))
            if prompt:
                st.form_submit_button(t("prompts.delete"), on_click=_delete, args=(prompt.name,))


@settling
def _save(admin: Person, before: str, name_key: str, text_key: str) -> None:
    name = " ".join(st.session_state[name_key].split())
    text = st.session_state[text_key].strip()
    if not name or not text:
        refuse(t("prompts.blank"))
        return
    if name != before and name in [one.name for one in resources.store().policy().prompts]:
        refuse(t("prompts.twice", name=name))
        return
    resources.store().settle_prompt(admin, before, Prompt(name, text))
    st.session_state[_ADDED] = st.session_state.get(_ADDED, 0) + 1
    st.toast(t("admin.saved"), icon=":material/check:")


@settling
def _delete(admin: Person, name: str) -> None:
    resources.store().settle_prompt(admin, name, None)
    st.toast(t("prompts.deleted"), icon=":material/check:")
