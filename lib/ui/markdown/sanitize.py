"""Model text made safe and right for Streamlit's renderer."""

import re
from collections.abc import Iterator

from lib.ui.markdown.blocks import Block, blocks, clean, draws, fetches, shown, split
from lib.ui.markdown.inline import rewrite

__all__ = ["safe", "split"]

# The renderer is micromark with GFM, directives and (when a rough search finds some) dollar maths; while an
# answer arrives, remend first cuts and completes the text. A difference between what they and we take for
# code would be a hole, so what comes out is read once more, and only a text that stays as it is is handed on.
_PASSES = 6

_DELIMITERS = re.compile(r"^(?=.*-)([ \t>\-]*)([|:][ \t|:\-]*)$")
_SPREAD = re.compile(
    r"\\\[(?:(?!\\[\[\]])[^`]){1,4000}?\\\]|\\\((?:(?!\\[()])[^`]){1,4000}?\\\)|\$\$[^$`]{1,4000}\$\$"
)
_BREAK = re.compile(r"(?:(?<!\\)%[^\n]*)?[ \t]*\n[ \t>]*")
# A list item that starts with a quoted number: remend takes it for a comparison and undoes the quote.
_COMPARED = re.compile(r"\s*(?:[-*+]|\d+[.)]) +>=?\s*[$]?\d")
# A second container on a line that ends a paragraph: micromark then has no empty items and none but "1.".
_ITEM = r"(?:[-+*][ \t]*$|(?!1[.)][ \t]+\S)\d{1,9}[.)](?=[ \t]|$))"
_MARKED = re.compile(r"[ \t>]*[-+*\d\[]")
_NESTED = re.compile(
    rf"(?P<quote>[ \t>]*)(?:(?:(?:[-+*]|\d{{1,9}}[.)])[ \t]+|\[\^[^\]\s]+\]:[ \t]*)(?:>[ \t]*)*)+{_ITEM}"
)
_QUOTED = re.compile(rf"(?P<quote>[ \t>]*>[ \t]*){_ITEM}")


def safe(text: str) -> str:
    """
    What to hand to st.markdown for a model's text, whole or a prefix of an answer still arriving.

    Formulas come out between dollars and every other dollar escaped; pictures come out as links, unless they
    carry their own data; diagrams that could load something come out as code; other code stays as it is.
    Line ends come out as \\n, and the outer white space is gone, as Streamlit would have it. Never raises.
    """
    text = clean(text)
    for _ in range(_PASSES):
        again = clean(_rewrite(text))
        if again == text:
            return text
        text = again
    # No reading was stable: nothing may load, at the price of visible traces.
    text = text.replace("![", "! [").replace("&", "&amp;")
    return re.sub("mermaid", "mer maid", text, flags=re.IGNORECASE)


def _quotes(line: str) -> int:
    return line[: len(line) - len(line.lstrip(" \t>"))].count(">")


def _separated(lines: list[str], found: list[Block]) -> list[str]:
    """The lines with a blank one wherever parsers disagree whether a paragraph ends before a list item."""
    code: set[int] = set()
    for block in found:
        if block.kind in ("fence", "indented"):
            code.update(range(block.start, block.end))
    out = lines[:1]
    for number in range(1, len(lines)):
        line, last = lines[number], lines[number - 1]
        if number not in code and _MARKED.match(line) and last.strip(" \t>"):
            deeper = _quotes(line) > _quotes(last)
            if match := _NESTED.match(line) or (deeper and _QUOTED.match(line)):
                out.append("" if deeper else match["quote"].rstrip())
        out.append(line)
    return out


def _cont(prefix: str) -> str:
    """What a later line of the same block starts with."""
    return re.sub(r"[^>\s]", " ", re.sub(r"\[\^[^\]]*\]:[ \t]*", "    ", prefix))


def _joined(lines: list[str], block: Block) -> list[str]:
    """A paragraph's lines with each formula that runs over several brought onto one."""
    own = lines[block.start : block.end]
    if block.kind == "table":
        return own
    # The renderer knows tables that the parser does not: such a row is one of a paragraph to both.
    text = "\n".join(_DELIMITERS.sub(r"\1\\\2", line) for line in own)
    return _SPREAD.sub(lambda found: _BREAK.sub(" ", found[0]), text).split("\n")


def _code(block: Block, lines: list[str], compared: bool) -> list[str]:
    code = lines[block.start : block.end]
    if block.kind == "fence" and draws(block.text) and fetches("\n".join(code[1:])):
        code[0] = code[0][: code[0].index(block.markup)] + block.markup + "text"
    return [line.replace("![", "! [") for line in code] if compared and block.level else code


def _display(block: Block, lines: list[str]) -> list[str]:
    prefix = lines[block.start][: block.column]
    cont = _cont(prefix)
    # Blank lines make what surrounds it the same to a renderer that takes the formula for a paragraph.
    before = block.start and not prefix.strip(" \t>") and lines[block.start - 1].strip(" \t>")
    after = "".join(lines[block.end : block.end + 1]).strip(" \t>")
    shown_lines = [f"{prefix}$$", cont + shown(block.text), f"{cont}$$"]
    return [cont.rstrip()] * bool(before) + shown_lines + [cont.rstrip()] * bool(after)


def _pieces(lines: list[str], known: dict[int, Block]) -> Iterator[Block]:
    """The known blocks and, in between, every other line as a piece of its own; the last piece is the end."""
    at = 0
    while at < len(lines):
        kind = "line" if lines[at].strip(" \t") else "blank"
        piece = known.get(at) or Block(kind, at, at + 1)
        yield piece
        at = piece.end
    yield Block("end", at, at)


def _rewrite(text: str) -> str:
    lines = text.split("\n")
    found = blocks(lines)
    if (apart := _separated(lines, found)) != lines:
        return "\n".join(apart)
    compared = any(map(_COMPARED.match, lines))
    known: dict[int, Block] = {}
    for block in found:
        # After a line that is not blank, a parser with other rules could see a paragraph that goes on.
        if block.kind != "indented" or not (compared or lines[block.start - 1].strip(" \t")):
            known[block.start] = block
    out: list[str] = []
    run: list[str] = []
    conts: list[str | None] = []
    table = False
    for piece in _pieces(lines, known):
        if piece.kind in ("paragraph", "table", "line"):
            more = _joined(lines, piece)
            run += more
            conts += [_cont(more[0][: piece.column]) if piece.kind == "paragraph" else None] * len(more)
            table = table or piece.kind == "table"
            continue
        out += rewrite(run, conts, final=piece.kind == "end", table=table, shaky=compared)
        run, conts, table = [], [], False
        if piece.kind == "display":
            out += _display(piece, lines)
        elif piece.kind != "end":
            out += [""] if piece.kind == "blank" else _code(piece, lines, compared)
    return "\n".join(out)
