"""Differences between two answers of a comparison, word by word."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from html import escape

import streamlit as st

from lib.chat.comparisons.differences import Difference, compare_texts
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets.controls import render_choice, render_section

_TAGS = {"removed": "del", "added": "ins"}
# Signs beside the colors, which not everybody tells apart.
_SIGNS = {"removed": "−", "added": "+"}


def render(texts: Mapping[str, str]) -> None:
    """Render a section that compares two of the texts, by the labels of their columns."""
    render_section(t("compare.differences"), "compare-differences", lambda: _render_pair(texts))


def _render_pair(texts: Mapping[str, str]) -> None:
    labels = list(texts)
    first, second = labels[0], labels[1]
    if len(labels) > 2:
        with st.container(key="compare-pair", horizontal=True, vertical_alignment="center", gap="small"):
            first = _render_label_choice("compare-first", labels, first)
            st.markdown(t("compare.and"), width="content")
            second = _render_label_choice("compare-second", labels, second)
    if first == second:
        st.caption(t("compare.two_answers"))
        return
    found = _compare(texts[first], texts[second])
    st.caption(t("compare.similarity", share=round(100 * found.similarity), first=first, second=second))
    st.html(_to_html(found))
    if found.is_cut:
        st.caption(f":material/content_cut: {t('compare.differences_cut')}")


def _render_label_choice(key: str, labels: list[str], default: str) -> str:
    if session_state.widget(key) not in labels:
        session_state.set_widget(key, default)
    return render_choice(t(key.replace("-", ".")), key, labels, str) or default


@lru_cache(maxsize=64)
def _compare(first: str, second: str) -> Difference:
    return compare_texts(first, second)


def _to_html(difference: Difference) -> str:
    """Return the pieces as HTML, in which the texts are literal."""
    parts = []
    for piece in difference.pieces:
        text = escape(piece.text)
        if tag := _TAGS.get(piece.kind):
            label = escape(t(f"compare.{piece.kind}"))
            sign = f'<span class="antler-sign" aria-hidden="true">{_SIGNS[piece.kind]}</span>'
            text = f'<{tag}><span class="antler-hidden">{label} </span>{sign}{text}</{tag}>'
        parts.append(text)
    return f'<div class="antler-differences" dir="auto">{"".join(parts)}</div>'
