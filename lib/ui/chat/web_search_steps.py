"""Web searches of an answer: the query, and the results in a box that opens."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.core.conversation import Message, OtherPart, SourcePart
from lib.core.sources import host_of, link_destination
from lib.core.web_search import SEARCH_KIND, WebSearch, search_from_part
from lib.ui.text import escape_literal, escape_markdown, has_message, t

_MAX_STEPS = 20  # shown of searches in a row
_MAX_TITLE = 120


def is_step(part: OtherPart) -> bool:
    """Return True for a web search."""
    return part.kind == SEARCH_KIND


def render(parts: Sequence[OtherPart]) -> None:
    """Render searches that follow each other, in one container: the place of an element takes one."""
    with st.container(gap="xsmall"):
        for part in parts[:_MAX_STEPS]:
            _render_step(search_from_part(part))
        if len(parts) > _MAX_STEPS:
            st.caption(t("web_search.more", count=len(parts) - _MAX_STEPS))


def _render_step(search: WebSearch) -> None:
    if not search.results:
        st.caption(f":material/travel_explore: {step_label(search)}")
        return
    with st.expander(step_label(search), icon=":material/travel_explore:", type="compact"):
        st.markdown("\n".join(f"- {_format_result(result)}" for result in search.results))


def step_label(search: WebSearch) -> str:
    """Return what a search was for and how it ended, as Markdown."""
    query = t("web_search.searched", query=escape_literal(search.query)) if search.query else t("web_search.search")
    if search.error:
        key = f"web_search.error_{search.error}"
        return f"{query} · {t(key) if has_message(key) else t('web_search.failed', code=escape_literal(search.error))}"
    if search.result_count is None:
        return query
    return f"{query} · {t('web_search.results', count=search.result_count)}"


def running_text(message: Message) -> str:
    """Return the status of an answer whose last part is a search without a result yet; "" for any other."""
    content = [part for part in message.parts if not isinstance(part, SourcePart)]  # sources are behind all of it
    part = content[-1] if content else None
    if not (isinstance(part, OtherPart) and is_step(part)):
        return ""
    search = search_from_part(part)
    if not search.is_running:
        return ""
    return t("web_search.running", query=escape_literal(search.query)) if search.query else t("web_search.starting")


def _format_result(result: SourcePart) -> str:
    url = link_destination(result.url)
    title = escape_literal((result.title or result.url)[:_MAX_TITLE])
    host = escape_markdown(host_of(result.url)) if url and result.title else ""
    return (f"[{title}](<{url}>)" if url else title) + (f" · {host}" if host else "")
