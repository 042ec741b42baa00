"""The part of a growing text that can be shown: what the next characters may turn into something else waits.

A text that is shown stays: a formula appears when it is closed, a link shows its label until then, and a table
begins with its second row. Nothing waits for ever, because an opener may have no closer.
"""

from __future__ import annotations

import re

from lib.ui.markdown.formulas import FORMULA_CLOSERS, TWO_WORDS, is_dollar_formula

# Characters after an opener: a longer text is no formula, no label and no address.
MAX_DISPLAY_CHARS = 2000
MAX_INLINE_CHARS = 300
MAX_PRICE_CHARS = 24
MAX_LABEL_CHARS = 300
MAX_CODE_CHARS = 200
MAX_TABLE_CHARS = 800

_FENCE = re.compile(r"(?P<run>(?P<sign>[`~])(?P=sign){2,})(?P<info>[^\n]*)(?P<end>\n|\Z)")
_FENCE_PREFIX = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*")
_FENCE_CLOSER = re.compile(r"[ \t>]*[`~]+[ \t]*")
# A blank line or the start of a list item.
_BLOCK_START = re.compile(r"\n[ \t>]*(?:\n|(?=(?:[-+*]|\d{1,9}[.)])[ \t]))")
_CODE_SPAN = re.compile(r"(?<!`)(?P<run>`+)(?!`).*?(?<!`)(?P=run)(?!`)", re.DOTALL)
_PARENTHESIS = re.compile(r"[()]")
_BACKTICKS = re.compile(r"`+")
_DISPLAY_OPENER = re.compile(r"(?<!\\)\\\[(?!\d)|(?<!\\)\$\$|\\begin\{(?P<name>[a-zA-Z]+\*?)\}")
_INLINE_OPENER = re.compile(r"(?<!\\)\\\(")
_DOLLAR = re.compile(r"(?<![\\$])\$(?!\$)")
_PRICE = re.compile(r"\d[\d.,]*(?:[kKmM]|bn)?(?:[)\];!?*\"'’”]|[.,]?\s+[^\W\d_]{2,}|[.,]\s)")
_TEX_SIGN = re.compile(r"[\\^_=]")
_NO_ADDRESS = re.compile(r"\s[^\"'(\s]")
# The label of a link may contain brackets of its own.
_LABEL = r"(?P<label>(?:[^\[\]\\]|\\.|\[(?:[^\[\]\\]|\\.)*\])*)"
_OPEN_LABEL = re.compile(rf"!?(?<!\\)\[{_LABEL}(?:\[[^\[\]]*)?\]?\Z", re.DOTALL)
_LAST_LABEL = re.compile(rf"!?(?<!\\)\[{_LABEL}\]\Z", re.DOTALL)
_ROW = re.compile(r"[ \t]*\|")
_DELIMITER_ROW_START = re.compile(r"[|:\- \t]*")
_OPEN_DELIMITERS = re.compile(r"(?<![*_~])[*_~]{1,3}\Z")
# The end of a text that may become something else: a tag, an entity, a run of delimiters, an escape, an image. A colon
# is written in another way before a mark.
_UNDECIDED_END = re.compile(
    r":?(?::|<[A-Za-z/!][^<>\s]{0,100}|<br ?/?|<(?:su[bp]|kbd)>|<"
    r"|&#?\w{0,10}|(?<![*_~])[*_~]{1,3}|\\(?:b(?:e(?:g(?:i(?:n(?:\{[a-z]*\*?)?)?)?)?)?)?|!)\Z",
    re.IGNORECASE,
)
# A last line that may begin a block of any kind: a list, a heading, a rule, a fence, a table.
_UNDECIDED_LINE = re.compile(r"(?:\A|\n)[ \t>]*(?:[-+*_=#~`|:>]+(?:[ \t]+[-*_:|]*)*|\d{1,9}[.)]?)[ \t]*\Z")


def visible_part(text: str) -> str:
    """Return the beginning of a growing text that stays as it is shown, whatever follows.

    `text` starts with a block. The label of an unclosed link at its end is text.
    """
    code_start, is_open = find_code(text)
    if is_open:
        return text[: _find_code_end(text, code_start)]
    end = _find_open_display(text, code_start)
    paragraph = code_start
    for block in _BLOCK_START.finditer(text, code_start, end):
        paragraph = block.end()
    shown = text[paragraph:end]
    table_start = _find_table_start(shown)
    if table_start is not None:
        shown = shown[:table_start]
    return text[:paragraph] + _cut_inline(shown, is_cut=table_start is not None or end < len(text))


def has_open_display(text: str) -> bool:
    """Check for a display formula without an end, however long, behind the last fence of a text."""
    position, _ = find_code(text)
    while opener := _DISPLAY_OPENER.search(text, position):
        closer = FORMULA_CLOSERS.get(opener[0]) or f"\\end{{{opener['name']}}}"
        end = text.find(closer, opener.end())
        if end < 0:
            return True
        position = end + len(closer)
    return False


def has_open_inline(text: str) -> bool:
    """Check for signs in rows of a table that may belong to those of a later row; also true for some that do not."""
    masked = _CODE_SPAN.sub("", text)
    return (
        "`" in masked
        or "$" in masked
        or masked.count("\\(") != masked.count("\\)")
        or masked.rfind("\\(") > masked.rfind("\\)")
        or masked.count("[") != masked.count("]")
        or masked.rfind("[") > masked.rfind("]")
    )


def find_code(text: str) -> tuple[int, bool]:
    """Find the start of an open fence, with True, or the end of the last closed one."""
    position, opener = 0, None
    if "```" not in text and "~~~" not in text:
        return 0, False
    for match in _FENCE.finditer(text):
        run, line_start = match["run"], text.rfind("\n", 0, match.start()) + 1
        if not _FENCE_PREFIX.fullmatch(text, line_start, match.start()):
            continue
        if opener is None:
            if run[0] == "~" or "`" not in match["info"]:
                opener, position = match, line_start
        elif run[0] == opener["run"][0] and len(run) >= len(opener["run"]) and not match["info"].strip():
            if not match["end"]:
                return line_start, True
            opener, position = None, match.end()
    return position, opener is not None


def _find_code_end(text: str, start: int) -> int:
    """Find the end of the lines of an open fence that are complete, or are code in any case."""
    first_end = text.find("\n", start)
    if first_end < 0:
        return start
    last_line = text.rfind("\n") + 1
    return last_line - 1 if _FENCE_CLOSER.fullmatch(text, last_line) else len(text)


def _find_open_display(text: str, start: int) -> int:
    """Find a display formula whose end has not arrived; the end of the text without one."""
    position = start
    if "$$" not in text and "\\[" not in text and "\\begin{" not in text:
        return len(text)
    while opener := _DISPLAY_OPENER.search(text, position):
        closer = FORMULA_CLOSERS.get(opener[0]) or f"\\end{{{opener['name']}}}"
        end = text.find(closer, opener.end())
        position = opener.end() if end < 0 else end + len(closer)
        if end < 0 and len(text) - opener.start() <= MAX_DISPLAY_CHARS:
            is_prose = opener[0] == "$$" and not _may_be_formula(text[opener.end() :].lstrip(), MAX_DISPLAY_CHARS)
            if not is_prose and not _is_in_code(text, opener.start(), start):
                return opener.start()
    return len(text)


def _is_in_code(text: str, position: int, start: int) -> bool:
    """Tell if a position is in a code span of its line."""
    line_start = max(start, text.rfind("\n", start, position) + 1)
    line_end = text.find("\n", position)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    spans = (span.span() for span in _CODE_SPAN.finditer(line))
    return any(first < position - line_start < last for first, last in spans)


def _find_table_start(paragraph: str) -> int | None:
    """Find the first row of a table whose second row has not arrived."""
    second = paragraph.rfind("\n") + 1
    first = paragraph.rfind("\n", 0, max(0, second - 1)) + 1
    if len(paragraph) - first > MAX_TABLE_CHARS:
        return None
    if not second or not _ROW.match(paragraph, first):
        first = second
    elif not _DELIMITER_ROW_START.fullmatch(paragraph, second):
        return None
    above = paragraph.rfind("\n", 0, max(0, first - 1)) + 1
    is_in_table = first and _ROW.match(paragraph, above)
    return max(0, first - 1) if _ROW.match(paragraph, first) and not is_in_table else None


def _cut_inline(text: str, *, is_cut: bool) -> str:
    """Cut an unfinished formula, link or sign from the end of a paragraph; `is_cut` if more of it has arrived."""
    masked = _CODE_SPAN.sub(lambda span: "\x00" * len(span[0]), text) if "`" in text else text
    code = len(text)
    if backticks := list(_BACKTICKS.finditer(masked)):
        start = backticks[-1].start()
        # An unclosed code span is shown as one.
        code = start if len(text) - start <= MAX_CODE_CHARS else code
    head = _cut_open(text[:code], masked[:code])
    if len(head) != code:
        return _cut_last_line(_cut_delimiters(head))
    if code < len(text):
        return text if text[code:].strip("`") else _cut_last_line(_cut_delimiters(head))
    return _cut_last_line(_cut_delimiters(text)) if is_cut else _cut_end(text)


def _cut_open(text: str, masked: str) -> str:
    """Cut an unclosed formula, and the address of an unclosed link; code is masked in `masked`."""
    end = min(_find_open_formula(masked), _find_open_dollar(masked))
    text, masked = text[:end], masked[:end]
    opener = masked.rfind("](")
    if opener >= 0 and _has_open_parenthesis(masked, opener + 1):
        label, address = _LAST_LABEL.search(masked, max(0, opener - MAX_LABEL_CHARS), opener + 1), masked[opener + 2 :]
        if label and len(address) <= MAX_DISPLAY_CHARS and not _NO_ADDRESS.search(address):
            return text[: label.start()] + text[label.start("label") : opener]
        # No link after all; Streamlit would complete it.
        return f"{text[:opener]}]&#40;{text[opener + 2 :]}"
    if "[" in masked and (match := _OPEN_LABEL.search(masked, max(0, end - MAX_LABEL_CHARS))):
        # A colon is written in another way before a footnote.
        may_be_note = masked[max(0, match.start() - 1) : match.start() + 2] in (":[", ":[^")
        return text[: match.start() - may_be_note]
    last = masked.rfind("]") + 1
    return text[:last] + text[last:].replace("[", "&#91;") if "[" in masked[last:] else text


def _has_open_parenthesis(text: str, start: int) -> bool:
    """Check if the parenthesis at `start` is not closed, with all those in it."""
    depth = 0
    for sign in _PARENTHESIS.finditer(text, start):
        depth += 1 if sign[0] == "(" else -1
        if not depth:
            return False
    return True


def _find_open_formula(masked: str) -> int:
    position = 0 if "\\(" in masked else len(masked)
    while opener := _INLINE_OPENER.search(masked, position):
        end = masked.find("\\)", opener.end())
        if end < 0:
            return opener.start() if len(masked) - opener.start() <= MAX_INLINE_CHARS else len(masked)
        position = end + 2
    return len(masked)


def _find_open_dollar(masked: str) -> int:
    """Find a dollar that may still begin a formula."""
    dollars = [match.start() for match in _DOLLAR.finditer(masked)] if "$" in masked else []
    index = 0
    while index < len(dollars):
        start = dollars[index]
        body, following = masked[start + 1 :], dollars[index + 1 : index + 2]
        if following and is_dollar_formula(masked[start + 1 : following[0]], masked[following[0] + 1 :][:8], 1):
            if following[0] == len(masked) - 1:
                return start  # the next character tells if it is closed
            index += 2
            continue
        if not body or (not following and not body[0].isspace() and _may_be_formula(body, MAX_INLINE_CHARS)):
            return start
        index += 1
    return len(masked)


def _may_be_formula(body: str, max_chars: int) -> bool:
    """Tell if the text after an opener may still become a formula; False holds for each longer text."""
    if body[:1].isdigit():
        return len(body) <= MAX_PRICE_CHARS and not _PRICE.match(body)
    prose, tex = TWO_WORDS.search(body), _TEX_SIGN.search(body)
    is_prose = prose and (not tex or prose.end() <= tex.start())
    return len(body) <= max_chars and not is_prose


def _cut_delimiters(text: str) -> str:
    match = _OPEN_DELIMITERS.search(text, max(0, len(text) - 4))
    return text[: match.start()] if match else text


def _cut_last_line(text: str) -> str:
    """Cut a last line that may begin a block of any kind."""
    match = _UNDECIDED_LINE.search(text, max(0, text.rfind("\n")))
    return text[: match.start()] if match else text


def _cut_end(text: str) -> str:
    """Cut the last signs of a text whose meaning the next ones decide."""
    line = _cut_last_line(text)
    if len(line) < len(text):
        return line
    match = _UNDECIDED_END.search(text, max(0, len(text) - 120))
    return text[: match.start()] if match else text
