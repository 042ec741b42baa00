"""Matches of a search in the files of messages."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from lib.core.conversation import FilePart, Message
from lib.core.search_terms import Term, tokenize
from lib.storage.files.uses import MAX_INDEXED_CHARS
from lib.storage.rows import batches
from lib.storage.schema.files import attachment as attachments

_EXCERPT_CHARS = 400  # on each side of a match


def load_texts(
    connection: sa.Connection, owner: str, messages: Sequence[Message], terms: Sequence[Term]
) -> dict[str, str]:
    """Return the indexed texts of the files of messages by digest, unless the message has all terms itself."""
    texts: dict[str, str] = {}
    lacking = [message for message in messages if message.files and _find_missing(terms, message.text)]
    for batch in batches([part.digest for message in lacking for part in message.files]):
        where = (attachments.c.owner == owner) & attachments.c.digest.in_(batch)
        text = sa.func.substr(attachments.c.text, 1, MAX_INDEXED_CHARS).label("text")
        rows = connection.execute(sa.select(attachments.c.digest, text).where(where))
        texts |= {row.digest: row.text for row in rows}
    return texts


def find_in_files(message: Message, terms: Sequence[Term], texts: dict[str, str]) -> tuple[str, str] | None:
    """Return the name of the file with the most terms that the message lacks, and its text around the first of them.

    None where the message has all terms itself. A match in the name shows the begin of the file.
    """
    missing = _find_missing(terms, message.text) if message.files else []
    if not missing:
        return None
    found: list[tuple[int, FilePart, int]] = []
    for part in message.files:
        # Folded at the speed of C, which the tokenizer is not; it is nearly as exact, and the excerpt has margins.
        text = texts.get(part.digest, "").lower()
        places = [place for term in missing if (place := text.find(_phrase(term))) >= 0]
        in_name = len(missing) - len(_find_missing(missing, part.name))
        found.append((max(len(places), in_name), part, min(places, default=0)))
    _, part, place = max(found, key=lambda entry: entry[0])
    text = texts.get(part.digest, "")
    start = max(0, place - _EXCERPT_CHARS)
    return part.name, text[start : place + _EXCERPT_CHARS]


def _find_missing(terms: Sequence[Term], text: str) -> list[Term]:
    """Return the terms that a text does not have."""
    tokens = tokenize(text)
    joined = f" {' '.join(tokens)} "
    return [term for term in terms if f" {' '.join(term.tokens)}{'' if term.is_prefix else ' '}" not in joined]


def _phrase(term: Term) -> str:
    """Return the characters of a term: its bigrams overlap."""
    return term.tokens[0] + "".join(token[1:] for token in term.tokens[1:])
