"""Model text made safe and right for Streamlit's renderer."""

import re
from collections.abc import Iterator

from lib.ui.markdown.blocks import (
    MarkdownBlock,
    can_load_resources,
    format_display_formula,
    is_mermaid,
    normalize,
    parse_blocks,
    stable_prefix_length,
)
from lib.ui.markdown.inline import sanitize_lines

__all__ = ["sanitize", "stable_prefix_length"]

# The renderer is micromark with GFM, directives and (when a rough search finds some) dollar maths; while an
# answer arrives, remend first cuts and completes the text. A difference between what they and we take for
# code would be a hole, so what comes out is read once more, and only a text that stays as it is is handed on.
_MAX_PASSES = 6

_TABLE_DELIMITER_ROW = re.compile(r"^(?=.*-)([ \t>\-]*)([|:][ \t|:\-]*)$")
_MULTILINE_FORMULA = re.compile(
    r"\\\[(?:(?!\\[\[\]])[^`]){1,4000}?\\\]|\\\((?:(?!\\[()])[^`]){1,4000}?\\\)|\$\$[^$`]{1,4000}\$\$"
)
_LINE_BREAK = re.compile(r"(?:(?<!\\)%[^\n]*)?[ \t]*\n[ \t>]*")
# A list item that starts with a quoted number: remend takes it for a comparison and undoes the quote.
_COMPARISON_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)]) +>=?\s*[$]?\d")
# A second container on a line that ends a paragraph: micromark then has no empty items and none but "1.".
_LIST_ITEM = r"(?:[-+*][ \t]*$|(?!1[.)][ \t]+\S)\d{1,9}[.)](?=[ \t]|$))"
_LIST_MARKER = re.compile(r"[ \t>]*[-+*\d\[]")
_NESTED_LIST_ITEM = re.compile(
    rf"(?P<quote>[ \t>]*)(?:(?:(?:[-+*]|\d{{1,9}}[.)])[ \t]+|\[\^[^\]\s]+\]:[ \t]*)(?:>[ \t]*)*)+{_LIST_ITEM}"
)
_QUOTED_LIST_ITEM = re.compile(rf"(?P<quote>[ \t>]*>[ \t]*){_LIST_ITEM}")


def sanitize(text: str) -> str:
    """
    What to hand to st.markdown for a model's text, whole or a prefix of an answer still arriving.

    Formulas come out between dollars and every other dollar escaped; pictures come out as links, unless they
    carry their own data; diagrams that could load something come out as code; other code stays as it is.
    Line ends come out as \\n, and the outer white space is gone, as Streamlit would have it. Never raises.
    """
    text = normalize(text)
    for _ in range(_MAX_PASSES):
        again = normalize(_sanitize_once(text))
        if again == text:
            return text
        text = again
    # No reading was stable: nothing may load, at the price of visible traces.
    text = text.replace("![", "! [").replace("&", "&amp;")
    return re.sub("mermaid", "mer maid", text, flags=re.IGNORECASE)


def _quote_depth(line: str) -> int:
    return line[: len(line) - len(line.lstrip(" \t>"))].count(">")


def _insert_blank_lines(lines: list[str], leaf_blocks: list[MarkdownBlock]) -> list[str]:
    """The lines with a blank one wherever parsers disagree whether a paragraph ends before a list item."""
    code: set[int] = set()
    for block in leaf_blocks:
        if block.kind in ("fence", "indented"):
            code.update(range(block.start, block.end))
    out = lines[:1]
    for number in range(1, len(lines)):
        line, last = lines[number], lines[number - 1]
        if number not in code and _LIST_MARKER.match(line) and last.strip(" \t>"):
            deeper = _quote_depth(line) > _quote_depth(last)
            if match := _NESTED_LIST_ITEM.match(line) or (deeper and _QUOTED_LIST_ITEM.match(line)):
                out.append("" if deeper else match["quote"].rstrip())
        out.append(line)
    return out


def _continuation_prefix(prefix: str) -> str:
    """What a later line of the same block starts with."""
    return re.sub(r"[^>\s]", " ", re.sub(r"\[\^[^\]]*\]:[ \t]*", "    ", prefix))


def _join_formula_lines(lines: list[str], block: MarkdownBlock) -> list[str]:
    """A paragraph's lines with each formula that runs over several brought onto one."""
    own = lines[block.start : block.end]
    if block.kind == "table":
        return own
    # The renderer knows tables that the parser does not: such a row is one of a paragraph to both.
    text = "\n".join(_TABLE_DELIMITER_ROW.sub(r"\1\\\2", line) for line in own)
    return _MULTILINE_FORMULA.sub(lambda found: _LINE_BREAK.sub(" ", found[0]), text).split("\n")


def _sanitize_code(block: MarkdownBlock, lines: list[str], has_comparison: bool) -> list[str]:
    code = lines[block.start : block.end]
    if block.kind == "fence" and is_mermaid(block.text) and can_load_resources("\n".join(code[1:])):
        code[0] = code[0][: code[0].index(block.markup)] + block.markup + "text"
    return [line.replace("![", "! [") for line in code] if has_comparison and block.level else code


def _format_formula(block: MarkdownBlock, lines: list[str]) -> list[str]:
    prefix = lines[block.start][: block.column]
    cont = _continuation_prefix(prefix)
    # Blank lines make what surrounds it the same to a renderer that takes the formula for a paragraph.
    before = block.start and not prefix.strip(" \t>") and lines[block.start - 1].strip(" \t>")
    after = "".join(lines[block.end : block.end + 1]).strip(" \t>")
    shown_lines = [f"{prefix}$$", cont + format_display_formula(block.text), f"{cont}$$"]
    return [cont.rstrip()] * bool(before) + shown_lines + [cont.rstrip()] * bool(after)


def _iter_segments(lines: list[str], blocks_by_line: dict[int, MarkdownBlock]) -> Iterator[MarkdownBlock]:
    """The known blocks and, in between, every other line as a piece of its own; the last piece is the end."""
    at = 0
    while at < len(lines):
        kind = "line" if lines[at].strip(" \t") else "blank"
        piece = blocks_by_line.get(at) or MarkdownBlock(kind, at, at + 1)
        yield piece
        at = piece.end
    yield MarkdownBlock("end", at, at)


def _sanitize_once(text: str) -> str:
    lines = text.split("\n")
    found = parse_blocks(lines)
    if (apart := _insert_blank_lines(lines, found)) != lines:
        return "\n".join(apart)
    compared = any(map(_COMPARISON_ITEM.match, lines))
    known: dict[int, MarkdownBlock] = {}
    for block in found:
        # After a line that is not blank, a parser with other rules could see a paragraph that goes on.
        if block.kind != "indented" or not (compared or lines[block.start - 1].strip(" \t")):
            known[block.start] = block
    out: list[str] = []
    run: list[str] = []
    conts: list[str | None] = []
    table = False
    for piece in _iter_segments(lines, known):
        if piece.kind in ("paragraph", "table", "line"):
            more = _join_formula_lines(lines, piece)
            run += more
            conts += [
                _continuation_prefix(more[0][: piece.column]) if piece.kind == "paragraph" else None
            ] * len(more)
            table = table or piece.kind == "table"
            continue
        out += sanitize_lines(run, conts, is_last=piece.kind == "end", is_table=table, is_unstable=compared)
        run, conts, table = [], [], False
        if piece.kind == "display":
            out += _format_formula(piece, lines)
        elif piece.kind != "end":
            out += [""] if piece.kind == "blank" else _sanitize_code(piece, lines, compared)
    return "\n".join(out)
