"""A conversation handed on: a link to a snapshot of it, and files to keep."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib import transfer
from lib.chat import share_links
from lib.core import tree
from lib.core.conversation import Node
from lib.core.user import Person
from lib.ui.session import audit, conversation_view, resources
from lib.ui.text.i18n import LANGUAGES, language, literal, t
from lib.ui.widgets import cost
from lib.ui.widgets.errors import tried

_PAGE = "shared"
_UNFIT = re.compile(r"[^\w\- ]+")


def paint(person: Person, view: conversation_view.View) -> DeltaGenerator | None:
    """What the shown conversation has taken, and what it can be handed on as, folded away.

    Returns the place of what it has taken, None where nothing is shown.
    """
    if view.conversation is None or not view.nodes:
        return None
    with st.container(
        key="hand-on", horizontal=True, horizontal_alignment="right", vertical_alignment="center"
    ):
        place = st.empty()
        cost.paint_sum(view, place)
        with st.popover(t("share.open"), icon=":material/ios_share:", type="tertiary", key="share"):
            if not resources.scratch():
                _link(person, view.conversation.id)
            _files(person, view)
    return place


def address(token: str) -> str:
    """The URL of a snapshot, under the address at which this page is open."""
    here = urlsplit(st.context.url or "")
    return f"{here.scheme}://{here.netloc}{here.path.rstrip('/')}/{_PAGE}?s={token}"


def _link(person: Person, shown: str) -> None:
    st.markdown(f"**{t('share.link')}**  \n{t('share.about')}")
    made: dict[str, str] = st.session_state.setdefault("shares", {})
    if token := made.get(shown):
        st.code(address(token), language=None, wrap_lines=True)
        st.caption(t("share.once"))
    st.button(t("share.make"), key="share-make", icon=":material/link:", on_click=_make, args=(person,))


@tried
def _make(person: Person) -> None:
    view = conversation_view.view()
    if view.conversation:
        token = share_links.make(resources.store(), person.id, view.conversation, view.nodes)
        audit.note(person, "share", view.conversation.id)
        st.session_state["shares"][view.conversation.id] = token


def _files(person: Person, view: conversation_view.View) -> None:
    assert view.conversation is not None
    st.markdown(f"**{t('share.files')}**")
    shown, store, words = view.conversation, resources.desk().store, partial(_say, language())

    def now() -> transfer.Entry:
        # As it is at the click: an answer may have come since this was painted.
        return store.conversation(person.id, shown.id) or shown, store.nodes(person.id, shown.id)

    def as_text() -> bytes:
        conversation, nodes = now()
        audit.note(person, "export", shown.id, kind="md")
        return transfer.markdown(conversation, tree.path(nodes, conversation.head), words).encode()

    def whole() -> bytes:
        audit.note(person, "export", shown.id, kind="json")
        return b"".join(transfer.write([now()]))

    name = file_name(shown.title)
    with st.container(horizontal=True, gap="small"):
        _download("md", f"{name}.md", "text/markdown", as_text)
        _download("json", f"{name}.json", "application/json", whole)


def _download(kind: str, name: str, mime: str, data: Callable[[], bytes]) -> None:
    icon = ":material/download:"
    words = t(f"share.{kind}")
    st.download_button(words, data, name, mime, key=f"download-{kind}", icon=icon, on_click="ignore")


def _say(spoken: str, name: str) -> str:
    # Not t(): a file is made outside the run, where no session is known.
    return LANGUAGES[spoken][name]


def file_name(title: str) -> str:
    """A title as a name for a file, without an ending."""
    return " ".join(_UNFIT.sub(" ", title).split())[:60].strip() or "conversation"


def paint_shared(person: Person) -> None:
    """The links that a person has made, each with the way to take it back."""
    shares = resources.store().shares(person.id)
    if not shares:
        st.caption(t("share.none"))
    for share in shares:
        with st.container(key=f"shared-{share.id}", horizontal=True, vertical_alignment="center"):
            day = time.strftime("%Y-%m-%d", time.gmtime(share.created))
            st.markdown(f"{literal(share.title)}  \n:small[:gray[{day}]]", width="stretch")
            st.button(
                t("share.revoke"),
                key=f"revoke-{share.id}",
                icon=":material/link_off:",
                on_click=_revoke,
                args=(person, share.id),
            )


@tried
def _revoke(person: Person, share: str) -> None:
    resources.store().revoke(person.id, share)
    audit.note(person, "revoke", share)
    st.session_state.pop("shares", None)


def read(token: str) -> tuple[str, float, list[Node]] | None:
    """The title, the time and the messages behind a link; None where there is nothing (any more)."""
    found = share_links.read(resources.store(), token)
    return (found[0].title, found[0].updated, found[1]) if found else None
