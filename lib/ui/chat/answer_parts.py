"""Content of an answer below its thinking: text, images, named content and sources, in their order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import streamlit as st

from lib.core.conversation import ImagePart, Message, OtherPart, Part, SourcePart, TextPart
from lib.core.images import format_size, is_displayable
from lib.core.sources import host_of, link_destination
from lib.ui.markdown.sanitize import sanitize
from lib.ui.text import escape_markdown, has_message, t

# Each run renders all visible messages again, and a saved message seldom changes.
sanitize_cached = lru_cache(maxsize=512)(sanitize)

MAX_ELEMENTS = 60  # of one answer: images and named content beyond them are collected at the end
_MAX_DETAILED = 20  # parts of one group with their JSON
_MAX_NAMES = 3  # in the label of a group
_OPEN_SOURCES = 8  # a longer list is folded
_MAX_QUOTE = 240
_MAX_TITLE = 120
_ADDRESS = re.compile(r"(?<=http)\\?:|(?<=https)\\?:|(?<=ww)w(?=\\?\.)|@", re.IGNORECASE)


def render(message: Message) -> None:
    """Render the visible parts of a message."""
    for group in group_parts(message.parts):
        match group:
            case str():
                if group.strip():
                    st.markdown(sanitize_cached(group))
            case ImagePart():
                _render_image(group)
            case _:
                _render_named(group)
    if message.sources:
        is_short = len(message.sources) <= _OPEN_SOURCES
        label = f"{t('part.sources')} · {len(message.sources)}"
        with st.expander(label, icon=":material/link:", expanded=is_short, type="compact"):
            st.markdown(format_sources(message.sources))


def group_parts(parts: Sequence[Part]) -> list[str | ImagePart | list[OtherPart]]:
    """Return the elements to render: joined text, images, and runs of named content."""
    groups: list[str | ImagePart | list[OtherPart]] = []
    rest: list[OtherPart] = []
    for part in parts:
        last = groups[-1] if groups else None
        if isinstance(part, TextPart):
            if isinstance(last, str):
                groups[-1] = last + part.text
            else:
                groups.append(part.text)
        elif isinstance(part, OtherPart) and isinstance(last, list):
            last.append(part)
        elif isinstance(part, ImagePart | OtherPart) and len(groups) >= MAX_ELEMENTS:
            rest.append(part if isinstance(part, OtherPart) else OtherPart("image", part.media_type or part.url))
        elif isinstance(part, ImagePart | OtherPart):
            groups.append(part if isinstance(part, ImagePart) else [part])
    return [*groups, rest] if rest else groups


def format_sources(sources: Sequence[SourcePart]) -> str:
    """Return the sources as a numbered Markdown list; their titles and quotes are literal text."""
    return "\n".join(f"{number}. {_format_source(source)}" for number, source in enumerate(sources, 1))


def part_name(part: OtherPart) -> str:
    """Return the name of content without a form of its own, as Markdown."""
    key = f"part.{part.kind}"
    kind = t(key) if has_message(key) else _literal(part.kind)
    return f"{kind} · {_literal(part.label)}" if part.label else kind


def _format_source(source: SourcePart) -> str:
    url = link_destination(source.url)
    title = _literal(_shorten(source.title or source.url or t("part.source"), _MAX_TITLE))
    host = host_of(source.url) if url else ""
    link = f"[{title}](<{url}>)" if url else title
    host_text = f" · {escape_markdown(host)}" if host and source.title else ""
    quote = f"  \n   {_literal(_shorten(source.quote, _MAX_QUOTE))}" if source.quote else ""
    return f"{link}{host_text}{quote}"


def _render_image(part: ImagePart) -> None:
    """Render an image from its own data at once, and one of another host as a link: its host would see the reader."""
    if is_displayable(part):
        st.image(f"data:{part.media_type};base64,{part.data}", alt=t("part.image"))
    elif url := link_destination(part.url):
        label = f"{t('part.open_image')} · {escape_markdown(host_of(part.url))}"
        st.link_button(label, url, icon=":material/image:", type="tertiary")
    else:
        size = format_size(len(part.data) * 3 // 4) if part.data else part.url
        _render_named([OtherPart("image", f"{part.media_type} {size}".strip())])


def _render_named(parts: Sequence[OtherPart]) -> None:
    names = " · ".join(part_name(part) for part in parts[:_MAX_NAMES])
    label = names if len(parts) <= _MAX_NAMES else f"{names} +{len(parts) - _MAX_NAMES}"
    if not any(part.details for part in parts):
        st.caption(f":material/attachment: {label}")
        return
    with st.expander(label, icon=":material/build:", type="compact"):
        for part in parts[:_MAX_DETAILED]:
            if len(parts) > 1:
                st.caption(part_name(part))
            if part.details:
                # Preformatted: the text is untrusted.
                st.code(part.details, language=None, wrap_lines=True)


def _literal(text: str) -> str:
    """Escape a text of the gateway's; an empty directive keeps the renderer from making links of addresses in it."""
    return _ADDRESS.sub(lambda match: f":color[{match[0]}]", escape_markdown(text))


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length].rstrip()} …"
