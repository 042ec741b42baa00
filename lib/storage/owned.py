"""Whose rows are whose: the conditions without which nothing is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from lib.storage.schema import conversation as conversations
from lib.storage.schema import node as nodes

_AT_ONCE = 500  # names in one statement: databases have a limit


def mine(owner: str, conversation: str | sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Of `conversation`: this one, if it is the owner's."""
    return (conversations.c.id == conversation) & (conversations.c.owner == owner)


def in_mine(owner: str) -> sa.ColumnElement[bool]:
    """Of `node`: in a conversation of the owner."""
    of_node = sa.select(conversations.c.id).where(mine(owner, nodes.c.conversation))
    return of_node.correlate(nodes).exists()


def batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """The names without repetition, as many at a time as one statement takes."""
    unique = list(dict.fromkeys(names))
    return (unique[start : start + _AT_ONCE] for start in range(0, len(unique), _AT_ONCE))
