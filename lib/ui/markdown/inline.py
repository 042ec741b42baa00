"""One run of Markdown text, read as the renderer reads it and written so that it is harmless."""

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field

from lib.ui.markdown.blocks import formula, meant, shown, untrapped

# Code is believed to be code where every reader must agree: within one line and table cell, with nothing
# before it that could swallow a backtick. Elsewhere it is treated like text. Text loses whatever starts
# something that is not modelled here: pictures, HTML, stray dollars, and directives, links and labels that
# reach over a backtick or a dollar. Escapes are chosen to be invisible.
_ARRIVING = 80  # A shorter unclosed code span at the very end is probably still coming.
_ADDRESS = 2000

_SPECIAL = re.compile(
    r"""\\[!-/:-@\[-`{-~]|`+|\$+|(?<!!)!++(?=\[)|<(?=[A-Za-z/!?])|\](?=[(\[])|\[(?=\^)
    |::+|:(?=[\w/+-]+[\[{])|https?(?=://)|www(?=\.)""",
    re.IGNORECASE | re.VERBOSE,
)
_RUNS = re.compile(r"`+")
_SWALLOWED = re.compile(r"[`$]")
_SPACE = re.compile(r"\s")
_PREFIX = re.compile(r"[\s>\-+*\d.)]*(?:\[\^[^\]\s]*\]:\s*)?")
_CELL = re.compile(r"(?:[^\\|]|\\[\s\S]?)+|\|")
_CLOSER = re.compile(r"\\[\s\S]|`+|\$+")
_AUTOLINK = re.compile(r"<(?:https?://|mailto:)[^\s<>`$\\\"']*>", re.IGNORECASE)
_POINTED = re.compile(r"<[^\s<>`$\\\"'!?{\[]*>")
_SCHEME = re.compile(r"(?<=http)(?=:)|(?<=https)(?=:)|(?<=www)(?=\.)", re.IGNORECASE)
_RESOURCE = re.compile(
    r"""\(\s*(?:<[^<>`$\\\n\[{]*>|(?:[^\s()<>\\\[{]|\\[^\s`$]|\([^\s()<>\\\[{]*\)){0,2000})
    (?:\s+(?:"[^"`$\\\[<{]{0,500}"|'[^'`$\\\[<{]{0,500}'))?\s*\)""",
    re.VERBOSE,
)
_DIRECTIVE = re.compile(
    r":[\w/+-]++(?:\[[^\[\]`{}\\$]*(?:`[^`\[\]{}\\$]+`[^\[\]`{}\\$]*)*\])?(?:\{[^{}`$\\]*\})?(?![\[{])"
)
_NAME = re.compile(r"[\w/+-]+[\[{]")
_PICTURE = re.compile(r"!\[(?P<alt>(?:[^\[\]\\`]|\\.|\[[^\[\]\\`]*\]){0,2000})\](?=[(\[])")
_LINKED = re.compile(r"!\[(?P<alt>[^\[\]\\`$<:!]*)\]\([^\s()<>\\`$\[\]]*(?:\s+\"[^\"`$\\\[\]]*\")?\)(?=\]\()")
_DATA = re.compile(r"!\[[^\[\]\\`!$<&:\n]*\]\(data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+\)")
_CITATION = re.compile(r"[\d\s,;–-]*")
_BANGED = re.compile(r"!*+\[")
_TAIL = re.compile(r"[.,;:]?[ \t]*")


@dataclass
class _Run:
    """Text between blank lines or code blocks: lines, or the cells of its lines where there is a table."""

    cells: list[str]
    conts: list[str | None]
    final: bool
    shaky: bool
    last_run: dict[int, int] = field(default_factory=dict)
    last_swallowed: int = -1
    unpaired: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        for index, cell in enumerate(self.cells):
            for match in _RUNS.finditer(cell):
                self.last_run[len(match[0])] = index
                # The first backtick may be escaped, and the rest be a run of its own.
                self.last_run[len(match[0]) - 1] = index
            if _SWALLOWED.search(cell):
                self.last_swallowed = index


@dataclass
class _Cell:
    """One line or cell while it is read; out is what it becomes."""

    text: str
    run: _Run
    index: int

    def __post_init__(self) -> None:
        self.out: list[str] = []
        self.cont = self.run.conts[self.index]
        self.tainted = any(self.run.last_run.get(n, -1) >= self.index for n in self.run.unpaired)
        self.swallowed = [match.start() for match in _SWALLOWED.finditer(self.text)]
        self.runs: dict[int, list[int]] = {}
        for match in _RUNS.finditer(self.text):
            self.runs.setdefault(len(match[0]), []).append(match.start())
        if self.tainted:
            # Every run may be an opener here, and its first backtick may be an escaped one.
            self.run.unpaired.update(n - less for n in self.runs for less in (0, 1))

    def next_swallowed(self, at: int) -> int:
        """Where the next backtick or dollar is, counting later cells as being at the end; -1 for nowhere."""
        found = bisect_left(self.swallowed, at)
        if found < len(self.swallowed):
            return self.swallowed[found]
        return len(self.text) if self.run.last_swallowed > self.index else -1

    def reaches(self, at: int, stop: str) -> bool:
        """Whether something that ends at stop could reach over a backtick or a dollar."""
        end = self.text.find(stop, at)
        return 0 <= self.next_swallowed(at) < (end if end >= 0 else len(self.text) + 1)

    def put(self, body: str, double: bool, end: int) -> None:
        """Writes an inline formula in the form that the renderer can only read as one."""
        body = untrapped(body)
        after = self.text[end : end + 1]
        double = double or "$" in body or (after.isascii() and after.isalnum())
        apart = " " if self.out and self.out[-1].endswith("$") else ""
        self.out.append(f"{apart}$${body}$$" if double else f"{apart}${body}$")

    def read(self) -> str:
        at = 0
        while match := _SPECIAL.search(self.text, at):
            if match.start() > at:
                self.out.append(self.text[at : match.start()])
            at = _HANDLERS[match[0][0].lower()](self, match)
        self.out.append(self.text[at:])
        return "".join(self.out)


def _escape(cell: _Cell, match: re.Match[str]) -> int:
    char, end = match[0][1], match.end()
    if char == "!" and _BANGED.match(cell.text, end):
        cell.out.append("&#33;")
        return end
    if char in "([" and not (match.start() and cell.text[match.start() - 1] == "!"):
        close = {"(": "\\)", "[": "\\]"}[char]
        for found in _CLOSER.finditer(cell.text, end):
            if found[0] == close:
                return _formula(cell, match, cell.text[end : found.start()], found.end())
            if found[0] == match[0] or found[0][0] != "\\":
                break
    cell.out.append(match[0])
    return end


def _formula(cell: _Cell, match: re.Match[str], body: str, end: int) -> int:
    display, before = match[0] == "\\[", "".join(cell.out)
    bare = cell.cont is not None and _PREFIX.fullmatch(before)
    # Escaped brackets also hold citations, the names of links, and the boxes of tasks.
    other = _CITATION.fullmatch(body) or cell.text[end : end + 1] == "(" or (bare and body.lower() == "x")
    if not formula(body) or (display and other):
        cell.out.append(match[0])
        return match.end()
    if not display or cell.cont is None:
        cell.put(body, False, end)
        return end
    tail = _TAIL.match(cell.text, end)
    after = tail.end() if tail else end
    blank = cell.cont.rstrip()
    head = before if bare else f"{before.rstrip()}\n{blank}\n{cell.cont}"
    body = shown(body.rstrip() + cell.text[end:after])
    more = after < len(cell.text) or cell.index + 1 < len(cell.run.cells)
    rest = f"\n{blank}" + (f"\n{cell.cont}" if after < len(cell.text) else "") if more else ""
    cell.out = [f"{head}$$\n{cell.cont}{body}\n{cell.cont}$${rest}"]
    return after


def _span(cell: _Cell, match: re.Match[str]) -> int:
    size, end = len(match[0]), match.end()
    same = [] if cell.tainted else cell.runs.get(size, [])
    found = bisect_left(same, end)
    if found < len(same):
        close = same[found] + size
        code = cell.text[match.start() : close]
        last = cell.run.final and cell.index + 1 == len(cell.run.cells) and close == len(cell.text)
        cell.out.append(code if _quotable(code, cell.run, last, size) else code.replace("![", "! ["))
        return close
    if cell.tainted:
        cell.out.append(match[0])
        return end
    cell.run.unpaired.add(size)
    arriving = cell.run.final and cell.index + 1 == len(cell.run.cells)
    if arriving and len(cell.text) - end <= _ARRIVING:
        end = len(cell.text)
    cell.out.append(cell.text[match.start() : end].replace("![", "! ["))
    return end


def _quotable(code: str, run: _Run, last: bool, size: int) -> bool:
    """Whether remend, which has its own idea of code, can neither cut into the span nor lengthen its end."""
    if "![" not in code or run.shaky:
        return "![" not in code
    cut = "<" in code or any(")" not in part for part in code.split("](")[1:])
    return not cut and not (last and max(run.last_run) > size)


def _dollars(cell: _Cell, match: re.Match[str]) -> int:
    size, end = len(match[0]), match.end()
    for found in _CLOSER.finditer(cell.text, end):
        if found[0][0] == "\\":
            continue
        body, after = cell.text[end : found.start()], cell.text[found.end() : found.end() + 8]
        if found[0] == match[0] and size < 3 and meant(body, after, size):
            cell.put(body, size == 2, found.end())
            return found.end()
        break
    cell.out.append("\\$" * size)
    return end


def _picture(cell: _Cell, match: re.Match[str]) -> int:
    at, bangs = match.end() - 1, match.end() - match.start()
    if data := _DATA.match(cell.text, at):
        cell.out.append("!" * (bangs - 1) + data[0])
        return data.end()
    if bangs == 1 and cell.text[at - 1 : at] == "[" and (inside := _LINKED.match(cell.text, at)):
        cell.out.append(inside["alt"] or "image")
        return inside.end()
    found = _PICTURE.match(cell.text, at)
    cell.out.append("&#33;" * (bangs - bool(found)))
    if found and not found["alt"].strip():
        cell.out.append("[image")
        return found.end() - 1
    return match.end()


def _angle(cell: _Cell, match: re.Match[str]) -> int:
    # `&lt;` and not `\<`: remend cuts the text off at a `<` that is not closed yet.
    at = match.start()
    found = _AUTOLINK.match(cell.text, at)
    if not found and cell.text[:at].rstrip(" \t").endswith("]:"):
        found = _POINTED.match(cell.text, at)
    cell.out.append(found[0] if found else "&lt;")
    return found.end() if found else match.end()


def _bracket(cell: _Cell, match: re.Match[str]) -> int:
    end, opener = match.end(), cell.text[match.end()]
    if opener == "[":
        cell.out.append("]")
        if not cell.reaches(end + 1, "]"):
            return end
        cell.out.append("&#91;")
        return end + 1
    if found := _RESOURCE.match(cell.text, end):
        target = found[0].replace("`", "%60").replace("$", "%24")
        after = cell.text[found.end() : found.end() + 1]
        if after and not after.isspace() and cell.next_swallowed(found.end()) >= 0:
            target = _SCHEME.sub(r"\\", target, count=1)
        cell.out.append("]" + target)
        return found.end()
    loose = cell.next_swallowed(end) >= 0
    cell.out.append("]&#40;" if loose else "]")
    return end + loose


def _note(cell: _Cell, match: re.Match[str]) -> int:
    cell.out.append("&#91;" if cell.reaches(match.end(), "]") else "[")
    return match.end()


def _colon(cell: _Cell, match: re.Match[str]) -> int:
    at, end = match.start(), match.end()
    if end - at > 1:
        block = _PREFIX.fullmatch(cell.text, 0, at) or _NAME.match(cell.text, end)
        cell.out.append("\\:" * (end - at) if block else match[0])
    else:
        plain = _DIRECTIVE.match(cell.text, at) or cell.next_swallowed(end) < 0
        cell.out.append(":" if plain else "\\:")
    return end


def _address(cell: _Cell, match: re.Match[str]) -> int:
    # A bare address runs on to the next white space. With its colon escaped it is linked all the same, but
    # only after the code has been found.
    end, reach = match.end(), cell.next_swallowed(match.end())
    inside = 0 <= reach < len(cell.text) and not _SPACE.search(cell.text, end, min(reach, end + _ADDRESS))
    cell.out.append(match[0] + "\\" + cell.text[end] if inside else match[0])
    return end + inside


_HANDLERS: dict[str, Callable[[_Cell, re.Match[str]], int]] = {
    "\\": _escape,
    "`": _span,
    "$": _dollars,
    "!": _picture,
    "<": _angle,
    "]": _bracket,
    "[": _note,
    ":": _colon,
    "h": _address,
    "w": _address,
}


def rewrite(lines: list[str], conts: list[str | None], *, final: bool, table: bool, shaky: bool) -> list[str]:
    """
    Lines that belong to one run of text, made harmless.

    conts holds what a further line of the same paragraph starts with, or None where there can be none; final
    says that the text ends here, table that some lines are a table's, shaky that remend may move the blocks.
    """
    if not table:
        run = _Run(lines, conts, final, shaky)
        return [_Cell(line, run, index).read() for index, line in enumerate(lines)]
    rows = [_CELL.findall(line) for line in lines]
    cells = [cell for row in rows for cell in row]
    run = _Run(cells, [None] * len(cells), final, shaky)
    done = iter([_Cell(cell, run, index).read() for index, cell in enumerate(cells)])
    return ["".join(next(done) for _ in row) for row in rows]
