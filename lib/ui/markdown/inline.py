"""Rewriting of one paragraph by markdown-it rules for formulas, pictures, links and directives."""

from __future__ import annotations

import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

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

MAX_ARRIVING_CODE_CHARS = 80

# A link, a definition or an autolink of another scheme than http, https and mailto.
_OTHER_SCHEME = r"(?:\]\(\s*<?|\]:\s*<?|<)(?!(?i:https?:|mailto:))[A-Za-z][A-Za-z0-9+.-]*:"
# A directive reads its name as markup: `:red[text]` is red text, `:x[y]` is only y, `::x` is an empty block.
_DIRECTIVE = r":(?=[A-Za-z][\w-]*[\[{]|(?:material|streamlit)[/:])|:(?<![^\s>]:):+(?=[A-Za-z])"

# Text without any of these is unchanged. Each begins with a character, which makes the search fast.
SPECIAL = re.compile(rf"\$|\\[(\[]|\\begin\{{|!\[|{_OTHER_SCHEME}|{_DIRECTIVE}")

_OTHER_SCHEME_LINK = re.compile(_OTHER_SCHEME)
_DIRECTIVE_OPENER = re.compile(_DIRECTIVE)
_URL_REST = re.compile(r"://[^\s<>)\]`]*")
_IMAGE = re.compile(r"!\[(?P<alt>(?:[^\[\]\\`]|\\.|\[[^\[\]\\`]*\]){0,2000})\](?=[(\[])")
_LINKED_IMAGE = re.compile(r"!\[(?P<alt>[^\[\]\\`$<:!]*)\]\([^\s()<>\\`$\[\]]*(?:\s+\"[^\"`$\\\[\]]*\")?\)(?=\]\()")
_DATA_IMAGE = re.compile(r"!\[[^\[\]\\`!$<&:\n]*\]\(data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+\)")


def rewrite_inline(content: str, *, allows_display: bool, is_last: bool) -> str:
    """Rewrite the text of a paragraph.

    `allows_display` is false where a formula has to stay on its line, `is_last` true where more may arrive.
    """
    edits: list[tuple[int, int, str]] = []
    env = {"edits": edits, "allows_display": allows_display, "is_last": is_last}
    _PARSER.inline.parse(content, _PARSER, env, [])
    pieces, end = [], 0
    for start, stop, replacement in edits:
        pieces += [content[end:start], replacement]
        end = stop
    return "".join([*pieces, content[end:]])


def _replace(state: StateInline, end: int, replacement: str) -> bool:
    """Record the replacement of the text up to `end`, and go on behind it."""
    state.env["edits"].append((state.pos, end, replacement))
    state.pos = end
    return True


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
    if "$" in body or (following.isascii() and following.isalnum()):
        dollar_count = 2
    edits = state.env["edits"]
    is_adjacent = bool(edits) and edits[-1][1] == state.pos and edits[-1][2].endswith("$")
    dollars = "$" * dollar_count
    return _replace(state, end, f"{' ' if is_adjacent else ''}{dollars}{join_lines(body)}{dollars}")


def _dollars(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "$":
        return False
    run_length = len(state.src) - state.pos - len(state.src[state.pos :].lstrip("$"))
    match = _match_formula(parse_inline_dollars, state) if run_length < 3 else None
    if match is None or not is_dollar_formula(match[0], state.src[match[1] : match[1] + 8], run_length):
        return _replace(state, state.pos + run_length, "\\$" * run_length)
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
    tail = TRAILING_PUNCTUATION.match(state.src, end)
    after = tail.end() if tail else end
    before = "" if at_line_start else "\n"
    rest = "" if after == len(state.src) or state.src[after] == "\n" else "\n"
    return _replace(state, after, f"{before}$$\n{body.strip()}{state.src[end:after].strip()}\n$${rest}")


def _image(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("![", state.pos):
        return False
    if data := _DATA_IMAGE.match(state.src, state.pos):
        return _replace(state, data.end(), data[0])
    if state.src[state.pos - 1 : state.pos] == "[" and (linked := _LINKED_IMAGE.match(state.src, state.pos)):
        return _replace(state, linked.end(), linked["alt"] or "image")
    image = _IMAGE.match(state.src, state.pos)
    if image and not image["alt"].strip():
        return _replace(state, image.end() - 1, "[image")
    is_image = image and state.src[state.pos - 1 : state.pos] != "!"
    return _replace(state, state.pos + 2, "[" if is_image else "&#33;[")


def _directive(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != ":":
        return False
    if url := _URL_REST.match(state.src, state.pos):
        return _replace(state, url.end(), url[0].replace("$", "%24"))
    if state.src[state.pos - 1 : state.pos] == ":":
        return False
    if opener := _DIRECTIVE_OPENER.match(state.src, state.pos):
        # No backslash: the renderer looks for icons after the escapes, and for its logo after the entities.
        joiner = "&#8288;" if state.src.startswith("streamlit", opener.end()) else ""
        return _replace(state, opener.end(), "&#58;" * len(opener[0]) + joiner)
    return False


def _link(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "]<" or not _OTHER_SCHEME_LINK.match(state.src, state.pos):
        return False
    if state.src[state.pos] == "<":
        return _replace(state, state.pos + 1, "&lt;")
    return _replace(state, state.pos + 2, f"]\\{state.src[state.pos + 1]}")


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
    "directive": _directive,
    "scheme": _link,
    "arriving": _arriving_code,
}


def _build_parser() -> MarkdownIt:
    parser = MarkdownIt("zero", {"maxNesting": 60})
    parser.inline.ruler.enableOnly(["text", "escape", "backticks"])
    for name, rule in _RULES.items():
        parser.inline.ruler.before("escape", name, rule)
    return parser


_PARSER = _build_parser()
