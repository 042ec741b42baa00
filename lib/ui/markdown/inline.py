"""Rewriting of one paragraph by markdown-it rules for formulas, pictures, links and directives."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

from lib.ui.markdown import footnotes, html_tags, links, signs
from lib.ui.markdown.edits import apply_edits, replace
from lib.ui.markdown.emphasis import add_emphasis_edits
from lib.ui.markdown.formulas import (
    CITATION_NUMBERS,
    TRAILING_PUNCTUATION,
    InlineRule,
    is_dollar_formula,
    is_formula,
    join_lines,
    parse_inline_brackets,
    parse_inline_dollars,
    parse_inline_parentheses,
)
from lib.ui.markdown.tex import prepare_formula

MAX_ARRIVING_CODE_CHARS = 80
_MAX_CACHED_CHARS = 500

# A directive reads its name as markup: `:red[text]` is red text, `:x[y]` is only y, `::x` is an empty block.
_DIRECTIVE = r":(?=[A-Za-z][\w-]*[\[{]|(?:material|streamlit)[/:])|:(?<![^\s>]:):+(?=[A-Za-z])"

# Text without any of these is unchanged. Each begins with a character, which makes the search fast.
SPECIAL = re.compile(
    rf"\$|\[![A-Za-z]|\[\^|\\[(\[><~-]|\\begin\{{|!\[|\]\(|\]:|<|&[#A-Za-z]|--|->|>=|~|(?<=[^\x00-\x7f])[*_]|[*_](?=[^\x00-\x7f])"
    rf"|\n(?=[^\n])|[:;]material_|(?<=[^\W_]):[\w+-]+:|://|(?i:www\.)|{_DIRECTIVE}"
)

_ADDRESS_WITHOUT_SCHEME = re.compile(r"www\.", re.IGNORECASE)
# The name of an emoji between words, as in `user:id:name`. After a space it is meant as one.
_EMOJI_NAME = re.compile(r":(?=[\w+-]*[A-Za-z][\w+-]*:|100:|1234:)")
_DIRECTIVE_OPENER = re.compile(_DIRECTIVE)
_IMAGE = re.compile(r"!\[(?P<alt>(?:[^\[\]\\`]|\\.|\[[^\[\]\\`]*\]){0,2000})\](?=[(\[])")
_LINKED_IMAGE = re.compile(r"!\[(?P<alt>[^\[\]\\`$<:!]*)\]\([^\s()<>\\`$\[\]]*(?:\s+\"[^\"`$\\\[\]]*\")?\)(?=\]\()")
_DATA_IMAGE = re.compile(r"!\[[^\[\]\\`!$<&:\n]*\]\(data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+\)")


def rewrite_inline(content: str, *, allows_display: bool, is_last: bool) -> str:
    """Rewrite the text of a paragraph.

    `allows_display` is false where a formula has to stay on its line, `is_last` true where more may arrive.
    """
    rewrite = _rewrite if is_last or len(content) > _MAX_CACHED_CHARS else _rewrite_cached
    return rewrite(content, allows_display, is_last)


def _rewrite(content: str, allows_display: bool, is_last: bool) -> str:
    env: dict[str, Any] = {"edits": [], "runs": [], "allows_display": allows_display, "is_last": is_last}
    env["open_tags"] = []
    parser = _ADDRESS_PARSER if _ADDRESS_WITHOUT_SCHEME.search(content) else _PARSER
    parser.inline.parse(content, parser, env, [])
    html_tags.close_tags(content, env, env["edits"], is_last=is_last)
    edits = add_emphasis_edits(content, env["runs"], env["edits"], is_row=not allows_display)
    return apply_edits(content, edits)


# Each frame of an arriving answer has the lines above its last one again, and so has the whole answer at its end.
_rewrite_cached = lru_cache(maxsize=1024)(_rewrite)


def _match_formula(rule: InlineRule, state: StateInline) -> tuple[str, int] | None:
    """Run a plugin's rule at the current position, without a token; return the formula's body and end."""
    start, token_count = state.pos, len(state.tokens)
    if not rule(state, False):
        return None
    end, state.pos = state.pos, start
    body = state.tokens[-1].content
    del state.tokens[token_count:]
    return body, end


def _replace_inline_formula(state: StateInline, body: str, end: int, dollar_count: int = 1) -> bool:
    """Write a formula in the form that the renderer cannot read as anything else."""
    following = state.src[end : end + 1]
    formula = prepare_formula(body)
    if formula is None:
        return replace(state, end, f"`{' '.join(state.src[state.pos : end].split())}`")
    if "$" in body or (following.isascii() and following.isalnum()):
        dollar_count = 2
    edits = state.env["edits"]
    is_adjacent = bool(edits) and edits[-1][1] == state.pos and edits[-1][2].endswith("$")
    dollars = "$" * dollar_count
    return replace(state, end, f"{' ' if is_adjacent else ''}{dollars}{join_lines(formula)}{dollars}")


def _dollars(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "$":
        return False
    run_length = len(state.src) - state.pos - len(state.src[state.pos :].lstrip("$"))
    match = _match_formula(parse_inline_dollars, state) if run_length < 3 else None
    if match is None or not is_dollar_formula(match[0], state.src[match[1] : match[1] + 8], run_length):
        return replace(state, state.pos + run_length, "\\$" * run_length)
    return _replace_inline_formula(state, *match, run_length)


def _parentheses(state: StateInline, silent: bool) -> bool:
    match = _match_formula(parse_inline_parentheses, state)
    return match is not None and is_formula(match[0]) and _replace_inline_formula(state, *match)


def _brackets(state: StateInline, silent: bool) -> bool:
    match = _match_formula(parse_inline_brackets, state)
    if match is None or not is_formula(match[0]) or state.src[match[1] : match[1] + 1] == "(":
        return False
    body, end = match
    at_line_start = not state.pos or state.src[state.pos - 1] == "\n"
    if CITATION_NUMBERS.fullmatch(body) or (at_line_start and body in "xX"):
        return False
    if not state.env["allows_display"]:
        return _replace_inline_formula(state, body, end)
    formula = prepare_formula(body)
    if formula is None:
        return _replace_inline_formula(state, body, end)
    tail = TRAILING_PUNCTUATION.match(state.src, end)
    after = tail.end() if tail else end
    before = "" if at_line_start else "\n"
    rest = "" if after == len(state.src) or state.src[after] == "\n" else "\n"
    return replace(state, after, f"{before}$$\n{formula.strip()}{state.src[end:after].strip()}\n$${rest}")


def _image(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("![", state.pos):
        return False
    if data := _DATA_IMAGE.match(state.src, state.pos):
        return replace(state, data.end(), data[0])
    if state.src[state.pos - 1 : state.pos] == "[" and (linked := _LINKED_IMAGE.match(state.src, state.pos)):
        return replace(state, linked.end(), linked["alt"] or "image")
    image = _IMAGE.match(state.src, state.pos)
    if image and not image["alt"].strip():
        return replace(state, image.end() - 1, "[image")
    links.note_label(state, state.pos + 1)
    is_image = image and state.src[state.pos - 1 : state.pos] != "!"
    return replace(state, state.pos + 2, "[" if is_image else "&#33;[")


def _directive(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != ":":
        return False
    if state.src[state.pos - 1 : state.pos] == ":":
        return False
    if state.pos and state.src[state.pos - 1].isalnum() and _EMOJI_NAME.match(state.src, state.pos):
        return replace(state, state.pos + 1, ":color[:]")
    if opener := _DIRECTIVE_OPENER.match(state.src, state.pos):
        # No backslash: the renderer looks for icons after the escapes, and for its logo after the references.
        colons = "&#58;" * len(opener[0])
        if state.src.startswith("streamlit:", opener.end()):
            return replace(state, opener.end() + 1, f"{colons}:color[s]")
        return replace(state, opener.end(), colons)
    return False


def _arriving_code(state: StateInline, silent: bool) -> bool:
    """Leave an unclosed code span alone: its end has probably not arrived yet."""
    if state.src[state.pos] != "`" or not state.env["is_last"]:
        return False
    rest = state.src[state.pos :]
    code = rest.lstrip("`")
    if len(rest) > MAX_ARRIVING_CODE_CHARS or rest[: len(rest) - len(code)] in code:
        return False
    state.pos = state.posMax
    return True


_RULES: dict[str, Callable[[StateInline, bool], bool]] = {
    "dollars": _dollars,
    "parentheses": _parentheses,
    "brackets": _brackets,
    "picture": _image,
    "address": links.bare_address,
    "directive": _directive,
    "arrow": signs.arrow,
    "reference": signs.letter_reference,
    "break": signs.html_break,
    "tag": html_tags.tag,
    "html": links.html_or_autolink,
    "footnote": footnotes.footnote,
    "label": links.label,
    "destination": links.destination,
    "delimiters": signs.delimiters,
    "line_end": signs.line_end,
    "arriving": _arriving_code,
}


def _build_parser(extra_chars: str) -> MarkdownIt:
    parser = MarkdownIt("zero", {"maxNesting": 60})
    parser.inline.ruler.enableOnly(["text", "escape", "backticks"])
    for name, rule in _RULES.items():
        parser.inline.ruler.before("escape", name, rule)
    for char in extra_chars:
        parser.inline.add_terminator_char(char)
    return parser


_PARSER = _build_parser("")
_ADDRESS_PARSER = _build_parser("wW")
