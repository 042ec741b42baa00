"""Export of a conversation as a Markdown document for reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from lib.core.conversation import (
    Conversation,
    FilePart,
    ImagePart,
    Node,
    OtherPart,
    Outcome,
    Part,
    SourcePart,
    TextPart,
    ThinkingPart,
)
from lib.core.images import format_size, is_displayable
from lib.core.sources import cited_text, link_destination
from lib.transfer.escape_markdown import embed_markdown, escape_markdown


def export_markdown(conversation: Conversation, path: Sequence[Node], translate: Callable[[str], str]) -> str:
    """Format the path of a conversation: its title, its date, and each message under a heading.

    `translate` gives the text of a key in the reader's language: "export.question", "export.answer",
    "export.thinking", "export.<outcome>" for every outcome but complete, "wire.<wire>", "part.image" and
    "part.sources". Messages keep their code; their headings come below the document's, and their tags show as text.
    """
    blocks = [
        f"# {escape_markdown(conversation.title)}",
        _format_date(conversation.created_at or conversation.updated_at),
    ]
    for node in path:
        blocks += _message_blocks(node, translate)
    return "\n\n".join(filter(None, blocks)) + "\n"


def _message_blocks(node: Node, translate: Callable[[str], str]) -> Iterator[str]:
    yield f"## {_author_label(node, translate)}"
    yield _format_date(node.created_at)
    for part in _join_texts(node.message.parts):
        if isinstance(part, ThinkingPart) and part.text.strip():
            summary = f"<summary>{escape_markdown(translate('export.thinking'))}</summary>"
            yield f"<details>\n{summary}\n\n{embed_markdown(part.text)}\n\n</details>"
        elif isinstance(part, TextPart):
            yield embed_markdown(part.text)
        elif isinstance(part, ImagePart | OtherPart | FilePart):
            yield _format_content(part, escape_markdown(translate("part.image")))
    if node.message.sources:
        items = _list_sources(node.message.sources)
        yield "\n".join((f"**{escape_markdown(translate('part.sources'))}**", "", *items))
    if node.outcome is not Outcome.COMPLETE:
        outcome = Outcome.INTERRUPTED if node.arriving else node.outcome
        yield f"> {escape_markdown(translate(f'export.{outcome}'))}"
    if node.failure and node.failure.detail:
        yield f"> {escape_markdown(node.failure.detail)}"


def _join_texts(parts: Sequence[Part]) -> list[Part]:
    """Return the parts with neighbouring texts as one: a citation splits a sentence into several."""
    joined: list[Part] = []
    for part in parts:
        part = TextPart(cited_text(part)) if isinstance(part, TextPart) else part
        last = joined[-1] if joined else None
        if isinstance(part, TextPart) and isinstance(last, TextPart):
            joined[-1] = TextPart(last.text + part.text)
        else:
            joined.append(part)
    return joined


def _format_content(part: ImagePart | OtherPart | FilePart, image_label: str) -> str:
    """Format an image with its data, the link to one elsewhere, or the name of a file or of other content."""
    if isinstance(part, FilePart):
        size = f" · {format_size(part.size)}" if part.size else ""
        return f"*\\[{escape_markdown(part.name)}{size}\\]*"
    if isinstance(part, OtherPart):
        return f"*\\[{' · '.join(filter(None, map(escape_markdown, (part.kind, part.label))))}\\]*"
    if part.data:
        return f"![{image_label}](data:{part.media_type};base64,{part.data})" if is_displayable(part) else image_label
    url = link_destination(part.url)
    return f"[{image_label}](<{url}>)" if url else f"{image_label}: {escape_markdown(part.url)}"


def _list_sources(sources: Sequence[SourcePart]) -> list[str]:
    """Return the items of a list, with the numbers of their marks in the text."""
    if not any(source.number for source in sources):
        return [f"{position}. {_format_source(source)}" for position, source in enumerate(sources, 1)]
    marks = (f"\\[{source.number}\\] " if source.number else "" for source in sources)
    return [f"- {mark}{_format_source(source)}" for mark, source in zip(marks, sources, strict=True)]


def _format_source(source: SourcePart) -> str:
    title, url = escape_markdown(source.title or source.url), link_destination(source.url)
    link = f"[{title}](<{url}>)" if url else title
    return f"{link}: {escape_markdown(source.quote)}" if source.quote else link


def _author_label(node: Node, translate: Callable[[str], str]) -> str:
    if node.message.role == "user":
        return escape_markdown(translate("export.question"))
    names = [node.persona.name] if node.persona else []
    if node.target:
        names += [node.target.model, translate(f"wire.{node.target.wire}")]
    return " · ".join(map(escape_markdown, names or [translate("export.answer")]))


def _format_date(seconds: float) -> str:
    """Format a time so that it sorts; "" for an unknown one."""
    return f"*{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC*" if seconds > 0 else ""
