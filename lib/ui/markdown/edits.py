"""Edits of one paragraph, recorded by rules for a markdown-it parser, and the classes of characters they need."""

from __future__ import annotations

import re
import unicodedata

from markdown_it.rules_inline import StateInline

Edit = tuple[int, int, str]

# Letters of the scripts that are written without spaces, or with punctuation of full width: Han, kana, Bopomofo,
# Hangul, and the letter-like signs 々〆〇.
CJK_LETTERS = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u3096\u3099-\u309f"
    "\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
CJK_PUNCTUATION = (
    "\u3001-\u3004\u3008-\u3020\u3030\u303d\u30a0\ufe10-\ufe1f\ufe30-\ufe4f"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_CJK = re.compile(f"[{CJK_LETTERS}{CJK_PUNCTUATION}]")

WHITE_SPACE, PUNCTUATION, OTHER = 1, 2, 0


def replace(state: StateInline, end: int, replacement: str) -> bool:
    """Record the replacement of the text up to `end`, and go on behind it."""
    state.env["edits"].append((state.pos, end, replacement))
    state.pos = end
    return True


def skip(state: StateInline, end: int) -> bool:
    """Go on at `end` with the text as it is."""
    state.pos = end
    return True


def apply_edits(content: str, edits: list[Edit]) -> str:
    """Return the text with its edits, which are in order and do not overlap."""
    pieces, end = [], 0
    for start, stop, replacement in edits:
        pieces += [content[end:start], replacement]
        end = stop
    return "".join([*pieces, content[end:]])


def is_cjk(char: str) -> bool:
    return bool(_CJK.match(char))


def classify(char: str) -> int:
    """Classify a neighbour of a delimiter run as micromark does; "" stands for an end of the text."""
    if not char or char.isspace():
        return WHITE_SPACE
    # micromark sees halves of a character beyond the basic plane, which are neither.
    is_sign = char < "\U00010000" and unicodedata.category(char)[0] in "PS"
    return PUNCTUATION if is_sign else OTHER
