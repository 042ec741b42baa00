"""Rules for links: none but those to web pages, mail addresses and places in the same text.

A relative link leads to Antler itself, where opening a page can change something. A bare address ends before CJK
punctuation: GFM goes on to the next white space, which those scripts do not have.
"""

from __future__ import annotations

import re

from markdown_it.common.html_re import HTML_TAG_RE
from markdown_it.common.utils import unescapeAll
from markdown_it.rules_block.html_block import HTML_SEQUENCES
from markdown_it.rules_inline import StateInline

from lib.ui.markdown.edits import CJK_LETTERS, CJK_PUNCTUATION, replace, skip

# The start of an allowed destination. A browser reads `https:signout` and `https:///signout` as relative.
_ALLOWED = re.compile(r"(?i:https?://[^\s/?#\\]|mailto:)|#")
_MAX_START_CHARS = 200
_LINK_END = re.compile(
    r"\]\(\s*(?P<dest><(?:[^<>\\\n]|\\.){0,4000}>|(?:[^\s()\\<]|\\.|\((?:[^\s()\\]|\\.|\([^\s()\\]*\))*\)){0,4000})"
    r"(?:\s+(?:\"(?:[^\"\\]|\\.){0,400}\"|'(?:[^'\\]|\\.){0,400}'|\((?:[^()\\]|\\.){0,400}\)))?\s*\)",
    re.DOTALL,
)
_LABEL = re.compile(r"\[(?:[^\[\]\\`]|\\.|\[[^\[\]\\`]*\]){0,300}\]\(")
_DEFINITION_LABEL = re.compile(r"[ \t]*\[(?!\^)")
_DEFINITION_START = re.compile(r"\]:[ \t]*\n?[ \t]*<?")
_AUTOLINK = re.compile(r"<(?P<dest>[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*)>|<[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+>")
_UNCLOSED_AUTOLINK = re.compile(r"<(?!(?i:https?:|mailto:))[A-Za-z][A-Za-z0-9+.-]*:")
_MAX_TAG_CHARS = 2000

_SCHEME = re.compile(r"(?<![A-Za-z0-9])https?$", re.IGNORECASE)
# Quotes, the dash and the ellipsis of Chinese have no code points of their own.
_BARE_ADDRESS = re.compile(rf"[^\s<>`|\u2014\u2018\u2019\u201c\u201d\u2026{CJK_PUNCTUATION}]*")
# CJK letters belong to a path (wiki/北京, wiki/C语言), but not right after a host, its slash, or a word in small
# letters: there the sentence goes on (docs了解更多).
_HOST_BEFORE_LETTERS = re.compile(rf"(?:://)?[!-.0-~]*\.[A-Za-z0-9-]+(?::\d+)?/?(?=[{CJK_LETTERS}])")
_WORD_BEFORE_LETTERS = re.compile(rf"(?<=[/=#])[a-z0-9][a-z0-9._-]*(?<=[a-z0-9])(?=[{CJK_LETTERS}])")
_ADDRESS_END = re.compile(r"\*\*|~~|\]\(|\]\[")
# Signs that end a sentence, or emphasis, rather than an address.
_TRAILING_SIGNS = "!\"&'),.:;<>?]}*_~"


def is_allowed(destination: str) -> bool:
    """Check that a link's destination, with its escapes, is a web page, a mail address or an anchor."""
    return bool(_ALLOWED.match(unescapeAll(destination[:_MAX_START_CHARS])))


def label(state: StateInline, silent: bool) -> bool:
    """Note where the label of a link ends."""
    if state.src[state.pos] == "[":
        note_label(state, state.pos)
    return False


def note_label(state: StateInline, position: int) -> None:
    """Note where the label at `position` ends: a link cannot contain another."""
    if match := _LABEL.match(state.src, position):
        state.env["label_end"] = max(state.env.get("label_end", 0), match.end())


def destination(state: StateInline, silent: bool) -> bool:
    """Keep the destination of a link or a definition as it is, or take the link from its text."""
    src, position = state.src, state.pos
    if src[position] != "]":
        return False
    if src.startswith("](", position):
        match = _LINK_END.match(src, position)
        if match and is_allowed(match["dest"].removeprefix("<")):
            return _skip_address(state, match.end("dest"))
        start = re.compile(r"\s*<?").match(src, position + 2)
        is_open = ")" not in src[position:]
        if is_open or (not match and start and is_allowed(src[start.end() : start.end() + _MAX_START_CHARS])):
            return False
        return replace(state, position + 2, "]\\(")
    if src.startswith("]:", position) and _is_definition(src, position):
        start = _DEFINITION_START.match(src, position)
        end = start.end() if start else position
        if end == len(src):
            return False
        if not is_allowed(src[end : end + _MAX_START_CHARS]):
            return replace(state, position + 2, "]\\:")
        rest = re.compile(r"[^\s>]*").match(src, end)
        return _skip_address(state, rest.end() if rest else end)
    return False


def _is_definition(src: str, position: int) -> bool:
    line_start = src.rfind("\n", 0, src.rfind("[", 0, position) + 1) + 1
    return bool(_DEFINITION_LABEL.match(src, line_start, position))


def html_or_autolink(state: StateInline, silent: bool) -> bool:
    """Keep a tag, which is rendered as text, and an autolink of an allowed scheme as they are.

    A tag that would begin a block of raw HTML becomes text: the rest of the block is read as Markdown either way.
    """
    src, position = state.src, state.pos
    if src[position] != "<":
        return False
    if match := _AUTOLINK.match(src, position):
        if match["dest"] is None or is_allowed(match["dest"]):
            return skip(state, match.end())
        return replace(state, position + 1, "&lt;")
    if _UNCLOSED_AUTOLINK.match(src, position):
        return replace(state, position + 1, "&lt;")
    if begins_html_block(src, position):
        return replace(state, position + 1, "&lt;")
    tag = HTML_TAG_RE.match(src[position : position + _MAX_TAG_CHARS])
    return skip(state, position + tag.end()) if tag else False


def begins_html_block(src: str, position: int) -> bool:
    """Check for a tag that begins a block of raw HTML (section 4.6); the last kind cannot interrupt a paragraph."""
    line_start = src.rfind("\n", 0, position) + 1
    if src[line_start:position].strip(" \t"):
        return False
    line = src[position : position + _MAX_TAG_CHARS].partition("\n")[0]
    kinds = HTML_SEQUENCES if not src[:position].strip() else HTML_SEQUENCES[:-1]
    return any(opener.search(line) for opener, _, _ in kinds)


def bare_address(state: StateInline, silent: bool) -> bool:
    """Write a bare address that the renderer would extend over CJK text as an autolink."""
    src, position = state.src, state.pos
    if src[position] in "wW":
        is_www = src[position : position + 4].lower() == "www." and not src[position - 1 : position].isalnum()
        start = position if is_www else -1
    elif src.startswith("://", position):
        scheme = _SCHEME.search(src[max(0, position - 6) : position])
        start = position - len(scheme[0]) if scheme else -1
    else:
        return False
    if start < 0:
        return _skip_address(state, _address_end(src, position)[0]) if src[position] == ":" else False
    end, is_cut = _address_end(src, position)
    if not is_cut or position < state.env.get("label_end", 0) or (state.env["edits"] or [(0, 0, "")])[-1][1] > start:
        return _skip_address(state, end) if end > position else False
    address = src[start:end]
    state.pos = start
    if src[position] == ":":
        return replace(state, end, f"<{address}>")
    text = re.sub(r"([\\\[\]*_~])", r"\\\1", address)
    return replace(state, end, f"[{text}](<http://{address}>)")


def _address_end(src: str, position: int) -> tuple[int, bool]:
    """Find the end of the address at `position`, and whether the renderer would not end it there."""
    match = _BARE_ADDRESS.match(src, position)
    end = match.end() if match else position
    is_cut = end < len(src) and not src[end].isspace() and src[end] not in "<>`|"
    if host := _HOST_BEFORE_LETTERS.match(src, position, end):
        end, is_cut = host.end(), True
    if word := _WORD_BEFORE_LETTERS.search(src, position + len("://"), end):
        end, is_cut = word.end(), True
    if markup := _ADDRESS_END.search(src, position, end):
        end, is_cut = markup.start(), True
    return _strip_trailing_signs(src, position, end), is_cut


def _strip_trailing_signs(src: str, position: int, end: int) -> int:
    """Move the end of an address before signs that follow it, but not before the closer of its own bracket."""
    unclosed = src.count("(", position, end) - src.count(")", position, end)
    while end > position and src[end - 1] in _TRAILING_SIGNS and not (src[end - 1] == ")" and unclosed >= 0):
        unclosed += src[end - 1] == ")"
        end -= 1
    return end


def _skip_address(state: StateInline, end: int) -> bool:
    """Keep an address, without dollars, which the renderer would take for a formula's."""
    text = state.src[state.pos : end]
    return replace(state, end, text.replace("$", "%24")) if "$" in text else skip(state, end)
