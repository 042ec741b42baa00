"""The people: who they are, what they spent this month, their limits, and a way to sign one out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

import streamlit as st

from lib.core.usage import Spent
from lib.core.user import Known, Person
from lib.ui.admin import scope
from lib.ui.session import resources
from lib.ui.text import dates
from lib.ui.text.i18n import literal, t
from lib.ui.widgets import cost
from lib.ui.widgets.model_access import settling

_PAGE = 25  # people shown at first, and more with each "show more"
_SEARCH, _SHOWN = "people.search", "people.shown"


def paint(_: Person) -> None:
    """The section. Raises StoreError."""
    mode = resources.settings().access.mode
    now = datetime.now(UTC)
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
    spent = resources.store().spent_by_each(month, now.timestamp() + 86_400)
    if mode in ("oidc", "proxy"):
        st.markdown(t("people.about" if mode == "oidc" else "people.about_proxy"))
        everybody = resources.store().people()
    else:
        st.markdown(t("people.browsers"))
        everybody = [Known(owner, "", "", 0.0) for owner in spent]
    if not everybody:
        st.caption(t("people.nobody" if mode in ("oidc", "proxy") else "people.no_browser"))
        return
    _list(everybody, spent)


def _list(everybody: list[Known], spent: Mapping[str, Spent]) -> None:
    if len(everybody) > 5:
        st.text_input(
            t("people.search"),
            key=_SEARCH,
            icon=":material/search:",
            placeholder=t("people.search"),
            label_visibility="collapsed",
        )
    words = str(st.session_state.get(_SEARCH) or "").casefold().split()
    found = [one for one in everybody if all(word in scope.called(one).casefold() for word in words)]
    if not found:
        st.caption(t("people.not_found"))
    most = st.session_state.setdefault(_SHOWN, _PAGE)
    zone = dates.zone(st.context.timezone, st.context.timezone_offset)
    for known in found[:most]:
        _row(known, spent.get(known.id), zone)
    if len(found) > most:
        st.button(t("sidebar.more"), key="people-more", type="tertiary", on_click=_more)


def _row(known: Known, spent: Spent | None, zone: tzinfo) -> None:
    key = f"somebody-{known.id}"
    with st.container(key=key, horizontal=True, vertical_alignment="center", wrap=False, gap="small"):
        facts = [t("people.spent", money=literal(cost.words(spent) if spent else "$0"))]
        if known.seen:
            seen = datetime.fromtimestamp(known.seen, zone).strftime("%Y-%m-%d %H:%M")
            facts.insert(0, t("people.seen", when=seen))
        told = _roles(known)
        groups = [t("people.admin")] if told.admin else []
        facts += (
            [t("list.comma").join(map(literal, [*groups, *told.groups]))] if groups or told.groups else []
        )
        st.markdown(
            f"**{literal(scope.called(known))}**  \n:small[:gray[{' · '.join(facts)}]]", width="stretch"
        )
        st.button(
            t("people.limits"),
            key=f"limits-of-{known.id}",
            type="tertiary",
            icon=":material/speed:",
            on_click=scope.show,
            args=("limits", known.id),
        )
        if resources.settings().access.mode == "oidc":
            _out(known)


def _roles(known: Known) -> Person:
    """What the settings make of somebody, by what the proxy or the provider last told of them."""
    mode = resources.settings().access.mode
    by = known.name if mode == "proxy" else known.email if mode == "oidc" else ""
    return resources.settings().roles.of(Person(known.id), by)


def _out(known: Known) -> None:
    with st.popover(t("people.out"), icon=":material/logout:", type="tertiary", key=f"out-{known.id}"):
        st.markdown(t("people.out_sure", who=literal(scope.called(known))))
        st.button(
            t("people.out_do"), key=f"out-do-{known.id}", type="primary", on_click=_put_out, args=(known.id,)
        )


@settling
def _put_out(admin: Person, owner: str) -> None:
    resources.store().put_out(admin, owner, time.time())
    st.toast(t("people.is_out"), icon=":material/check:")


def _more() -> None:
    st.session_state[_SHOWN] += _PAGE
