"""Personal key section of the settings: entry, check and removal; the key is held in this session only."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from lib.chat.connection import Connection, connect_with_key
from lib.config.parse import find_key_problem, strip_key
from lib.core.models import ModelList
from lib.core.user import User
from lib.ui.session import resources, services
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import code_message

_KEY_FIELD, _URL_FIELD = "own.key", "own.url"
_KEY_REFUSED = "key_refused"
_MAX_KEY_LENGTH = 4_000  # about half of the header line that servers accept


def render() -> None:
    """Render the section; nothing unless personal keys are allowed."""
    base_urls = resources.settings().personal_key_urls
    if not base_urls:
        return
    with st.container(key="own"):
        st.header(t("own_key.title"), anchor=False)
        _check_candidate()
        if session_state.personal_key:
            _render_active_key(session_state.personal_key)
        else:
            _render_form(base_urls)


def render_pseudonym(user: User) -> None:
    """Render the pseudonym that the gateway receives for the user, if it receives one."""
    identity = resources.settings().caller_identity
    if identity.sends_pseudonym and (name := identity.pseudonym(user)):
        st.caption(t("own_key.pseudonym", name=name))


def _render_form(base_urls: tuple[str, ...]) -> None:
    hosts = [escape_markdown(urlsplit(base_url).netloc) for base_url in base_urls]
    destination = t("own_key.to_host", host=hosts[0]) if len(hosts) == 1 else t("own_key.to_address")
    st.markdown(f"{t('own_key.about')} {destination}")
    if session_state.personal_key_error:
        st.warning(t(session_state.personal_key_error), icon=":material/key_off:")
        del session_state.personal_key_error
    with st.form("own-key", border=False):
        st.text_input(
            t("own_key.key"),
            type="password",
            key=_KEY_FIELD,
            max_chars=_MAX_KEY_LENGTH,
            autocomplete="off",
            placeholder="sk-…",
        )
        if len(base_urls) > 1:
            st.selectbox(t("own_key.url"), base_urls, key=_URL_FIELD)
        st.form_submit_button(t("own_key.use"), key="own-use", icon=":material/key:", on_click=_on_submit)


def _on_submit() -> None:
    """Move the key from its field to the candidate, which this run checks; a callback."""
    key = strip_key(str(session_state.widget(_KEY_FIELD) or ""))
    # The value of a field is sent to the browser, and back with each message.
    session_state.set_widget(_KEY_FIELD, "")
    if problem := find_key_problem(key) if key else "none":
        session_state.personal_key_error = f"own_key.{problem}"
        return
    settings = resources.settings()
    base_url = session_state.widget(_URL_FIELD) or settings.personal_key_urls[0]
    session_state.personal_key_candidate = connect_with_key(
        settings, key, base_url, resources.model_facts(), resources.frame_pace().get_interval
    )


def _check_candidate() -> None:
    """Check the candidate by requesting the model list, and use it unless the gateway refuses the key."""
    candidate = session_state.personal_key_candidate
    if candidate is None:
        return
    with st.spinner(t("own_key.checking"), show_time=False):
        model_list = candidate.catalog.model_list(services.MODEL_LIST_TIMEOUT)
    session_state.personal_key_candidate = None
    if model_list.error_code == _KEY_REFUSED:
        candidate.gateway.close()
        session_state.personal_key_error = "own_key.refused"
    else:
        services.use_personal_key(candidate)


def _render_active_key(personal_key: Connection) -> None:
    st.markdown(
        t(
            "own_key.in_use",
            suffix=escape_markdown(personal_key.key_suffix),
            host=escape_markdown(services.gateway_host()),
        )
    )
    st.caption(f"{_check_result_text(personal_key.catalog.cached_model_list)} {t('own_key.lifetime')}")
    label = t("own_key.forget")
    render_button(label, "own-forget", "key_off", services.forget_personal_key, type="secondary")


def _check_result_text(model_list: ModelList) -> str:
    """Return the result of the key check as text."""
    if model_list.is_unsupported:
        return t("own_key.no_list")
    if model_list.error_code:
        return t("own_key.unchecked", reason=code_message(model_list.error_code))
    return t("own_key.checked", count=len(model_list.models)) if model_list.fetched_at else t("own_key.not_loaded")
