"""Model text made safe and right for Streamlit's Markdown renderer.

The content-security policy keeps the browser from loading anything from another host, whatever a model
writes. The rules here are about display: formulas, prices, links in place of pictures, no directives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it.token import Token

from lib.ui.markdown.arriving import visible_part
from lib.ui.markdown.blocks import normalize, parse_blocks, split_first_block
from lib.ui.markdown.footnotes import unindent_notes
from lib.ui.markdown.formulas import find_open_environment
from lib.ui.markdown.html_tags import find_callout, format_callout_title
from lib.ui.markdown.inline import SPECIAL, rewrite_inline
from lib.ui.markdown.limits import (
    BASE_ALLOWANCE,
    FENCE_COST,
    MAX_LEVELS,
    MAX_TABLE_CELLS,
    MAX_TABLE_COLUMNS,
    Allowance,
    build_allowance,
    count_columns,
    estimate_cost,
    find_delimiter_row,
)
from lib.ui.markdown.tex import prepare_formula

__all__ = ["sanitize", "sanitize_arriving", "sanitize_parts", "split_first_block"]

# No text below this length costs much, whatever it is.
_MAX_CHEAP_CHARS = 300
_MAX_CALLOUT_CHARS = 30
_UNDECIDED_CALLOUT = re.compile(r"^[ \t]*>[ \t>]*(\[(?:![A-Za-z]*\]?[ \t]*)?)\Z", re.MULTILINE)
# Languages whose names the renderer would cut at the first sign, with a name of letters.
_FENCE_NAMES = {
    "c++": "cpp",
    "c#": "csharp",
    "f#": "fsharp",
    "objective-c": "objectivec",
    "objective-c++": "objectivec",
}
_DEFINITION = re.compile(r"^ {0,3}\[(?P<label>[^\]\n^][^\]\n]*)\]:[ \t]*\S[^\n]*", re.MULTILINE)
_UNINDENTED_LINE = re.compile(r"(?![-+*>]|\d{1,9}[.)])\S")
_BACKTICKS = re.compile("`+")


def sanitize_arriving(text: str, language: str = "en", carried: float = BASE_ALLOWANCE) -> str:
    """Rewrite a part of an answer that is still arriving, as far as it stays as it is shown."""
    return sanitize_part(shown_part(text), language, carried)[0]


def shown_part(text: str) -> str:
    """Return the beginning of an arriving text that stays as it is shown, without an open callout."""
    text = visible_part(text)
    line_start = text.rfind("\n") + 1
    if len(text) - line_start <= _MAX_CALLOUT_CHARS and (callout := _UNDECIDED_CALLOUT.match(text, line_start)):
        text = text[: callout.start(1)]
    return text


def sanitize_parts(text: str, language: str = "en") -> tuple[str, ...]:
    """Rewrite a model's text as the parts that have an element each, the same as while it arrived."""
    definitions = {match["label"].lower(): match[0] for match in _DEFINITION.finditer(text)}
    parts, carried = [], BASE_ALLOWANCE
    while text.strip():
        size = split_first_block(text)[0] or len(text)
        part = text[:size]
        # A definition, usually at the end, is needed where it is used.
        used = [line for label, line in definitions.items() if f"[{label}]" in part.lower() and line not in part]
        written, carried = sanitize_part("\n\n".join([part.rstrip(), *used]) if used else part, language, carried)
        parts.append(written)
        text = text[size:]
    return tuple(parts)


def sanitize(text: str, language: str = "en") -> str:
    """Rewrite a model's text for st.markdown, whole or a prefix of an answer still arriving.

    Formulas come out between dollars and every other dollar escaped; pictures come out as links, unless they
    carry their own data; Streamlit's directives, HTML but <br>, <sub>, <sup> and <kbd>, and links to anything but
    web pages, mail addresses and anchors come out as text. A single line end is a break. Code stays as it is, and
    what would cost the browser too much becomes code. The titles of callouts are in `language`. Line ends come out
    as \\n, without outer white space. Never raises.
    """
    return sanitize_part(text, language, BASE_ALLOWANCE)[0]


def sanitize_part(text: str, language: str, carried: float) -> tuple[str, float]:
    """Rewrite one element of an answer as `sanitize` does.

    `carried` milliseconds of the browser's time are left of the elements before. Returns what is left after it, too.
    """
    text = normalize(text)
    allowance = build_allowance(len(text), carried)
    if len(text) <= _MAX_CHEAP_CHARS and not SPECIAL.search(text):
        return text, allowance.remaining
    lines = text.split("\n")
    if "[^" in text:
        lines = unindent_notes(lines)
    writer = _Writer(lines, allowance, language)
    while writer.end < len(lines):
        writer.write_blocks()
    return writer.join().strip("\n"), allowance.remaining


def rewrite_blocks(text: str, allowance: Allowance, language: str) -> str | None:
    """Rewrite whole blocks of a normalized text as `sanitize` does, with the line ends around them.

    Takes their cost from `allowance`, and returns None where that does not allow all of them.
    """
    lines = text.split("\n")
    writer = _Writer(lines, allowance, language)
    writer.write_blocks()
    return None if allowance.is_exceeded else writer.join()


class _Writer:
    """The rewritten lines of a text, up to the line `end`."""

    def __init__(self, lines: list[str], allowance: Allowance, language: str) -> None:
        self._lines = lines
        self._language = language
        self._allowance = allowance
        self._written: list[str] = []
        self._plain: list[str] = []  # lines for a code block
        self.end = 0

    def write_blocks(self) -> None:
        """Write blocks to the end of the text, or of one that is nested too deep to be read to its own end."""
        tokens = parse_blocks("\n".join(self._lines[self.end :]))
        for token in tokens:
            if token.map:
                token.map = [token.map[0] + self.end, token.map[1] + self.end]
        for block in _group_blocks(tokens):
            start, stop = block[0].map or (self.end, self.end)
            if any(token.level > MAX_LEVELS for token in block):
                self._allowance.is_exceeded = True
                stop = self._find_end(start)
                self._write(start, stop, [], self._lines[start:stop])
                return
            self._write(start, stop, *_rewrite_affordable(self._lines, block, self._allowance, self._language))
        self._flush()
        self._written += self._lines[self.end :]
        self.end = len(self._lines)

    def join(self) -> str:
        """Return the text written so far."""
        self._flush()
        return "\n".join(self._written)

    def _write(self, start: int, stop: int, rows: list[str], rest: list[str]) -> None:
        """Add the lines of a block from `start` to `stop`: those that are rewritten, and those for a code block."""
        gap = self._lines[self.end : start]
        if self._plain and not rows:
            self._plain += [*gap, *rest]
        else:
            self._flush()
            self._written += [*gap, *rows]
            self._plain = rest
        self.end = stop

    def _flush(self) -> None:
        """Write the lines that are kept for a code block."""
        if self._plain:
            self._allowance.take_always(FENCE_COST)
            longest = max((len(run) for line in self._plain for run in _BACKTICKS.findall(line)), default=0)
            fence = "`" * max(3, longest + 1)
            self._written += ["", fence, *self._plain, fence, ""]
            self._plain = []

    def _find_end(self, start: int) -> int:
        """Find the end of a block that is nested too deep: a blank line before one in no container."""
        stop = start + 1
        for number in range(start + 1, len(self._lines)):
            line = self._lines[number]
            if number > stop and _UNINDENTED_LINE.match(line):
                return stop
            stop = number + 1 if line.strip() else stop
        return stop


def _group_blocks(tokens: list[Token]) -> Iterator[list[Token]]:
    """Split the tokens into those of each block that is in no other."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if not token.level and token.nesting <= 0:
            yield block
            block = []


def _rewrite_affordable(
    lines: list[str], block: list[Token], allowance: Allowance, language: str
) -> tuple[list[str], list[str]]:
    """Rewrite as much of a block as the browser's time allows; return it and the rest as it is."""
    start, stop = block[0].map or (0, 0)
    if allowance.take(estimate_cost(block)):
        return _rewrite_block(lines, block, language), []
    if block[0].type == "fence" and allowance.take(FENCE_COST):
        return _rewrite_block([*lines[:start], block[0].markup, *lines[start + 1 :]], block, language), []
    if block[0].type == "paragraph_open":
        header = (find_delimiter_row(lines[start:stop]) or 0) + start
        columns = count_columns(lines[header])
        cut = header + MAX_TABLE_CELLS // columns
        content = "\n".join(lines[start:cut])
        part = [
            Token("paragraph_open", "p", 1, map=[start, cut]),
            Token("inline", "", 0, map=[start, cut], content=content, level=1),
        ]
        if header > start and columns <= MAX_TABLE_COLUMNS and cut < stop and allowance.take(estimate_cost(part)):
            return _rewrite_block(lines, part, language), lines[cut:stop]
    return [], lines[start:stop]


def _rewrite_block(lines: list[str], block: list[Token], language: str) -> list[str]:
    """Rewrite the lines of a block; `lines` are those of the whole text."""
    end, stop = block[0].map or (0, 0)
    rewritten: list[str] = []
    previous_types = ("", "")
    for token in block:
        if token.map and token.type in ("formula", "inline", "fence"):
            start = token.map[0]
            rewritten += lines[end:start]
            end = token.map[1]
            own_lines = lines[start:end]
            if token.type == "formula":
                rewritten += _format_display(own_lines, token)
            elif token.type == "fence":
                rewritten += _rewrite_fence(own_lines, token)
            else:
                is_first_in_quote = previous_types == ("blockquote_open", "paragraph_open")
                kind = find_callout(token.content.partition("\n")[0]) if is_first_in_quote else ""
                if kind:
                    rewritten.append(_format_callout(own_lines.pop(0), kind, bool(own_lines), language))
                    token.content = token.content.partition("\n")[2]
                if own_lines:
                    is_heading, is_last = previous_types[1] == "heading_open", end == len(lines)
                    rewritten += _rewrite_paragraph(own_lines, token.content, is_heading, is_last)
        previous_types = (previous_types[1], token.type)
    return [*rewritten, *lines[end:stop]]


def _format_callout(line: str, kind: str, has_text: bool, language: str) -> str:
    """Write the first line of a callout: its title, and a break before the text."""
    prefix = line[: line.rfind("[!")]
    return f"{prefix}{format_callout_title(kind, language)}{'  ' if has_text else ''}"


def _rewrite_fence(lines: list[str], token: Token) -> list[str]:
    """Write a fence around others with more signs, and the name of a language in letters."""
    name = token.info.strip().partition(" ")[0]
    if letters := _FENCE_NAMES.get(name.lower()):
        before, markup, info = lines[0].partition(token.markup)
        lines = [before + markup + info.replace(name, letters, 1), *lines[1:]]
    return _lengthen_fence(lines, token) if "run" in token.meta else lines


def _lengthen_fence(lines: list[str], token: Token) -> list[str]:
    """Write a fence around others with more signs than theirs."""
    run = token.meta["run"]
    opener = lines[0].replace(token.markup, run, 1)
    if not token.meta["is_closed"]:
        return [opener, *lines[1:]]
    closer = lines[-1].rstrip()
    return [opener, *lines[1:-1], closer.rstrip(run[0]) + run]


def _format_display(lines: list[str], token: Token) -> list[str]:
    """Write a display formula in the only form that the renderer accepts: $$ on lines of their own."""
    prefix = lines[0][: token.meta["column"]]
    indent = _continuation_prefix(prefix)
    formula = prepare_formula(token.content)
    if formula is None:
        rest = [line if line.startswith(indent) else indent + line.lstrip() for line in lines[1:]]
        return [f"{prefix}```", indent + lines[0][len(prefix) :], *rest, f"{indent}```"]
    body = [line.removeprefix(indent).rstrip() for line in formula.strip().split("\n")]
    return [f"{prefix}$$", *(f"{indent}{line}".rstrip() for line in body), f"{indent}$$"]


def _rewrite_paragraph(lines: list[str], content: str, is_heading: bool, is_last: bool) -> list[str]:
    """Rewrite the lines of a paragraph; the parser's content lacks the prefixes of its containers."""
    if not SPECIAL.search(content):
        return lines
    rows = content.split("\n")
    open_row = find_open_environment(rows) if is_last and not is_heading else None
    if open_row is not None:
        return _rewrite_open_environment(lines, rows, open_row)
    delimiter_row = find_delimiter_row(rows)
    # A table may follow the lines of a paragraph.
    table_start = 0 if is_heading else len(rows) if delimiter_row is None else delimiter_row - 1
    written: list[str] = []
    if table_start:
        text = "\n".join(rows[:table_start])
        text = rewrite_inline(text, allows_display=True, is_last=is_last and table_start == len(rows))
        written = re.sub(r"[ ]+\n\$\$\n", "\n$$\n", text).split("\n")
    for number, row in enumerate(rows[table_start:], table_start + 1):
        is_growing = is_last and number == len(rows)
        written.append(rewrite_inline(row, allows_display=False, is_last=is_growing) if SPECIAL.search(row) else row)
    first = rows[0].rstrip()
    column = lines[0].rfind(first)
    prefix, suffix = lines[0][:column], lines[0][column + len(first) :].rstrip()
    indent = _continuation_prefix(prefix)
    return [prefix + written[0] + suffix, *(indent + row for row in written[1:])]


def _rewrite_open_environment(lines: list[str], rows: list[str], number: int) -> list[str]:
    """Show an environment at the end of the text whose end has not arrived as code: Markdown would eat its signs."""
    prefix = lines[0][: lines[0].rfind(rows[0].rstrip())]
    indent = _continuation_prefix(prefix)
    text = "\n".join(rows[:number])
    before = _rewrite_paragraph(lines[:number], text, False, False) if number else []
    return [*before, f"{prefix if not number else indent}```", *(f"{indent}{row}" for row in rows[number:])]


def _continuation_prefix(prefix: str) -> str:
    """Build the prefix of a later line in the same containers."""
    return re.sub(r"[^>\s]", " ", prefix)
