"""A person's own key in the settings: taken, checked, used in this session alone, and forgotten."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from lib.chat import own_key
from lib.chat.own_key import Own
from lib.config.parse import wrong_in_key
from lib.config.redaction import bare
from lib.core.models import Listing
from lib.core.user import Person
from lib.ui.session import resources
from lib.ui.settings import models
from lib.ui.text.i18n import literal, t
from lib.ui.widgets.errors import sentence

_KEY, _URL = "own.key", "own.url"
_TRYING, _WRONG = "own.trying", "own.wrong"
_REFUSED = "key_refused"
_LONGEST = 4_000  # signs; servers take no longer line in a header than about twice that


def paint() -> None:
    """The section of the settings; nothing where people may not use a key of their own."""
    addresses = resources.settings().own_keys.base_urls
    if not addresses:
        return
    with st.container(key="own"):
        st.subheader(t("own.title"), anchor=False)
        _try()
        if used := resources.own():
            _paint_used(used)
        else:
            _paint_form(addresses)


def paint_name(person: Person) -> None:
    """By which name the gateway knows the person, where it is told one."""
    team = resources.settings().team
    if team.tells and (name := team.pseudonym(person)):
        st.caption(t("own.known_as", name=name))


def _paint_form(addresses: tuple[str, ...]) -> None:
    hosts = [literal(urlsplit(address).netloc) for address in addresses]
    where = t("own.to_one", host=hosts[0]) if len(hosts) == 1 else t("own.to_chosen")
    st.markdown(f"{t('own.about')} {where}")
    if wrong := st.session_state.pop(_WRONG, ""):
        st.warning(t(wrong), icon=":material/key_off:")
    with st.form("own-key", border=False):
        st.text_input(
            t("own.key"),
            type="password",
            key=_KEY,
            max_chars=_LONGEST,
            autocomplete="off",
            placeholder="sk-…",
        )
        if len(addresses) > 1:
            st.selectbox(t("own.url"), addresses, key=_URL)
        st.form_submit_button(t("own.use"), key="own-use", icon=":material/key:", on_click=_take)


def _take() -> None:
    """Take the key out of its field, to be tried in this run; a callback."""
    key = bare(str(st.session_state.get(_KEY) or ""))
    # What stands in a field is sent to the page, and from there back with each of its messages.
    st.session_state[_KEY] = ""
    if wrong := wrong_in_key(key) if key else "none":
        st.session_state[_WRONG] = f"own.{wrong}"
        return
    settings = resources.settings()
    address = st.session_state.get(_URL) or settings.own_keys.base_urls[0]
    st.session_state[_TRYING] = own_key.reached(settings, key, address)


def _try() -> None:
    """Have the gateway list its models to a key that was given, and use it unless that is refused."""
    trying: Own | None = st.session_state.get(_TRYING)
    if trying is None:
        return
    with st.spinner(t("own.trying"), show_time=False):
        listing = trying.catalog.listing(models.PATIENCE)
    del st.session_state[_TRYING]
    if listing.fault == _REFUSED:
        trying.gateway.close()
        st.session_state[_WRONG] = "own.refused"
    else:
        resources.use_own(trying)


def _paint_used(used: Own) -> None:
    st.markdown(t("own.used", ending=literal(used.ending), host=literal(resources.gateway_host())))
    st.caption(f"{_checked(used.catalog.known)} {t('own.until')}")
    st.button(t("own.forget"), key="own-forget", icon=":material/key_off:", on_click=resources.forget_own)


def _checked(listing: Listing) -> str:
    """What the list of models told of the key."""
    if listing.none:
        return t("own.no_list")
    if listing.fault:
        return t("own.unchecked", why=sentence(listing.fault))
    return t("own.checked", count=len(listing.models)) if listing.read else t("own.slow")
