"""Text of an answer as it is read aloud: without Markdown, code, tables and formulas, in passages of some sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.texmath import texmath_plugin

from lib.core.patterns import compile_later

MAX_CHARS = 100_000  # of a text; the rest of a longer one is not read
# Characters. The first passage is one sentence, so that it sounds soon; a short one is no request of its own.
MIN_FIRST, TARGET, MAX_PASSAGE = 20, 220, 500
_MAX_INLINE = 1_500  # characters that are parsed at once: the time grows with their square
_MAX_BRACKETS = 20  # that are parsed without a look at their partners, for each of which the parser reads on
_MAX_LINK_DEPTH = 3  # of a link in the label of another, where there are many brackets
_BRACKETS = re.compile(r"\\.|[\[\]]", re.DOTALL)
_HIDDEN = "\ue000\ue001"  # in place of brackets that belong to no link
_SHOWN = str.maketrans(_HIDDEN, "[]")
_MAX_CODE = 40  # of code in a sentence; longer code is left out
_PLAIN_FORMULA = re.compile(r"[\w\s=+<>/.,:%()\-−×·°']{1,30}")
_WIDE = "\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef"
# The end of a sentence, with the quotation marks and brackets that close behind it.
_END = compile_later(rf"[。！？；…︒]+[”’」』）】\"')\]]*|[.!?…]+[\"'”’»)\]]*(?=\s|$|[{_WIDE}])|\n+")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[^\W\d_]|e\.g|i\.e|z\.\s?B|u\.\s?a|d\.\s?h|Mr|Mrs|Ms|Dr|Prof|St|vs|etc|Nr|No|Fig|approx|ca|bzw)\.$",
    re.IGNORECASE,
)
_ABBREVIATION_LENGTH = 10  # characters that are looked at
_PAUSE = compile_later(rf"[,;:—–](?=\s)|[，、：；]|\s(?=\S{{1,40}}\s)|(?<=[{_WIDE}])(?=[{_WIDE}])")
_URL = re.compile(r"\bhttps?://[^\s<>()\[\]{}]{1,2000}(?<![.,;:!?，。；：！？])", re.IGNORECASE)
_CITATION = re.compile(r"\s?(?:\[\^?\d{1,3}\]|【[^】]{1,40}】)")
_SPACE_BETWEEN_WIDE = compile_later(rf"(?<=[{_WIDE}]) (?=[{_WIDE}])")
_PICTURES = re.compile("[\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d\U0001f000-\U0001faff]+")
_SPOKEN = re.compile(r"\w")
_SKIPPED = ("fence", "code_block", "html_block", "math_block", "math_block_label", "math_block_eqno", "amsmath")


def _build_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": 40}).enable(["table", "strikethrough"])
    # As prices are: no digit directly behind a formula, no spaces inside of its marks.
    parser.use(dollarmath_plugin, allow_space=False, allow_digits=False, double_inline=True)
    return parser.use(texmath_plugin, delimiters="brackets")


_PARSER = _build_parser()


def split_passages(text: str) -> list[str]:
    """Return the passages of a Markdown text in the order in which they are spoken; [] for one without words."""
    passages: list[str] = []
    for sentence in _sentences(_blocks(_parse_blocks(text[:MAX_CHARS]))):
        last = passages[-1] if passages else ""
        limit = MIN_FIRST if len(passages) == 1 else TARGET
        if last and (len(last) < MIN_FIRST or len(last) + len(sentence) < limit):
            passages[-1] = _join(last, sentence)
        else:
            passages.append(sentence)
    return passages


def _join(first: str, second: str) -> str:
    is_wide = re.match(f"[{_WIDE}]", second) and re.search(f"[{_WIDE}]$", first)
    return f"{first}{'' if is_wide else ' '}{second}"


def _sentences(blocks: Iterator[str]) -> Iterator[str]:
    for block in blocks:
        start = 0
        for match in _END().finditer(block):
            ending = block[max(start, match.end() - _ABBREVIATION_LENGTH) : match.end()]
            if _ABBREVIATION.search(ending) and match.end() < len(block) and match.end() - start < MAX_PASSAGE:
                continue
            yield from _cut(block[start : match.end()].strip())
            start = match.end()
        yield from _cut(block[start:].strip())


def _cut(sentence: str) -> Iterator[str]:
    """Yield a sentence in parts of at most MAX_PASSAGE characters, cut at a pause where there is one."""
    while len(sentence) > MAX_PASSAGE:
        pauses = [match.end() for match in _PAUSE().finditer(sentence, MAX_PASSAGE // 2, MAX_PASSAGE)]
        end = pauses[-1] if pauses else MAX_PASSAGE
        yield sentence[:end].strip()
        sentence = sentence[end:].strip()
    if _SPOKEN.search(sentence):
        yield sentence


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield the texts of headings, paragraphs and items; a block that ends without a mark gets a full stop."""
    table_depth = 0
    for token in tokens:
        if token.type in ("table_open", "table_close"):
            table_depth += token.nesting
        if token.type != "inline" or table_depth or token.type in _SKIPPED:
            continue
        text = _clean("".join(_inline(_parse_inline(token.content))))
        if _SPOKEN.search(text):
            yield text if re.search(r"[^\w\s]$", text) else f"{text}{'。' if re.search(f'[{_WIDE}]$', text) else '.'}"


def _parse_blocks(text: str) -> list[Token]:
    tokens: list[Token] = []
    _PARSER.block.parse(text.replace("\r\n", "\n").replace("\0", "\ufffd"), _PARSER, {}, tokens)
    return tokens


def _parse_inline(text: str) -> Iterator[Token]:
    for start in range(0, len(text), _MAX_INLINE):
        tokens: list[Token] = []
        _PARSER.inline.parse(_hide_brackets(text[start : start + _MAX_INLINE]), _PARSER, {}, tokens)
        for token in tokens:
            token.content = token.content.translate(_SHOWN)
            yield token


def _hide_brackets(text: str) -> str:
    """Replace the brackets that belong to no link, if there are many."""
    if text.count("[") <= _MAX_BRACKETS:
        return text
    hidden, openers = list(text), []
    for match in _BRACKETS.finditer(text):
        position = match.start()
        if match[0] == "[":
            openers.append(position)
            hidden[position] = _HIDDEN[0]
        elif match[0] == "]":
            is_link = bool(openers) and len(openers) <= _MAX_LINK_DEPTH and text.startswith("(", position + 1)
            opener = openers.pop() if openers else position
            if is_link:
                hidden[opener] = "["
            else:
                hidden[position] = _HIDDEN[1]
    return "".join(hidden)


def _inline(tokens: Iterable[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "text":
            yield token.content
        elif token.type == "softbreak":
            yield " "
        elif token.type == "hardbreak":
            yield "\n"
        elif token.type == "image" or token.type == "code_inline" and len(token.content) <= _MAX_CODE:
            yield token.content
        elif token.type.startswith("math_inline") and _PLAIN_FORMULA.fullmatch(token.content.strip()):
            yield token.content.strip()


def _clean(text: str) -> str:
    """Return a text without addresses, citation marks and pictures; of an address the host stays."""
    text = _URL.sub(lambda match: _host(match[0]), text)
    text = _PICTURES.sub(" ", _CITATION.sub("", text))
    lines = (_SPACE_BETWEEN_WIDE().sub("", " ".join(line.split())) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
