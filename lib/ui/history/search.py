"""Search in all messages: a box, what was found, and the way to it."""

from __future__ import annotations

import re

import streamlit as st

from lib.chat.turns import branches
from lib.core import search_terms, tree
from lib.core.errors import Gone
from lib.core.usage import Hit
from lib.core.user import Person
from lib.ui.history import row
from lib.ui.session import resources
from lib.ui.text.i18n import literal, t
from lib.ui.widgets import paging
from lib.ui.widgets.errors import tried

_BOX = "search"
_PAGE = 20
_AROUND = 45  # characters of a message on each side of what was found: about three lines in all

_SHAPING = re.compile(r"\*\*|`+|^#{1,6} |^> ", re.MULTILINE)


def paint_box() -> str:
    """The box; returns what is searched for, "" for nothing."""
    label = t("search.label")
    typed = st.text_input(
        label,
        key=_BOX,
        type="search",
        live=True,
        placeholder=label,
        icon=":material/search:",
        label_visibility="collapsed",
        on_change=paging.forget,
        args=(_BOX,),
    )
    return typed.strip()


def paint(person: Person, query: str) -> None:
    """What was found, newest first. Raises StoreError."""
    terms = search_terms.query(query)

    def fetch(limit: int, before: Hit | None) -> list[Hit]:
        return resources.store().search(person.id, query, limit, before)

    def draw(found: list[Hit]) -> None:
        for hit in found:
            _paint_hit(person, hit, terms)
        if not found:
            st.caption(t("search.nothing", query=literal(query)))

    paging.paint(_BOX, fetch, draw, _PAGE)


def _paint_hit(person: Person, hit: Hit, terms: tuple[search_terms.Term, ...]) -> None:
    passage = search_terms.passages(hit.text, search_terms.find(hit.text, terms), _AROUND)[0]
    said = "".join(_piece(text, sought=sought) for text, sought in passage.pieces)
    before, after = "… " if passage.start else "", " …" if passage.end < len(hit.text) else ""
    st.button(
        f"**{literal(hit.conversation.title)}**  \n{before}{said}{after}",
        key=f"hit-{hit.node}",
        type="tertiary",
        width="stretch",
        on_click=_open,
        args=(person, hit),
    )


def _piece(text: str, *, sought: bool) -> str:
    """A part of a passage as Markdown: its words on one line, without the signs that only shape them."""
    inner = literal(_SHAPING.sub("", text))
    if sought:
        return f":primary-background[{inner}]"
    return f"{' ' if text[:1].isspace() else ''}{inner}{' ' if text[-1:].isspace() else ''}"


@tried
def _open(person: Person, hit: Hit) -> None:
    """Show the message that was found, on its branch; a callback."""
    id_ = hit.conversation.id
    now, nodes = resources.store().conversation(person.id, id_), resources.store().nodes(person.id, id_)
    if now is None:
        raise Gone
    # The branch that is shown stays where the message is on it: its end may not be the newest one.
    if all(node.id != hit.node for node in tree.path(nodes, now.head)):
        branches.show(resources.desk(), person.id, id_, hit.node)
    row.open_(id_, hit.node)
