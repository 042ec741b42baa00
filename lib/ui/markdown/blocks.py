"""The block parser of model text, and the elements that a text is divided into."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from textwrap import dedent

from markdown_it import MarkdownIt
from markdown_it.common.utils import mdTrim
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from lib.ui.markdown.formulas import DISPLAY_RULES, FORMULA_CLOSERS, MAX_FORMULA_LINES
from lib.ui.markdown.limits import limit_marks

# A frozen element below this length costs more in messages than it saves in resending.
MIN_BLOCK_CHARS = 400
# Characters after a blank line that must arrive before the next block's type is certain.
LOOKAHEAD_CHARS = 6
_MAX_CACHED_CHARS = 2000

_LINE_END = re.compile(r"\r\n|\r|\n")
_INVALID_CHARS = re.compile(r"[\x00\ud800-\udfff]")
_INDENT = re.compile(r"^[ \t]", re.MULTILINE)
_BLANK_LINE = re.compile(r"(?:\r\n|\r|\n)[ \t]*(?:\r\n|\r|\n)")
_FORMULA_OPENER = re.compile(r"[ \t]*(\$\$|\\\[)")
_AMBIGUOUS_START = re.compile(r"[-+*_ \t]*|\d{0,9}[.)]?")
_MARKDOWN_FENCE = re.compile(r"(?P<run>`{3,}|~{3,})[ \t]*(?:md|markdown)(?![\w-])[^`]*", re.IGNORECASE)
_FENCE_LINE = re.compile(r"(?P<run>`{3,}|~{3,})[ \t]*(?P<info>[\w+#.-]+(?:[ \t][^`]*)?)?[ \t]*")
# A line that may be anything but one of a paragraph, also one that is indented.
_BLOCK_LINE = re.compile(
    r"^(?:[ \t]+[^ \t\n]|[>#=-]|[*+][ \t]|[*+_][*_ \t]*$|\d{1,9}[.)](?:[ \t]|$)|`{3}|~{3}|\$\$|\\(?:\[|begin\{))",
    re.MULTILINE,
)
_ITEM = re.compile(r"(?:(?P<number>\d{1,9})(?=[.)])|(?=[*+-]))(?P<sign>[.)*+-]) (?P<text>[^ \t].*)")
LIST_TOKENS = ("bullet_list_open", "ordered_list_open")


def _markdown_fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a fence of Markdown that holds fences of its own.

    By CommonMark the first line of bare signs closes it, whichever fence the model meant. Only an opener has an
    info string, so the bare line after such a line closes the inner fence, and the outer one goes on. A bare line
    opens one, too, where it stands as openers do: below a blank line or a colon, and right above a line of text.
    """
    if silent or state.is_code_block(start):
        return False
    opener = _MARKDOWN_FENCE.fullmatch(_line_text(state, start))
    if not opener:
        return False
    run = opener["run"]
    last, is_closed, longest = _find_outer_end(state, start, end, run)
    if not longest:
        return False
    token = state.push("fence", "code", 0)
    token.info, token.markup = opener[0][len(run) :], run
    token.content = state.getLines(start + 1, last, state.sCount[start], True)
    token.map = [start, last + 1]
    token.meta = {"run": run[0] * (longest + 1), "is_closed": is_closed}
    state.line = last + 1
    return True


def _find_outer_end(state: StateBlock, start: int, end: int, run: str) -> tuple[int, bool, int]:
    """Find the last line of an outer fence, whether it closes it, and the length of the longest run inside."""
    open_lengths: list[int] = []
    longest, last = 0, start
    for number in range(start + 1, end):
        if state.sCount[number] < state.blkIndent and not state.isEmpty(number):
            break
        last = number
        match = _FENCE_LINE.fullmatch(_line_text(state, number).rstrip())
        if not match or not match["run"].startswith(run):
            continue
        length = len(match["run"])
        if match["info"] or (not open_lengths and _is_bare_opener(state, start, number, end)):
            open_lengths.append(length)
        elif open_lengths:
            if length >= open_lengths[-1]:
                open_lengths.pop()
        elif not state.is_code_block(number):
            return last, True, longest
        longest = max(longest, length)
    return last, False, longest


def _is_bare_opener(state: StateBlock, start: int, number: int, end: int) -> bool:
    if number - 1 <= start or number + 1 >= end or state.isEmpty(number + 1):
        return False
    above, below = (_line_text(state, line) for line in (number - 1, number + 1))
    return (state.isEmpty(number - 1) or above.rstrip().endswith((":", "："))) and not _FENCE_LINE.fullmatch(below)


def _line_text(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _build_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 60})
    # A link definition is rewritten like a paragraph.
    parser.disable("reference")
    parser.block.ruler.before("fence", "markdown_fence", _markdown_fence)
    for name, rule in DISPLAY_RULES.items():
        parser.block.ruler.before("fence", name, rule, {"alt": ["paragraph", "blockquote", "list"]})
    return parser


_PARSER = _build_parser()


def normalize(text: str) -> str:
    """Read a text as Streamlit's server does: dedented, stripped, with one kind of line end. Marks are limited."""
    if "\r" in text:
        text = _LINE_END.sub("\n", text)
    if not text.isascii() or "\0" in text:
        text = limit_marks(_INVALID_CHARS.sub("\ufffd", text))
    if _INDENT.search(text):
        text = dedent(text)
    return text.strip().lstrip("\ufeff \t\n")


def parse_blocks(text: str) -> list[Token]:
    """Parse the blocks of a text with one kind of line end; the inline tokens have no children."""
    if not _BLOCK_LINE.search(text):
        return _list_paragraphs(text)
    if items := _list_items(text):
        return items
    tokens: list[Token] = []
    _PARSER.block.parse(text, _PARSER, {}, tokens)
    return tokens


def read_blocks(text: str) -> Sequence[Token]:
    """Parse a text as `parse_blocks`, for those who change no token: a frame of a growing text asks several times."""
    return _parse_cached(text) if len(text) <= _MAX_CACHED_CHARS else parse_blocks(text)


@lru_cache(maxsize=16)
def _parse_cached(text: str) -> Sequence[Token]:
    return tuple(parse_blocks(text))


def _list_paragraphs(text: str) -> list[Token]:
    """Parse a text of nothing but paragraphs, for which the parser asks each of its rules about each line."""
    tokens: list[Token] = []
    lines, start = text.split("\n"), 0
    for number, line in enumerate([*lines, ""]):
        if line.strip(" \t"):
            continue
        if start < number:
            tokens += _build_paragraph("\n".join(lines[start:number]), start, number)
        start = number + 1
    return tokens


def _build_paragraph(text: str, start: int, end: int, level: int = 0) -> list[Token]:
    """Build the tokens of a paragraph; those in the items of a list have no space around them."""
    is_hidden = level > 0
    return [
        Token("paragraph_open", "p", 1, map=[start, end], level=level, block=True, hidden=is_hidden),
        Token("inline", "", 0, map=[start, end], level=level + 1, children=[], content=mdTrim(text), block=True),
        Token("paragraph_close", "p", -1, level=level, block=True, hidden=is_hidden),
    ]


def _list_items(text: str) -> list[Token] | None:
    """Parse a text of nothing but the items of one list, each of one line; None for any other text."""
    lines = text.removesuffix("\n").split("\n")
    items = [_ITEM.fullmatch(line) for line in lines]
    first = items[0]
    if first is None:
        return None
    kind, tag = ("ordered_list", "ol") if first["number"] else ("bullet_list", "ul")
    sign, end = first["sign"], len(lines)
    opener = Token(f"{kind}_open", tag, 1, map=[0, end], markup=sign, block=True)
    if first["number"] and (start := int(first["number"])) != 1:
        opener.attrs = {"start": start}
    tokens = [opener]
    for number, item in enumerate(items):
        if item is None or item["sign"] != sign or _BLOCK_LINE.match(item["text"]):
            return None
        place = [number, number + 1]
        tokens += [
            Token("list_item_open", "li", 1, map=place, level=1, markup=sign, info=item["number"] or "", block=True),
            *_build_paragraph(item["text"], number, number + 1, level=2),
            Token("list_item_close", "li", -1, level=1, markup=sign, block=True),
        ]
    return [*tokens, Token(f"{kind}_close", tag, -1, markup=sign, block=True)]


def split_first_block(text: str, skipped: int = 0) -> tuple[int, int]:
    """Find the end of the first part of the raw text that is fit for an element of its own.

    Returns its length in characters, 0 while none is finished, and the number of characters that belong to it in
    any case. `text` is what follows the elements before. The rest starts a block, at a line that is not indented, so
    that Streamlit's dedent and strip change neither part. The result for a text holds for each longer one, so that
    an answer has the same elements while it arrives and afterwards. `skipped` characters of the same part come before.
    """
    min_chars = max(0, MIN_BLOCK_CHARS - skipped)
    if len(text) < min_chars or not _BLANK_LINE.search(text, max(0, min_chars - 4)):
        return 0, len(text)
    lines = _INVALID_CHARS.sub("\ufffd", _LINE_END.sub("\n", text)).split("\n")
    first = next((line for line in lines if line.strip(" \t")), "")
    if first.startswith(("\t", "    ", " \t", "  \t", "   \t")):
        return 0, len(text)
    previous_type = ""
    for token in read_blocks("\n".join(lines)):
        if token.level or token.nesting < 0 or not token.map:
            continue
        start, end = token.map
        follows_blank = start > 0 and not lines[start - 1].strip(" \t")
        is_separate = token.type != "code_block" and not _is_same_container(token.type, previous_type)
        if previous_type and follows_blank and is_separate and lines[start][:1] not in (" ", "\t"):
            prefix = _line_start(text, start)
            if prefix >= min_chars:
                is_certain = _is_unambiguous(text[prefix:], previous_type in LIST_TOKENS)
                return (prefix if is_certain else 0), prefix
        previous_type = token.type
        if previous_type == "paragraph_open" and has_open_formula(lines, start, end, MAX_FORMULA_LINES + 1):
            break
    return 0, len(text)


def _line_start(text: str, number: int) -> int:
    return next(islice(_LINE_END.finditer(text), number - 1, None)).end()


def has_open_formula(lines: list[str], start: int, end: int, max_lines: int) -> bool:
    """Check for an opener in the paragraph start..end, among the text's last lines, whose closer may still arrive."""
    for number in range(max(start, len(lines) - max_lines), end):
        if match := _FORMULA_OPENER.match(lines[number]):
            rest = "\n".join(lines[number:end])[match.end() :]
            if FORMULA_CLOSERS[match[1]] not in rest:
                return True
    return False


def _is_unambiguous(rest: str, after_list: bool) -> bool:
    """Check that enough of a block has arrived to tell that it starts one."""
    line, line_end, _ = rest.partition("\n")
    if line_end:
        return True
    return len(rest) >= LOOKAHEAD_CHARS and not (after_list and _AMBIGUOUS_START.fullmatch(line))


def _is_same_container(token_type: str, previous_type: str) -> bool:
    if token_type in LIST_TOKENS:
        return previous_type in LIST_TOKENS
    return token_type == previous_type == "blockquote_open"
