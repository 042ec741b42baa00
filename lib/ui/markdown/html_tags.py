"""Rules for the HTML that is rendered: <sub>, <sup> and <kbd>, and for the titles of callouts.

Streamlit renders raw HTML only with an option that also stops the completion of unfinished Markdown in an arriving
answer, and would make each of its tags the sanitizer's to judge. Its color directive needs neither: a transparent
background of a color that nobody sees is a mark that the style sheet finds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it.rules_inline import StateInline

from lib.ui.markdown.edits import Edit, apply_edits, replace
from lib.ui.text import translate

# The blue parts of the marks' colors, which the style sheet repeats.
_TAG_MARKS = {"sub": 1, "sup": 2, "kbd": 3}
_CALLOUTS = {
    "note": (11, "info"),
    "tip": (12, "lightbulb"),
    "important": (13, "feedback"),
    "warning": (14, "warning"),
    "caution": (15, "report"),
}
_TAG = re.compile(r"<(?P<slash>/?)(?P<name>sub|sup|kbd)[ \t]*>", re.IGNORECASE)
_CALLOUT = re.compile(rf"\[!(?P<kind>{'|'.join(_CALLOUTS)})\][ \t]*", re.IGNORECASE)
_MAX_SOURCE_CHARS = 300
_MAX_LABEL_CHARS, _MAX_LABEL_DEPTH = 900, 20  # the renderer's directives hold 999 characters and 32 levels
_MAX_ARRIVING_CHARS = 60
_BRACKET = re.compile(r"\\.|[\[\]]", re.DOTALL)
_OPENER = ":color["


@dataclass(frozen=True)
class OpenTag:
    """A tag without its end so far; `index` is that of its edit."""

    name: str
    index: int


def tag(state: StateInline, silent: bool) -> bool:
    """Write a pair of tags as a marked directive; a tag without its partner stays text."""
    src, position = state.src, state.pos
    match = _TAG.match(src, position) if src[position] == "<" else None
    if not match:
        return False
    name, edits = match["name"].lower(), state.env["edits"]
    open_tags: list[OpenTag] = state.env["open_tags"]
    if not match["slash"]:
        if not _may_end(src, match.end(), name, is_last=state.env["is_last"]):
            return False
        separate_colon(state)
        open_tags.append(OpenTag(name, len(edits)))
        return replace(state, match.end(), _OPENER)
    while open_tags:
        opened = open_tags.pop()
        if opened.name == name and _fit_label(src, edits, opened.index, position):
            return replace(state, match.end(), f"]{_mark(_TAG_MARKS[name])}")
        _restore(src, edits, opened)
    return False


def close_tags(src: str, env: dict[str, list[OpenTag]], edits: list[Edit], *, is_last: bool) -> None:
    """End the tags that are open at the end of a paragraph: text, or directives where their end has not arrived."""
    for opened in reversed(env["open_tags"]):
        is_arriving = is_last and len(src) - edits[opened.index][1] <= _MAX_ARRIVING_CHARS
        if is_arriving and src[edits[opened.index][1] :].strip() and _fit_label(src, edits, opened.index, len(src)):
            edits.append((len(src), len(src), f"]{_mark(_TAG_MARKS[opened.name])}"))
        else:
            _restore(src, edits, opened)


def find_callout(row: str) -> str:
    """Return the kind of the callout that the first row of a quote begins, "" for another row."""
    match = _CALLOUT.fullmatch(row)
    return match["kind"].lower() if match else ""


def format_callout_title(kind: str, language: str) -> str:
    """Return the title of a callout as Markdown, with its icon."""
    mark, icon = _CALLOUTS[kind]
    return f"{_OPENER}:material/{icon}: {translate(language, f'callout.{kind}')}]{_mark(mark)}"


def separate_colon(state: StateInline) -> None:
    """Write a colon before a mark as a reference: two colons in a row would begin none."""
    position, edits = state.pos, state.env["edits"]
    if state.src[position - 1 : position] == ":" and not (edits and edits[-1][1] >= position):
        edits.append((position - 1, position, "&#58;"))


def format_superscript(text: str) -> str:
    """Return a text without brackets as a superscript."""
    return f"{_OPENER}{text}]{_mark(_TAG_MARKS['sup'])}"


def _mark(number: int) -> str:
    return f'{{background="rgba(0,0,{number},0)"}}'


def _may_end(src: str, start: int, name: str, *, is_last: bool) -> bool:
    """Check that the end of a tag follows in its line, or may still arrive."""
    line = src[start : start + _MAX_SOURCE_CHARS].partition("\n")[0]
    is_arriving = is_last and start + len(line) == len(src) and len(line) <= _MAX_ARRIVING_CHARS
    return f"</{name}" in line.lower() or (is_arriving and bool(line.strip()))


def _fit_label(src: str, edits: list[Edit], index: int, end: int) -> bool:
    """Make the text between two tags one label: brackets in pairs, on one line. Returns False if it is none."""
    start = edits[index][1]
    inner = [edit for edit in edits[index + 1 :] if edit[1] <= end]
    label = apply_edits(src[:end], [(0, start, ""), *inner])
    if not label or "\n" in label or len(label) > _MAX_LABEL_CHARS:
        return False
    depth = deepest = 0
    is_paired = True
    for sign in _BRACKET.findall(label):
        depth += (sign == "[") - (sign == "]")
        deepest = max(deepest, depth)
        is_paired = is_paired and depth >= 0
    if is_paired and not depth:
        return deepest <= _MAX_LABEL_DEPTH
    if "`" in label or any(edit[2].startswith(_OPENER) for edit in inner):
        return False
    escaped = _BRACKET.sub(lambda match: {"[": "&#91;", "]": "&#93;"}.get(match[0], match[0]), label)
    edits[index + 1 :] = [(start, end, escaped)]
    return len(escaped) <= _MAX_LABEL_CHARS


def _restore(src: str, edits: list[Edit], opened: OpenTag) -> None:
    """Write a tag as text."""
    start, end, _ = edits[opened.index]
    edits[opened.index] = (start, end, f"&lt;{src[start + 1 : end]}")
