"""Escaping of text in a Markdown document, so that it cannot change the structure around it."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

_LINE_END = re.compile(r"\r\n|\r|\n")
_MARKDOWN_SPECIAL = re.compile(r"[\\`*_\[\]<>#~|$&!]")
_HTML_TAG = re.compile(r"<(?=[A-Za-z/!?])(?!(?:https?|mailto):[^\s<>]*>)")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:.*?[^`])\1(?!`)")
_HEADING_SHIFT = 2  # the document itself has headings of the first two levels
_MAX_BACKTICKS = 400  # in a line that is searched for code spans

# Without HTML: all tags are escaped, so that no reader of the document sees any either.
_PARSER = MarkdownIt("commonmark", {"html": False, "maxNesting": 60})
_PARSER.core.ruler.enableOnly(["normalize", "block"])


def escape_markdown(text: str) -> str:
    """Format a text as one line without any markup."""
    return _MARKDOWN_SPECIAL.sub(lambda char: f"\\{char[0]}", " ".join(text.split()))


def embed_markdown(text: str) -> str:
    """Shift the headings of a text two levels down, escape its tags and close its last code block.

    Code stays as it is. An underlined heading is written with number signs, on one line.
    """
    lines = _LINE_END.split(text.strip("\r\n"))
    escaped: list[str | None] = [_HTML_TAG.sub("&lt;", line) for line in lines]
    tokens = _PARSER.parse("\n".join(lines) + "\n")
    for previous, token in zip([None, *tokens], tokens, strict=False):
        start, end = token.map or (0, 0)
        if token.type in ("fence", "code_block"):
            escaped[start:end] = lines[start:end]
        elif previous and previous.type == "heading_open" and previous.map:
            start, end = previous.map
            heading = _shift_heading(lines[start], previous, token.content)
            escaped[start:end] = [*_escape_tags([heading]), *[None] * (end - start - 1)]
        elif token.type == "inline":
            escaped[start:end] = _escape_tags(lines[start:end])
    return "\n".join(line for line in [*escaped, *_closing_fence(lines, tokens)] if line is not None)


def _shift_heading(line: str, heading: Token, content: str) -> str:
    marks = "#" * min(6, int(heading.tag[1]) + _HEADING_SHIFT)
    if heading.markup.startswith("#"):
        return line.replace(heading.markup, marks, 1)
    prefix = line.rstrip().removesuffix(content.split("\n")[0].rstrip())
    title = " ".join(map(str.strip, content.split("\n")))
    # A number sign at the end would count as the heading's own.
    return f"{prefix}{marks} {title}{f' {marks}' if title.endswith('#') else ''}"


def _closing_fence(lines: list[str], tokens: list[Token]) -> list[str]:
    """Build the line that ends a code block which is open at the end."""
    for token in tokens:
        start, end = token.map or (0, 0)
        # A closed fence has two lines more than its content.
        if token.type == "fence" and end == len(lines) and token.content.count("\n") == end - start - 1:
            prefix = lines[start][: lines[start].index(token.markup)]
            return [re.sub(r"[^>\s]", " ", prefix) + token.markup]
    return []


def _escape_tags(paragraph: list[str]) -> list[str]:
    """Escape the tags of a paragraph outside its code spans, or all if a span may run over lines."""
    if not all(map(_has_closed_spans, paragraph)):
        return [_HTML_TAG.sub("&lt;", line) for line in paragraph]
    lines = []
    for line in paragraph:
        text, end = "", 0
        for span in _CODE_SPAN.finditer(line):
            text += _HTML_TAG.sub("&lt;", line[end : span.start()]) + span[0]
            end = span.end()
        lines.append(text + _HTML_TAG.sub("&lt;", line[end:]))
    return lines


def _has_closed_spans(line: str) -> bool:
    return "\\`" not in line and line.count("`") <= _MAX_BACKTICKS and "`" not in _CODE_SPAN.sub("", line)
