"""Text of files in a request: a block with the file's name, which the text cannot leave."""

from __future__ import annotations

import re
from html import escape

from lib.core import tokens
from lib.core.conversation import FilePart
from lib.core.file_storage import digest_of

_MARK_LENGTH = 8  # hexadecimal digits of the digest in a tag
_SPACES = re.compile(r"\s+")


def format_text(part: FilePart, text: str, *, is_truncated: bool = False) -> str:
    """Return the block of a file's text.

    The tag has a part of the text's digest in it, and more of it where the text contains such a tag: so the text
    can neither end its block nor begin another file's within it. The same file always has the same block, which prompt
    caches need.
    """
    tag = _tag(text)
    attributes = f'name="{_attribute(part.name)}"'
    if part.selection:
        attributes += f' pages="{_attribute(part.selection)}"'
    if is_truncated:
        attributes += ' truncated="true"'
    return f"<{tag} {attributes}>\n{text}\n</{tag}>"


def format_name(part: FilePart) -> str:
    """Return the block of a file that is only named; without a digest, its kind is unknown too."""
    kind = f' kind="{_attribute(part.kind)}"' if part.digest else ""
    return f'<file name="{_attribute(part.name)}"{kind} content="not available" />'


def text_tokens(part: FilePart, tokens_of_text: int) -> int:
    """Estimate the tokens of a block whose text has so many."""
    return tokens_of_text + tokens.estimate(format_text(part, "", is_truncated=True))


def name_tokens(part: FilePart) -> int:
    """Estimate the tokens of a file that is only named."""
    return tokens.estimate(format_name(part))


def _tag(text: str) -> str:
    digest, length = digest_of(text.encode("utf-8", "replace")), _MARK_LENGTH
    folded = text.casefold()
    while f"file-{digest[:length]}" in folded and length < len(digest):
        length += _MARK_LENGTH
    return f"file-{digest[:length]}"


def _attribute(value: str) -> str:
    """Return a value in one line without quotes and angle brackets of its own."""
    return escape(_SPACES.sub(" ", value).strip(), quote=True)
