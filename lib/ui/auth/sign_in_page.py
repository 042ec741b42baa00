"""What a page shows to whoever may not come in, in place of itself."""

from __future__ import annotations

from math import ceil

import streamlit as st

from lib.config.auth import Access, Mode, Refusal
from lib.core.user import Person
from lib.ui.auth import password as session
from lib.ui.text.i18n import literal, t

_SIGNED = "entrance.signed"
_TOLD = "entrance.told"
_WORD = "entrance.word"

_BOUND = "streamlit run app.py --server.address=127.0.0.1"
_ENVIRONMENT = 'export ANTLER_ACCESS="password"\nexport ANTLER_PASSWORD="…"'
_SECRETS = '[access]\nmode = "password"\npassword = "…"'
_VIEWERS = '[access]\nmode = "viewers"'
_OIDC = """[access]
mode = "oidc"
allow = ["@example.org", "ann@example.com"]

[auth]
redirect_uri = "https://chat.example.org/oauth2callback"
cookie_secret = "…"
client_id = "…"
client_secret = "…"
server_metadata_url = "https://accounts.google.com/.well-known/openid-configuration\""""


def paint_exposed(*, cloud: bool) -> None:
    """Why a server with a key answers nobody yet, and the lines to choose from."""
    st.title(t("exposed.title"), anchor=False)
    st.markdown(t("exposed.why"))
    if cloud:
        _choice("viewers", _VIEWERS, "toml")
    else:
        _choice("bound", _BOUND, "bash")
    _choice("password", *((_SECRETS, "toml") if cloud else (_ENVIRONMENT, "bash")))
    _choice("oidc", _OIDC, "toml")
    st.caption(t("exposed.proxy"))


def _choice(name: str, lines: str, language: str) -> None:
    st.markdown(t(f"exposed.{name}"))
    st.code(lines, language=language)


def knows_word() -> bool:
    """Whether the password was typed in this session, where no cookie of ours can remember it."""
    return bool(st.session_state.get(_SIGNED))


def forget_word() -> None:
    """Sign this session out; a callback."""
    st.session_state.pop(_SIGNED, None)


def paint_word(password: str) -> None:
    """The form for the password inside a page; it holds as long as the page does."""
    st.title(t("signin.title"), anchor=False)
    with st.form("signin", border=False):
        st.text_input(t("signin.password"), type="password", key=_WORD, autocomplete="current-password")
        if told := st.session_state.pop(_TOLD, ""):
            st.error(told)
        st.form_submit_button(t("signin.do"), type="primary", on_click=_typed, args=(password,))
    st.caption(t("signin.same"))
    st.caption(t("signin.session"))


def _typed(password: str) -> None:
    right, wait = session.tried(password, st.session_state.pop(_WORD, ""), st.context.ip_address or "")
    if right:
        st.session_state[_SIGNED] = True
    else:
        st.session_state[_TOLD] = t("signin.wait", minutes=ceil(wait / 60)) if wait else t("signin.wrong")


def paint_sign_in(access: Access, told: Refusal | None = None) -> None:
    """The way to the provider, or to one of several; `told` is why there is a need to go there again."""
    st.title(t("signin.title"), anchor=False)
    if told:
        st.info(t(f"refused.{told}"))
    for name in access.providers:
        unnamed = name == "default" or len(access.providers) == 1
        words = t("signin.do") if unnamed else t("signin.with", provider=literal(name.capitalize()))
        if st.button(words, key=f"signin-{name}", type="primary", icon=":material/login:"):
            st.login(None if name == "default" else name)
    st.caption(t("signin.back"))


def paint_refused(person: Person, why: Refusal, mode: Mode) -> None:
    """Who somebody is signed in as, and why that is not enough."""
    st.title(t("refused.title"), anchor=False)
    if person.id:
        paint_who(person)
    st.markdown(t(f"refused.{why}"))
    if mode == "oidc" and st.button(t("account.out"), key="signout", icon=":material/logout:"):
        st.logout()


def paint_who(person: Person) -> None:
    known = [part for part in (person.name, person.email) if part]
    who = " · ".join(dict.fromkeys(known))
    st.markdown(t("account.who", who=literal(who)) if who else t("account.unnamed"))
