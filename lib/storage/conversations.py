"""Conversations: lists and folders, settings of one, soft delete, import and export."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from lib.core import tree
from lib.core.comparisons import Comparison
from lib.core.conversation import Conversation, Node, Outcome, Truncation
from lib.core.params import Params
from lib.core.prompts import Persona
from lib.core.usage import ConversationFilter
from lib.storage.comparisons import insert_comparisons
from lib.storage.database.engine import Aggregate
from lib.storage.messages import insert_turn, load_nodes
from lib.storage.rows import (
    batches,
    conversation_from_row,
    owned,
    persona_to_row,
    title_to_row,
    truncation_to_row,
)
from lib.storage.schema.comparisons import comparison as comparisons
from lib.storage.schema.tables import conversation as conversations
from lib.storage.schema.tables import node as nodes
from lib.storage.schema.tables import project as projects

_OPEN = ConversationFilter()
_IMPORT_SECONDS, _IMPORT_PAUSE, _IMPORT_NODES = 0.5, 0.05, 500  # of one transaction, after it, of one statement
_is_arriving = (
    sa.select(nodes.c.id)
    .where(nodes.c.conversation == conversations.c.id, nodes.c.outcome == Outcome.ARRIVING)
    .correlate(conversations)
    .exists()
    .label("arriving")
)
_undeleted = sa.select(conversations, _is_arriving).where(conversations.c.deleted.is_(None))
# A column of a comparison is in no list until it is kept as a conversation.
is_listed = conversations.c.comparison.is_(None)
_sort_key = sa.tuple_(conversations.c.updated, conversations.c.id)


class Conversations(Aggregate):
    """Conversations of one owner at a time; `Messages` holds their nodes."""

    def page(
        self,
        owner: str,
        limit: int,
        conversation_filter: ConversationFilter = _OPEN,
        cursor: Conversation | None = None,
    ) -> list[Conversation]:
        """Return the newest `limit` conversations of a list, newest first.

        Paginate by passing the last conversation of the previous page as `cursor`.
        """
        query = _undeleted.where(conversations.c.owner == owner, is_listed, *_list_conditions(conversation_filter))
        if cursor:
            query = query.where(_sort_key < sa.tuple_(sa.literal(cursor.updated_at), sa.literal(cursor.id)))
        query = query.order_by(conversations.c.updated.desc(), conversations.c.id.desc()).limit(limit)
        with self._read() as connection:
            return [conversation_from_row(row) for row in connection.execute(query)]

    def get(self, owner: str, conversation_id: str) -> Conversation | None:
        """Return a conversation; None when it is missing, deleted or another owner's."""
        with self._read() as connection:
            return load_conversations(connection, owner, [conversation_id]).get(conversation_id)

    def folders(self, owner: str) -> list[tuple[str, int]]:
        """Return folder names in alphabetical order, each with its number of listed conversations.

        A folder with settings is one of them, also without conversations.
        """
        query = (
            sa.select(conversations.c.folder, sa.func.count())
            .where(conversations.c.owner == owner, conversations.c.deleted.is_(None), is_listed)
            .where(~conversations.c.archived, ~conversations.c.pinned, conversations.c.folder != "")
            .group_by(conversations.c.folder)
        )
        with_settings = sa.select(projects.c.name, sa.literal(0)).where(projects.c.owner == owner)
        counts: dict[str, int] = {}
        with self._read() as connection:
            for name, count in connection.execute(query.union_all(with_settings)):
                counts[name] = counts.get(name, 0) + count
        # Sorted here, because SQLite and Postgres collate differently.
        return sorted(counts.items(), key=lambda item: (item[0].casefold(), item[0]))

    def set_pinned(self, owner: str, conversation_ids: Sequence[str], pinned: bool) -> None:
        self._update(owner, conversation_ids, pinned=pinned)

    def set_archived(self, owner: str, conversation_ids: Sequence[str], archived: bool) -> None:
        self._update(owner, conversation_ids, archived=archived)

    def move_to_folder(self, owner: str, conversation_ids: Sequence[str], folder: str) -> None:
        """Move conversations into a folder; "" moves them out of any."""
        self._update(owner, conversation_ids, folder=folder)

    def delete(self, owner: str, conversation_ids: Sequence[str]) -> None:
        """Soft delete conversations; `restore` brings them back until the purge."""
        self._update(owner, conversation_ids, deleted=time.time())

    def restore(self, owner: str, conversation_ids: Sequence[str]) -> None:
        self._update(owner, conversation_ids, deleted=None)

    def rename(self, owner: str, conversation_id: str, title: str) -> None:
        """Set the title chosen by the user; no generated title replaces it."""
        self._update(owner, [conversation_id], **title_to_row(title), titled="person")

    def set_generated_title(self, owner: str, conversation_id: str, title: str) -> None:
        """Set a model's title, unless the title is no longer the start of the question."""
        where = owned(owner, conversation_id) & (conversations.c.titled == "question")
        with self._write(owner) as connection:
            connection.execute(sa.update(conversations).where(where).values(**title_to_row(title), titled="model"))

    def mark_read(self, owner: str, conversation_id: str) -> None:
        where = owned(owner, conversation_id) & conversations.c.unread
        with self._write(owner) as connection:
            connection.execute(sa.update(conversations).where(where).values(unread=False))

    def set_truncation(self, owner: str, conversation_id: str, truncation: Truncation | None) -> None:
        """Set which part of a conversation is sent to the model; None for all of it."""
        self._update(owner, [conversation_id], window=truncation_to_row(truncation))

    def set_params(self, owner: str, conversation_id: str, params: Params) -> None:
        self._update(owner, [conversation_id], params=asdict(params))

    def set_persona(self, owner: str, conversation_id: str, persona: Persona | None) -> None:
        """Set the persona of the next answers."""
        self._update(owner, [conversation_id], persona=persona_to_row(persona))

    def export_all(self, owner: str, *, has_columns: bool = False) -> Iterator[tuple[Conversation, list[Node]]]:
        """Yield each listed conversation, oldest first, with its nodes that are not deleted.

        With `has_columns`, those are the columns of comparisons that are in no list. Each is read in a transaction of
        its own when the iterator reaches it. Children of deleted nodes, and the head, are attached to the nearest
        ancestor that is left.
        """
        query = sa.select(conversations.c.id).where(conversations.c.owner == owner, conversations.c.deleted.is_(None))
        undeleted = sa.select(comparisons.c.id).where(comparisons.c.owner == owner, comparisons.c.deleted.is_(None))
        query = query.where(conversations.c.comparison.in_(undeleted) if has_columns else is_listed)
        with self._read() as connection:
            ids = connection.scalars(query.order_by(conversations.c.created, conversations.c.id)).all()
        for conversation_id in ids:
            with self._read() as connection:
                conversation = load_conversations(connection, owner, [conversation_id]).get(conversation_id)
                all_nodes = load_nodes(connection, owner, conversation_id)
            if conversation:
                head_id = tree.nearest_visible(all_nodes, conversation.head_id)
                yield replace(conversation, head_id=head_id), tree.visible_nodes(all_nodes)

    def import_all(
        self,
        owner: str,
        imported: Iterable[tuple[Conversation, Sequence[Node]]],
        imported_comparisons: Sequence[Comparison] = (),
    ) -> None:
        """Insert new conversations with their nodes, and comparisons, all of them or none.

        Raises StoreError if an id exists.

        A large import takes several transactions: one of minutes would keep out every other writer of a SQLite
        database. After an error what was inserted is deleted.
        """
        records, inserted = _divide_records(imported), list[str]()
        if imported_comparisons:
            with self._write(owner) as connection:
                insert_comparisons(connection, owner, imported_comparisons)
        try:
            while record := next(records, None):
                if inserted:
                    # A writer that waits for SQLite's lock looks for it now and then only.
                    time.sleep(_IMPORT_PAUSE)
                inserted += self._import_some(owner, itertools.chain([record], records))
        except BaseException:
            for batch in batches(inserted):
                with self._write(owner) as connection:
                    is_imported = conversations.c.id.in_(batch) & (conversations.c.owner == owner)
                    connection.execute(sa.delete(conversations).where(is_imported))
            for batch in batches([comparison.id for comparison in imported_comparisons]):
                with self._write(owner) as connection:
                    is_imported = comparisons.c.id.in_(batch) & (comparisons.c.owner == owner)
                    connection.execute(sa.delete(comparisons).where(is_imported))
            raise

    def _import_some(self, owner: str, records: Iterator[tuple[Conversation, Sequence[Node]]]) -> list[str]:
        """Insert records for _IMPORT_SECONDS in one transaction; returns the ids of the new conversations."""
        ids = []
        with self._write(owner) as connection:
            end = time.monotonic() + _IMPORT_SECONDS
            for conversation, new_nodes in records:
                is_known = sa.select(conversations.c.id).where(conversations.c.id == conversation.id)
                if connection.scalar(is_known) is None:
                    ids.append(conversation.id)
                insert_turn(connection, owner, conversation, new_nodes)
                if time.monotonic() >= end:
                    break
        return ids

    def existing_ids(self, ids: Iterable[str]) -> set[str]:
        """Return those ids that any owner's conversation, comparison or node already has."""
        existing: set[str] = set()
        with self._read() as connection:
            for batch in batches(list(ids)):
                for column in (conversations.c.id, comparisons.c.id, nodes.c.id):
                    existing.update(connection.scalars(sa.select(column).where(column.in_(batch))))
        return existing

    def _update(self, owner: str, conversation_ids: Sequence[str], **columns: Any) -> None:
        with self._write(owner) as connection:
            for batch in batches(conversation_ids):
                where = (conversations.c.owner == owner) & conversations.c.id.in_(batch)
                connection.execute(sa.update(conversations).where(where).values(columns))


def _divide_records(
    records: Iterable[tuple[Conversation, Sequence[Node]]],
) -> Iterator[tuple[Conversation, Sequence[Node]]]:
    """Yield the conversations, long ones several times with a part of their nodes, parents first."""
    for conversation, new_nodes in records:
        ordered = tree.sort_nodes(new_nodes)
        # Nodes that form a cycle are left to the insert, which refuses them.
        step = _IMPORT_NODES if len(ordered) == len(new_nodes) else max(1, len(new_nodes))
        source = ordered if len(ordered) == len(new_nodes) else new_nodes
        for start in range(0, max(1, len(source)), step):
            yield conversation, source[start : start + step]


def load_conversations(connection: sa.Connection, owner: str, ids: Sequence[str]) -> dict[str, Conversation]:
    """Return the owner's undeleted conversations among `ids`, by id."""
    by_id: dict[str, Conversation] = {}
    for batch in batches(ids):
        query = _undeleted.where(conversations.c.owner == owner, conversations.c.id.in_(batch))
        by_id |= {row.id: conversation_from_row(row) for row in connection.execute(query)}
    return by_id


def purge_conversations(connection: sa.Connection, deleted_before: float) -> int:
    """Remove conversations that were soft deleted before a time; returns the count."""
    expired = conversations.c.deleted < deleted_before
    return connection.execute(sa.delete(conversations).where(expired)).rowcount


def _list_conditions(conversation_filter: ConversationFilter) -> list[sa.ColumnElement[bool]]:
    """Conditions of one list; each kind has a partial index with the same conditions."""
    if conversation_filter.kind == "archived":
        return [conversations.c.archived]
    if conversation_filter.kind == "pinned":
        return [~conversations.c.archived, conversations.c.pinned]
    folder = conversation_filter.folder if conversation_filter.kind == "folder" else ""
    return [~conversations.c.archived, ~conversations.c.pinned, conversations.c.folder == folder]
