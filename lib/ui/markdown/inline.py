"""One run of Markdown text, read as the renderer reads it and written so that it is harmless."""

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field

from lib.ui.markdown.blocks import escape_formula, format_display_formula, is_dollar_formula, is_formula

# Code is believed to be code where every reader must agree: within one line and table cell, with nothing
# before it that could swallow a backtick. Elsewhere it is treated like text. Text loses whatever starts
# something that is not modelled here: pictures, HTML, stray dollars, and directives, links and labels that
# reach over a backtick or a dollar. Escapes are chosen to be invisible.
_MAX_OPEN_SPAN_CHARS = 80  # A shorter unclosed code span at the very end is probably still coming.
_MAX_URL_CHARS = 2000

_SPECIAL = re.compile(
    r"""\\[!-/:-@\[-`{-~]|`+|\$+|(?<!!)!++(?=\[)|<(?=[A-Za-z/!?])|\](?=[(\[])|\[(?=\^)
    |::+|:(?=[\w/+-]+[\[{])|https?(?=://)|www(?=\.)""",
    re.IGNORECASE | re.VERBOSE,
)
_BACKTICK_RUN = re.compile(r"`+")
_BACKTICK_OR_DOLLAR = re.compile(r"[`$]")
_WHITESPACE = re.compile(r"\s")
_BLOCK_PREFIX = re.compile(r"[\s>\-+*\d.)]*(?:\[\^[^\]\s]*\]:\s*)?")
_TABLE_CELL = re.compile(r"(?:[^\\|]|\\[\s\S]?)+|\|")
_SPAN_CLOSER = re.compile(r"\\[\s\S]|`+|\$+")
_AUTOLINK = re.compile(r"<(?:https?://|mailto:)[^\s<>`$\\\"']*>", re.IGNORECASE)
_ANGLE_DESTINATION = re.compile(r"<[^\s<>`$\\\"'!?{\[]*>")
_SCHEME_SEPARATOR = re.compile(r"(?<=http)(?=:)|(?<=https)(?=:)|(?<=www)(?=\.)", re.IGNORECASE)
_LINK_DESTINATION = re.compile(
    r"""\(\s*(?:<[^<>`$\\\n\[{]*>|(?:[^\s()<>\\\[{]|\\[^\s`$]|\([^\s()<>\\\[{]*\)){0,2000})
    (?:\s+(?:"[^"`$\\\[<{]{0,500}"|'[^'`$\\\[<{]{0,500}'))?\s*\)""",
    re.VERBOSE,
)
_DIRECTIVE = re.compile(
    r":[\w/+-]++(?:\[[^\[\]`{}\\$]*(?:`[^`\[\]{}\\$]+`[^\[\]`{}\\$]*)*\])?(?:\{[^{}`$\\]*\})?(?![\[{])"
)
_DIRECTIVE_NAME = re.compile(r"[\w/+-]+[\[{]")
_IMAGE = re.compile(r"!\[(?P<alt>(?:[^\[\]\\`]|\\.|\[[^\[\]\\`]*\]){0,2000})\](?=[(\[])")
_LINKED_IMAGE = re.compile(
    r"!\[(?P<alt>[^\[\]\\`$<:!]*)\]\([^\s()<>\\`$\[\]]*(?:\s+\"[^\"`$\\\[\]]*\")?\)(?=\]\()"
)
_DATA_IMAGE = re.compile(
    r"!\[[^\[\]\\`!$<&:\n]*\]\(data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+\)"
)
_CITATION_NUMBERS = re.compile(r"[\d\s,;–-]*")
_IMAGE_OPENER = re.compile(r"!*+\[")
_TRAILING_PUNCTUATION = re.compile(r"[.,;:]?[ \t]*")


@dataclass
class _TextRun:
    """Text between blank lines or code blocks: lines, or the cells of its lines where there is a table."""

    cells: list[str]
    continuations: list[str | None]
    is_last: bool
    is_unstable: bool
    last_cell_by_run_length: dict[int, int] = field(default_factory=dict)
    last_delimiter_cell: int = -1
    unpaired_lengths: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        for index, cell in enumerate(self.cells):
            for match in _BACKTICK_RUN.finditer(cell):
                self.last_cell_by_run_length[len(match[0])] = index
                # The first backtick may be escaped, and the rest be a run of its own.
                self.last_cell_by_run_length[len(match[0]) - 1] = index
            if _BACKTICK_OR_DOLLAR.search(cell):
                self.last_delimiter_cell = index


@dataclass
class _Cell:
    """One line or cell while it is read; out is what it becomes."""

    text: str
    run: _TextRun
    index: int

    def __post_init__(self) -> None:
        self.output: list[str] = []
        self.continuation = self.run.continuations[self.index]
        self.is_ambiguous = any(
            self.run.last_cell_by_run_length.get(n, -1) >= self.index for n in self.run.unpaired_lengths
        )
        self.delimiter_positions = [match.start() for match in _BACKTICK_OR_DOLLAR.finditer(self.text)]
        self.runs_by_length: dict[int, list[int]] = {}
        for match in _BACKTICK_RUN.finditer(self.text):
            self.runs_by_length.setdefault(len(match[0]), []).append(match.start())
        if self.is_ambiguous:
            # Every run may be an opener here, and its first backtick may be an escaped one.
            self.run.unpaired_lengths.update(n - less for n in self.runs_by_length for less in (0, 1))

    def next_delimiter(self, start: int) -> int:
        """Where the next backtick or dollar is, counting later cells as being at the end; -1 for nowhere."""
        found = bisect_left(self.delimiter_positions, start)
        if found < len(self.delimiter_positions):
            return self.delimiter_positions[found]
        return len(self.text) if self.run.last_delimiter_cell > self.index else -1

    def crosses_delimiter(self, start: int, closer: str) -> bool:
        """Whether something that ends at stop could reach over a backtick or a dollar."""
        end = self.text.find(closer, start)
        return 0 <= self.next_delimiter(start) < (end if end >= 0 else len(self.text) + 1)

    def append_formula(self, body: str, is_double: bool, end: int) -> None:
        """Writes an inline formula in the form that the renderer can only read as one."""
        body = escape_formula(body)
        after = self.text[end : end + 1]
        is_double = is_double or "$" in body or (after.isascii() and after.isalnum())
        apart = " " if self.output and self.output[-1].endswith("$") else ""
        self.output.append(f"{apart}$${body}$$" if is_double else f"{apart}${body}$")

    def sanitize(self) -> str:
        at = 0
        while match := _SPECIAL.search(self.text, at):
            if match.start() > at:
                self.output.append(self.text[at : match.start()])
            at = _HANDLERS[match[0][0].lower()](self, match)
        self.output.append(self.text[at:])
        return "".join(self.output)


def _handle_escape(cell: _Cell, match: re.Match[str]) -> int:
    char, end = match[0][1], match.end()
    if char == "!" and _IMAGE_OPENER.match(cell.text, end):
        cell.output.append("&#33;")
        return end
    if char in "([" and not (match.start() and cell.text[match.start() - 1] == "!"):
        close = {"(": "\\)", "[": "\\]"}[char]
        for found in _SPAN_CLOSER.finditer(cell.text, end):
            if found[0] == close:
                return _handle_bracket_formula(cell, match, cell.text[end : found.start()], found.end())
            if found[0] == match[0] or found[0][0] != "\\":
                break
    cell.output.append(match[0])
    return end


def _handle_bracket_formula(cell: _Cell, match: re.Match[str], body: str, end: int) -> int:
    display, before = match[0] == "\\[", "".join(cell.output)
    bare = cell.continuation is not None and _BLOCK_PREFIX.fullmatch(before)
    # Escaped brackets also hold citations, the names of links, and the boxes of tasks.
    other = (
        _CITATION_NUMBERS.fullmatch(body) or cell.text[end : end + 1] == "(" or (bare and body.lower() == "x")
    )
    if not is_formula(body) or (display and other):
        cell.output.append(match[0])
        return match.end()
    if not display or cell.continuation is None:
        cell.append_formula(body, False, end)
        return end
    tail = _TRAILING_PUNCTUATION.match(cell.text, end)
    after = tail.end() if tail else end
    blank = cell.continuation.rstrip()
    head = before if bare else f"{before.rstrip()}\n{blank}\n{cell.continuation}"
    body = format_display_formula(body.rstrip() + cell.text[end:after])
    more = after < len(cell.text) or cell.index + 1 < len(cell.run.cells)
    rest = f"\n{blank}" + (f"\n{cell.continuation}" if after < len(cell.text) else "") if more else ""
    cell.output = [f"{head}$$\n{cell.continuation}{body}\n{cell.continuation}$${rest}"]
    return after


def _handle_code_span(cell: _Cell, match: re.Match[str]) -> int:
    size, end = len(match[0]), match.end()
    same = [] if cell.is_ambiguous else cell.runs_by_length.get(size, [])
    found = bisect_left(same, end)
    if found < len(same):
        close = same[found] + size
        code = cell.text[match.start() : close]
        last = cell.run.is_last and cell.index + 1 == len(cell.run.cells) and close == len(cell.text)
        cell.output.append(code if _is_safe_code(code, cell.run, last, size) else code.replace("![", "! ["))
        return close
    if cell.is_ambiguous:
        cell.output.append(match[0])
        return end
    cell.run.unpaired_lengths.add(size)
    arriving = cell.run.is_last and cell.index + 1 == len(cell.run.cells)
    if arriving and len(cell.text) - end <= _MAX_OPEN_SPAN_CHARS:
        end = len(cell.text)
    cell.output.append(cell.text[match.start() : end].replace("![", "! ["))
    return end


def _is_safe_code(code: str, run: _TextRun, is_at_end: bool, run_length: int) -> bool:
    """Whether remend, which has its own idea of code, can neither cut into the span nor lengthen its end."""
    if "![" not in code or run.is_unstable:
        return "![" not in code
    cut = "<" in code or any(")" not in part for part in code.split("](")[1:])
    return not cut and not (is_at_end and max(run.last_cell_by_run_length) > run_length)


def _handle_dollars(cell: _Cell, match: re.Match[str]) -> int:
    size, end = len(match[0]), match.end()
    for found in _SPAN_CLOSER.finditer(cell.text, end):
        if found[0][0] == "\\":
            continue
        body, after = cell.text[end : found.start()], cell.text[found.end() : found.end() + 8]
        if found[0] == match[0] and size < 3 and is_dollar_formula(body, after, size):
            cell.append_formula(body, size == 2, found.end())
            return found.end()
        break
    cell.output.append("\\$" * size)
    return end


def _handle_image(cell: _Cell, match: re.Match[str]) -> int:
    at, bangs = match.end() - 1, match.end() - match.start()
    if data := _DATA_IMAGE.match(cell.text, at):
        cell.output.append("!" * (bangs - 1) + data[0])
        return data.end()
    if bangs == 1 and cell.text[at - 1 : at] == "[" and (inside := _LINKED_IMAGE.match(cell.text, at)):
        cell.output.append(inside["alt"] or "image")
        return inside.end()
    found = _IMAGE.match(cell.text, at)
    cell.output.append("&#33;" * (bangs - bool(found)))
    if found and not found["alt"].strip():
        cell.output.append("[image")
        return found.end() - 1
    return match.end()


def _handle_angle(cell: _Cell, match: re.Match[str]) -> int:
    # `&lt;` and not `\<`: remend cuts the text off at a `<` that is not closed yet.
    at = match.start()
    found = _AUTOLINK.match(cell.text, at)
    if not found and cell.text[:at].rstrip(" \t").endswith("]:"):
        found = _ANGLE_DESTINATION.match(cell.text, at)
    cell.output.append(found[0] if found else "&lt;")
    return found.end() if found else match.end()


def _handle_link(cell: _Cell, match: re.Match[str]) -> int:
    end, opener = match.end(), cell.text[match.end()]
    if opener == "[":
        cell.output.append("]")
        if not cell.crosses_delimiter(end + 1, "]"):
            return end
        cell.output.append("&#91;")
        return end + 1
    if found := _LINK_DESTINATION.match(cell.text, end):
        target = found[0].replace("`", "%60").replace("$", "%24")
        after = cell.text[found.end() : found.end() + 1]
        if after and not after.isspace() and cell.next_delimiter(found.end()) >= 0:
            target = _SCHEME_SEPARATOR.sub(r"\\", target, count=1)
        cell.output.append("]" + target)
        return found.end()
    loose = cell.next_delimiter(end) >= 0
    cell.output.append("]&#40;" if loose else "]")
    return end + loose


def _handle_footnote(cell: _Cell, match: re.Match[str]) -> int:
    cell.output.append("&#91;" if cell.crosses_delimiter(match.end(), "]") else "[")
    return match.end()


def _handle_directive(cell: _Cell, match: re.Match[str]) -> int:
    at, end = match.start(), match.end()
    if end - at > 1:
        block = _BLOCK_PREFIX.fullmatch(cell.text, 0, at) or _DIRECTIVE_NAME.match(cell.text, end)
        cell.output.append("\\:" * (end - at) if block else match[0])
    else:
        plain = _DIRECTIVE.match(cell.text, at) or cell.next_delimiter(end) < 0
        cell.output.append(":" if plain else "\\:")
    return end


def _handle_url(cell: _Cell, match: re.Match[str]) -> int:
    # A bare address runs on to the next white space. With its colon escaped it is linked all the same, but
    # only after the code has been found.
    end, reach = match.end(), cell.next_delimiter(match.end())
    inside = 0 <= reach < len(cell.text) and not _WHITESPACE.search(
        cell.text, end, min(reach, end + _MAX_URL_CHARS)
    )
    cell.output.append(match[0] + "\\" + cell.text[end] if inside else match[0])
    return end + inside


_HANDLERS: dict[str, Callable[[_Cell, re.Match[str]], int]] = {
    "\\": _handle_escape,
    "`": _handle_code_span,
    "$": _handle_dollars,
    "!": _handle_image,
    "<": _handle_angle,
    "]": _handle_link,
    "[": _handle_footnote,
    ":": _handle_directive,
    "h": _handle_url,
    "w": _handle_url,
}


def sanitize_lines(
    lines: list[str], continuations: list[str | None], *, is_last: bool, is_table: bool, is_unstable: bool
) -> list[str]:
    """
    Lines that belong to one run of text, made harmless.

    conts holds what a further line of the same paragraph starts with, or None where there can be none; final
    says that the text ends here, table that some lines are a table's, shaky that remend may move the blocks.
    """
    if not is_table:
        run = _TextRun(lines, continuations, is_last, is_unstable)
        return [_Cell(line, run, index).sanitize() for index, line in enumerate(lines)]
    rows = [_TABLE_CELL.findall(line) for line in lines]
    cells = [cell for row in rows for cell in row]
    run = _TextRun(cells, [None] * len(cells), is_last, is_unstable)
    done = iter([_Cell(cell, run, index).sanitize() for index, cell in enumerate(cells)])
    return ["".join(next(done) for _ in row) for row in rows]
