"""Content of an answer below its thinking: text, images, named content and sources, in their order."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.core.conversation import FilePart, ImagePart, Message, OtherPart, Part, SourcePart, TextPart
from lib.core.images import format_size, is_displayable
from lib.core.sources import cited_text, host_of, link_destination
from lib.ui.chat import web_search_steps
from lib.ui.markdown.sanitize import sanitize, sanitize_parts
from lib.ui.markdown.text_cache import TextCache
from lib.ui.text import current_language, escape_literal, escape_markdown, has_message, t

# Each run renders all visible messages again, and a saved message seldom changes.
_sanitize_cached = TextCache(sanitize)
_sanitize_parts_cached = TextCache(sanitize_parts)

Group = str | ImagePart | list[OtherPart]
Element = Group | tuple[SourcePart, ...]  # a text is sanitized

MAX_ELEMENTS = 60  # of one answer: images and named content beyond them are collected at the end
_MAX_DETAILED = 20  # parts of one group with their JSON
_MAX_NAMES = 3  # in the label of a group
_OPEN_SOURCES = 8  # a longer list is folded
_MAX_QUOTE = 240
_MAX_TITLE = 120


def sanitize_cached(text: str) -> str:
    """Rewrite a model's text as `sanitize` does, in the current language."""
    return _sanitize_cached(text, current_language())


def sanitize_parts_cached(text: str) -> tuple[str, ...]:
    """Rewrite a model's text as `sanitize_parts` does, in the current language."""
    return _sanitize_parts_cached(text, current_language())


def render(message: Message) -> None:
    """Render the visible parts of a message."""
    for element in list_elements(message):
        render_element(element)


def list_elements(message: Message) -> list[Element]:
    """Return the elements of a message's content; a text is divided as it was while it arrived."""
    elements: list[Element] = []
    for group in list_groups(message):
        elements += sanitize_parts_cached(group) if isinstance(group, str) else [group]
    return [*elements, message.sources] if message.sources else elements


def list_groups(message: Message) -> list[Group]:
    """Return the groups of a message's parts, without blank text."""
    return [group for group in group_parts(message.parts) if not isinstance(group, str) or group.strip()]


def render_element(element: Element) -> None:
    """Render one element of an answer's content."""
    match element:
        case str():
            st.markdown(element)
        case ImagePart():
            _render_image(element)
        case list():
            _render_named(element)
        case _:
            is_short = len(element) <= _OPEN_SOURCES
            label = f"{t('part.sources')} · {len(element)}"
            with st.expander(label, icon=":material/link:", expanded=is_short, type="compact"):
                st.markdown(format_sources(element))


def group_parts(parts: Sequence[Part]) -> list[Group]:
    """Return the elements to render: joined text, images, and runs of named content."""
    groups: list[Group] = []
    rest: list[OtherPart] = []
    for part in parts:
        last = groups[-1] if groups else None
        if isinstance(part, TextPart):
            text = cited_text(part)
            if isinstance(last, str):
                groups[-1] = last + text
            else:
                groups.append(text)
        elif isinstance(part, OtherPart) and isinstance(last, list) and _is_same_kind(part, last[-1]):
            last.append(part)
        elif isinstance(part, ImagePart | OtherPart) and len(groups) >= MAX_ELEMENTS:
            rest.append(part if isinstance(part, OtherPart) else OtherPart("image", part.media_type or part.url))
        elif isinstance(part, ImagePart | OtherPart):
            groups.append(part if isinstance(part, ImagePart) else [part])
    return [*groups, rest] if rest else groups


def _is_same_kind(part: OtherPart, other: OtherPart) -> bool:
    """Return True for two searches, and for two parts that are none: they are rendered together."""
    return web_search_steps.is_step(part) == web_search_steps.is_step(other)


def format_sources(sources: Sequence[SourcePart]) -> str:
    """Return the sources as a Markdown list with the numbers of their marks; titles and quotes are literal text."""
    if not any(source.number for source in sources):
        return "\n".join(f"{number}. {_format_source(source)}" for number, source in enumerate(sources, 1))
    # A list of Markdown counts without gaps.
    marks = (f"\\[{source.number}\\] " if source.number else "" for source in sources)
    return "\n".join(f"- {mark}{_format_source(source)}" for mark, source in zip(marks, sources, strict=True))


def render_files(message: Message) -> None:
    """Render the names of the files of a question, also of those that a shared chat leaves out."""
    parts = [OtherPart("file", part.name) if isinstance(part, FilePart) else part for part in message.parts]
    if named := [part for part in parts if isinstance(part, OtherPart)]:
        _render_named(named)


def render_named(message: Message) -> None:
    """Render the content of a question without a form of its own, but not its files."""
    if named := [part for part in message.parts if isinstance(part, OtherPart)]:
        _render_named(named)


def part_name(part: OtherPart) -> str:
    """Return the name of content without a form of its own, as Markdown."""
    key = f"part.{part.kind}"
    kind = t(key) if has_message(key) else escape_literal(part.kind)
    return f"{kind} · {escape_literal(part.label)}" if part.label else kind


def _format_source(source: SourcePart) -> str:
    url = link_destination(source.url)
    title = escape_literal(_shorten(source.title or source.url or t("part.source"), _MAX_TITLE))
    host = host_of(source.url) if url else ""
    link = f"[{title}](<{url}>)" if url else title
    host_text = f" · {escape_markdown(host)}" if host and source.title else ""
    quote = f"  \n   {escape_literal(_shorten(source.quote, _MAX_QUOTE))}" if source.quote else ""
    return f"{link}{host_text}{quote}"


def _render_image(part: ImagePart) -> None:
    """Render an image from its own data at once, and one of another host as a link: its host would see the reader."""
    if is_displayable(part):
        st.image(f"data:{part.media_type};base64,{part.data}", alt=t("part.image"))
    elif url := link_destination(part.url):
        label = f"{t('part.open_image')} · {escape_markdown(host_of(part.url))}"
        st.link_button(label, url, icon=":material/image:", type="tertiary", help=t("part.image_url_help"))
    else:
        size = format_size(len(part.data) * 3 // 4) if part.data else part.url
        _render_named([OtherPart("image", f"{part.media_type} {size}".strip())])


def _render_named(parts: Sequence[OtherPart]) -> None:
    if all(map(web_search_steps.is_step, parts)):
        web_search_steps.render(parts)
        return
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


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length].rstrip()} …"
