"""Where the code, the display formulas and the finished blocks of a Markdown text are."""

import html
import re
from dataclasses import dataclass
from textwrap import dedent

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, table
from markdown_it.token import Token

# A frozen element below this length costs more in messages than it saves in resending (streamlit.md, 1).
MIN_BLOCK_CHARS = 300
# What starts after a blank line is not known before this many characters of it have come.
LOOKAHEAD_CHARS = 6
# A formula longer than this is none: an opener that is never closed must not hold the text back for ever.
MAX_FORMULA_CHARS = 4000
MAX_FORMULA_LINES = 60

_LINE_END = re.compile(r"\r\n|\r|\n")
_INVALID_CHARS = re.compile(r"[\x00\ud800-\udfff]")
_FOOTNOTE_LABEL = re.compile(r"\[\^(?:[^ \t\n\[\]`$\\]|\\[^\n`$])+\]:[ \t]*")
_FORMULA_OPENER = re.compile(r"[ \t]*(\$\$|\\\[)")
_AMBIGUOUS_START = re.compile(r"[-+*_ \t]*|\d{0,9}[.)]?")
_TEX_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%.*")
_UNESCAPED_DOLLAR = re.compile(r"(?<!\\)\$")
_FORMULA_CLOSERS = {"$$": "$$", "\\[": "\\]"}
_LIST_TOKENS = ("bullet_list_open", "ordered_list_open")

# Everything in a diagram that mermaid, its HTML labels or its CSS could turn into a request, or could hide
# one behind. `<br>`, `#quot;` and colours are what models really write.
_EXTERNAL_RESOURCE = re.compile(
    r"""//|\\(?!n)|!\[|@import|%%\{|[a-z]:[/\w]*/|https?:|ftp:|wss?:|data:|blob:
    |\b(?:url|image|image-set|img|icon|src|srcset|href|css)\b["']?\s*[:=(]|\bclick\b|\bhref\b|\bsrc\b|themecss
    |@\{[^}]*\b(?:img|image|icon|url|src)\b
    |<(?!br\s*/?>)[a-z!/?]|&[\#\w]+;?|(?<![:,\w])\#(?!quot;)\w+;""",
    re.IGNORECASE | re.VERBOSE,
)

_MARKDOWN_SYNTAX = re.compile(
    r"""(?<=!)(?=\[)|(?<=<)(?=[A-Za-z/!?])|(?<=:)(?=//|[\w/+-]+[\[{])|(?<=\])(?=[(\[])|(?<=\[)(?=\^)
    |(?<=www)(?=\.)""",
    re.IGNORECASE | re.VERBOSE,
)
_NUMBER_AND_WORD = re.compile(r"\d[\d.,]*(?:[kKmM]|bn)?\s+[A-Za-z]{2,}")
_TWO_WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}[,;]?\s+[A-Za-z]{2,}")
_SINGLE_WORD = re.compile(r"\s+[a-z]{2,}\s+")
_WORD_SUFFIX = re.compile(r"(?:st|nd|rd|th|s)\b")


@dataclass(frozen=True)
class MarkdownBlock:
    """Lines start..end of a text: kind is fence, indented, display, paragraph, or the parser's own word."""

    kind: str
    start: int
    end: int
    level: int = 0
    column: int = 0
    markup: str = ""
    text: str = ""


def normalize(text: str) -> str:
    """The text as Streamlit's server and micromark will read it: dedented, stripped, one kind of line end."""
    text = _INVALID_CHARS.sub("\ufffd", _LINE_END.sub("\n", text))
    lines = ("" if line.isspace() else line for line in dedent(text).split("\n"))
    # micromark drops a byte order mark, but only in front; the server's strip() may bring one there.
    return "\n".join(lines).strip().lstrip("\ufeff \t\n").strip()


def _footnote_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A footnote definition is a container: what is indented by four below it is not code."""
    if state.is_code_block(start):
        return False
    match = _FOOTNOTE_LABEL.match(state.src, state.bMarks[start] + state.tShift[start], state.eMarks[start])
    if not match:
        return False
    if silent:
        return True
    saved = state.bMarks[start], state.tShift[start], state.sCount[start], state.blkIndent, state.parentType
    state.push("footnote_open", "div", 1).map = [start, start + 1]
    state.blkIndent += 4
    state.bMarks[start], state.tShift[start], state.sCount[start] = match.end(), 0, state.blkIndent
    state.parentType = "footnote"
    state.md.block.tokenize(state, start, end)
    state.bMarks[start], state.tShift[start], state.sCount[start], state.blkIndent, state.parentType = saved
    state.push("footnote_close", "div", -1)
    return True


def _display_formula_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A display formula that has its lines to itself, between $$ and $$ or between \\[ and \\]."""
    at = state.bMarks[start] + state.tShift[start]
    opener = state.src[at : at + 2]
    if opener not in _FORMULA_CLOSERS or state.is_code_block(start) or state.src[at + 2 : at + 3] == "$":
        return False
    parts: list[str] = []
    piece, line = state.src[at + 2 : state.eMarks[start]], start
    # Like a fence, a formula to the left of a list item ends the item.
    least = min(state.blkIndent, max(state.sCount[start], 0))
    while (closed := piece.find(_FORMULA_CLOSERS[opener])) < 0:
        parts.append(_TEX_COMMENT.sub(r"\1", piece).strip())
        line += 1
        outside = line >= end or (not state.isEmpty(line) and state.sCount[line] < least)
        if outside or line - start > MAX_FORMULA_LINES or opener in piece:
            return False
        piece = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
    tail = piece[closed + 2 :].strip()
    body = " ".join((*parts, piece[:closed].strip())).strip()
    if tail not in ("", ".", ",", ";", ":") or not is_formula(body):
        return False
    if not silent:
        token = state.push("display", "", 0)
        token.map, token.content = [start, line + 1], (body + tail).strip()
        token.meta = {"column": at - state.src.rfind("\n", 0, at) - 1}
        state.line = line + 1
    return True


def is_formula(body: str) -> bool:
    """Whether TeX can stand between dollars without meaning anything else to a Markdown parser."""
    taboo = "`" in body or "~~~" in body or "\n" in body or _UNESCAPED_DOLLAR.search(body)
    return bool(body.strip()) and not taboo and len(body) <= MAX_FORMULA_CHARS


def escape_formula(body: str) -> str:
    """TeX with a space, which means nothing to TeX, in every place where Markdown would see more in it."""
    return _MARKDOWN_SYNTAX.sub(" ", body.strip())


def format_display_formula(body: str) -> str:
    """A display formula on one line that no parser can take for the start of a block."""
    body = escape_formula(body)
    return f"\\displaystyle {body}" if re.match(r"[-+*>#=~:|\[\d]", body) else body


def is_dollar_formula(body: str, following: str, dollar_count: int) -> bool:
    """Whether two dollars were written to hold a formula, and not to name two prices or variables."""
    follows = following[:1].isascii() and following[:1].isalnum()
    if not is_formula(body) or (
        dollar_count == 1 and (body != body.strip() or (follows and not _WORD_SUFFIX.match(following)))
    ):
        return False
    prose = (
        _NUMBER_AND_WORD.match(body)
        or _TWO_WORDS.search(body)
        or (dollar_count == 2 and _SINGLE_WORD.fullmatch(body))
    )
    return bool(re.search(r"[\\^_=]", body)) or not prose


def _build_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 60})
    # Raw HTML gets its `<` escaped, and a link definition swallows its line without ending the paragraph.
    parser.disable(["html_block", "reference"])
    # Ahead of lists, as markdown-it has it, a table would take an item's marker for the text of a cell.
    parser.block.ruler.after("heading", "late_table", table, {"alt": ["paragraph"]})
    interrupts: RuleOptionsType = {"alt": ["paragraph", "blockquote", "list"]}
    parser.block.ruler.before("fence", "footnote", _footnote_rule, interrupts)
    parser.block.ruler.before("footnote", "display", _display_formula_rule, interrupts)
    return parser


_PARSER = _build_parser()


def _parse_tokens(lines: list[str]) -> list[Token]:
    tokens: list[Token] = []
    _PARSER.block.parse("\n".join(lines), _PARSER, {}, tokens)
    return tokens


def parse_blocks(lines: list[str]) -> list[MarkdownBlock]:
    """The leaf blocks of a cleaned text, in order; column is where the container's prefix ends."""
    found = []
    for before, token in zip([None, *(tokens := _parse_tokens(lines))], tokens, strict=False):
        start, end = token.map or (0, 0)
        if token.type == "fence":
            found.append(
                MarkdownBlock("fence", start, end, token.level, markup=token.markup, text=token.info)
            )
        elif token.type in ("code_block", "table_open"):
            found.append(
                MarkdownBlock("indented" if token.type == "code_block" else "table", start, end, token.level)
            )
        elif token.type == "display":
            found.append(
                MarkdownBlock("display", start, end, token.level, token.meta["column"], text=token.content)
            )
        elif token.type == "inline" and before and before.type == "paragraph_open":
            first = token.content.split("\n", 1)[0].rstrip()
            line = lines[start].rstrip()
            column = len(line) - len(first) if line.endswith(first) else len(line) - len(line.lstrip())
            found.append(MarkdownBlock("paragraph", start, end, token.level, column))
    return found


def is_mermaid(info: str) -> bool:
    """Whether the renderer may hand a fence with this info string to mermaid."""
    return "mermaid" in html.unescape(info).replace("\\", "").lower()


def can_load_resources(source: str) -> bool:
    """Whether a mermaid source could make the browser ask a host for something; in doubt it could."""
    return source.lstrip(" \t\n>").startswith("---") or bool(_EXTERNAL_RESOURCE.search(source))


def _has_open_formula(lines: list[str], start: int, end: int) -> bool:
    """Whether an opener in the paragraph start..end waits for a closer that may still arrive."""
    for number in range(max(start, len(lines) - MAX_FORMULA_LINES - 1), end):
        if match := _FORMULA_OPENER.match(lines[number]):
            rest = "\n".join(lines[number:end])[match.end() :]
            if _FORMULA_CLOSERS[match[1]] not in rest:
                return True
    return False


def _is_unambiguous(rest: str, after_list: bool) -> bool:
    """Whether enough of a block has come to know that it starts one."""
    line, ended, _ = rest.partition("\n")
    if ended:
        return True
    return len(rest) >= LOOKAHEAD_CHARS and not (after_list and _AMBIGUOUS_START.fullmatch(line))


def _is_same_container(kind: str, previous_kind: str) -> bool:
    if kind in _LIST_TOKENS:
        return previous_kind in _LIST_TOKENS
    return kind == previous_kind == "blockquote_open"


def stable_prefix_length(text: str) -> int:
    """
    How many characters of the raw text are finished Markdown blocks, fit to be an element of their own.

    Give it what is not frozen yet; 0 means nothing can be frozen now. What is left starts a block, at a line
    that is not indented, so that Streamlit's dedent and strip change neither part.
    """
    ends = [0, *(match.end() for match in _LINE_END.finditer(text))]
    lines = _INVALID_CHARS.sub("\ufffd", _LINE_END.sub("\n", text)).split("\n")
    first = next((line for line in lines if line.strip(" \t")), "")
    if first.startswith(("\t", "    ", " \t", "  \t", "   \t")):
        return 0
    cut, last, last_end = 0, "", 0
    for token in _parse_tokens(lines):
        if token.level or token.nesting < 0 or not token.map:
            continue
        start = token.map[0]
        free = start > 0 and not lines[start - 1].strip(" \t") and lines[start][:1] not in (" ", "\t")
        apart = last and token.type != "code_block" and not _is_same_container(token.type, last)
        if free and apart and ends[start] >= MIN_BLOCK_CHARS:
            cut = ends[start] if _is_unambiguous(text[ends[start] :], last in _LIST_TOKENS) else cut
        last, last_end = token.type, token.map[1]
        if last == "paragraph_open" and _has_open_formula(lines, start, last_end):
            break
    return cut
