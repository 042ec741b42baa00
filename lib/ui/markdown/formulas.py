"""Recognition of TeX formulas among prices, citations and other text, as rules for a markdown-it parser."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from mdit_py_plugins.dollarmath.index import math_block_dollar, math_inline_dollar
from mdit_py_plugins.texmath.index import RuleDictType, make_block_func, make_inline_func

BlockRule = Callable[[StateBlock, int, int, bool], bool]
InlineRule = Callable[[StateInline, bool], bool]

# A longer formula is none: an opener that is never closed must not hold the text back for ever.
MAX_FORMULA_CHARS = 4000
MAX_FORMULA_LINES = 60
FORMULA_CLOSERS = {"$$": "$$", "\\[": "\\]"}

_UNESCAPED_DOLLAR = re.compile(r"(?<!\\)\$")
_NUMBER_AND_WORD = re.compile(r"\d[\d.,]*(?:[kKmM]|bn)?\s+[A-Za-z]{2,}")
TWO_WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}[,;]?\s+[A-Za-z]{2,}")
_SINGLE_WORD = re.compile(r"\s+[a-z]{2,}\s+")
_WORD_SUFFIX = re.compile(r"(?:st|nd|rd|th|s)\b")
TRAILING_PUNCTUATION = re.compile(r"[.,;:]?[ \t]*")
# Escaped brackets also hold the numbers of citations.
CITATION_NUMBERS = re.compile(r"[\d\s,;–-]*")
_MAX_ENVIRONMENT_LINES = 200
_TRAILING_SIGNS = ".,;: \t"
# The environments of amsmath and of LaTeX itself; KaTeX has those that `tex` does not replace.
_ENVIRONMENT = re.compile(
    r"\\begin\{((?:equation|multline|gather|align|alignat|flalign|eqnarray|subequations|split|gathered|aligned|alignedat"
    r"|cases|dcases|rcases|array|CD|(?:small|p|b|B|v|V)?matrix)\*?)\}"
)
_TEX_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*")


def is_formula(body: str) -> bool:
    """Check that TeX can stand between dollars."""
    has_markdown = "`" in body or _UNESCAPED_DOLLAR.search(body)
    return bool(body.strip()) and not has_markdown and len(body) <= MAX_FORMULA_CHARS


def is_dollar_formula(body: str, following: str, dollar_count: int) -> bool:
    """Check that two dollars were written to hold a formula, and not to name two prices or variables."""
    is_joined = following[:1].isascii() and following[:1].isalnum()
    if not is_formula(body) or (
        dollar_count == 1 and (body != body.strip() or (is_joined and not _WORD_SUFFIX.match(following)))
    ):
        return False
    is_prose = (
        _NUMBER_AND_WORD.match(body) or TWO_WORDS.search(body) or (dollar_count == 2 and _SINGLE_WORD.fullmatch(body))
    )
    return bool(re.search(r"[\\^_=]", body)) or not is_prose


def find_open_environment(lines: Sequence[str]) -> int | None:
    """Find the line of a paragraph that begins an environment; in a paragraph it has no end."""
    return next((number for number, line in enumerate(lines) if _ENVIRONMENT.match(line.lstrip())), None)


def join_lines(body: str) -> str:
    """Bring a formula onto one line, as it has to be inside a paragraph, without comments and pictures."""
    line = " ".join(line.strip() for line in _TEX_COMMENT.sub(r"\1", body).split("\n"))
    return line.strip().replace("![", "! [")


def _display_rule(rule: BlockRule, opener: str, closer: str) -> BlockRule:
    """Limit a plugin's block rule to formulas that have their lines to themselves."""

    def parse(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        position = state.bMarks[start] + state.tShift[start]
        if not state.src.startswith(opener, position) or state.is_code_block(start):
            return False
        token_count, previous_line = len(state.tokens), state.line
        if not rule(state, start, end, False):
            return False
        del state.tokens[token_count:]
        last, state.line = state.line, previous_line
        text = state.getLines(start, last, state.blkIndent, False).strip()
        # The environment of an amsmath formula belongs to it.
        body, _, tail = text.removeprefix(opener).rpartition(closer) if closer else (text, "", "")
        is_inside = all(state.isEmpty(line) or state.sCount[line] >= state.blkIndent for line in range(start, last))
        if not is_inside or not is_formula(body) or not TRAILING_PUNCTUATION.fullmatch(tail):
            return False
        if not silent:
            token = state.push("formula", "", 0)
            token.map, token.content = [start, last], body.strip("\n") + tail.strip()
            token.meta = {"column": position - state.src.rfind("\n", 0, position) - 1}
            state.line = last
        return True

    return parse


def _environment_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read an environment that has its lines to itself, from \\begin to the line that ends with its \\end."""
    opener = _ENVIRONMENT.match(state.src, state.bMarks[start] + state.tShift[start], state.eMarks[start])
    if not opener:
        return False
    closer = f"\\end{{{opener[1]}}}"
    for line in range(start, min(end, start + _MAX_ENVIRONMENT_LINES)):
        if state.src[state.bMarks[line] : state.eMarks[line]].rstrip(_TRAILING_SIGNS).endswith(closer):
            state.line = line + 1
            return True
    return False


def _texmath_rule(tag: str, pattern: str) -> RuleDictType:
    return {"name": "formula", "tag": tag, "rex": re.compile(pattern), "tmpl": ""}


_BRACKETS = _texmath_rule("\\[", r"^\\\[((?:(?!\\[\[\]])[^`]){1,4000}?)\\\]")
_PARENTHESES = _texmath_rule("\\(", r"^\\\(((?:(?!\\[()])[^`]){1,4000}?)\\\)")

DISPLAY_RULES: dict[str, BlockRule] = {
    "dollars": _display_rule(math_block_dollar(allow_labels=False, allow_blank_lines=True), "$$", "$$"),
    "brackets": _display_rule(make_block_func(_BRACKETS), "\\[", "\\]"),
    "amsmath": _display_rule(_environment_block, "\\begin{", ""),
}
parse_inline_dollars: InlineRule = math_inline_dollar(allow_space=False, allow_double=True)
parse_inline_brackets: InlineRule = make_inline_func(_BRACKETS)
parse_inline_parentheses: InlineRule = make_inline_func(_PARENTHESES)
