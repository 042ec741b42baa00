"""Every question asked of the database, in core values, each with its owner."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from lib.core.params import Params
from lib.core.preferences import Preferences
from lib.core.types import Conversation, Node, Outcome, Target
from lib.storage import preferences, rows
from lib.storage.engine import PATIENCE, connect, insert, reading, writing
from lib.storage.schema import conversation as conversations
from lib.storage.schema import node as nodes


class Store:
    """The database. Methods may be called from any thread; each is one transaction, and may raise StoreError.

    What is another owner's looks just like what is not there.
    """

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        """Open the database of `url`, and wait no longer than `patience` seconds for another writer."""
        self._engine = connect(url, patience)

    def close(self) -> None:
        self._engine.dispose()

    def conversations(self, owner: str, limit: int) -> list[Conversation]:
        """The newest conversations, newest first."""
        query = (
            sa.select(conversations)
            .where(conversations.c.owner == owner, conversations.c.deleted.is_(None))
            .order_by(conversations.c.updated.desc(), conversations.c.id)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [rows.conversation(row) for row in connection.execute(query)]

    def conversation(self, owner: str, conversation: str) -> Conversation | None:
        query = sa.select(conversations).where(_mine(owner, conversation), conversations.c.deleted.is_(None))
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return rows.conversation(row) if row else None

    def nodes(self, owner: str, conversation: str) -> list[Node]:
        """All nodes of a conversation, of every branch, oldest first."""
        query = (
            sa.select(nodes)
            .join(conversations, nodes.c.conversation == conversations.c.id)
            .where(_mine(owner, conversation))
            .order_by(nodes.c.created, nodes.c.id)
        )
        with reading(self._engine) as connection:
            return [rows.node(row) for row in connection.execute(query)]

    def node(self, owner: str, node: str) -> Node | None:
        query = sa.select(nodes).where(nodes.c.id == node, _in_mine(owner))
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return rows.node(row) if row else None

    def begin(self, owner: str, conversation: Conversation, new: Sequence[Node]) -> None:
        """Commit new nodes and the conversation as it now is, which may be new, in one transaction."""
        values = rows.from_conversation(conversation)
        kept = {key: values[key] for key in ("head", "model", "wire", "params", "updated")}
        upsert = insert(self._engine, conversations).values(
            owner=owner, created=conversation.updated, **values
        )
        upsert = upsert.on_conflict_do_update(
            index_elements=["id"], set_=kept, where=conversations.c.owner == owner
        )
        with writing(self._engine, owner) as connection:
            # An insert's count of rows is not the same on all drivers; what it returns is.
            if connection.scalar(upsert.returning(conversations.c.id)):
                connection.execute(
                    sa.insert(nodes),
                    [rows.from_node(node) | {"conversation": conversation.id} for node in new],
                )

    def reopen(self, owner: str, conversation: Conversation, node: Node) -> None:
        """Commit that an answer is arriving again, and the conversation as it now is."""
        with writing(self._engine, owner) as connection:
            values = {**_growing(node), "outcome": node.outcome, "failure": None}
            connection.execute(sa.update(nodes).where(nodes.c.id == node.id, _in_mine(owner)).values(values))
            mine = _mine(owner, conversation.id)
            changed = rows.from_conversation(conversation)
            kept = {key: changed[key] for key in ("head", "params", "updated")}
            connection.execute(sa.update(conversations).where(mine).values(kept))

    def add(self, owner: str, conversation: str, node: Node) -> None:
        """Commit one more node of a conversation, where that is (still) there."""
        with writing(self._engine, owner) as connection:
            if connection.scalar(sa.select(sa.exists().where(_mine(owner, conversation)))):
                values = rows.from_node(node) | {"conversation": conversation}
                connection.execute(insert(connection, nodes).values(values).on_conflict_do_nothing())

    def show(self, owner: str, conversation: str, head: str) -> None:
        """Make the branch that ends in this node the one that is shown."""
        self._change(owner, conversation, head=head)

    def checkpoint(self, owner: str, node: Node) -> Outcome | None:
        """Save what has come of an arriving answer, and the sign of life.

        Returns the outcome that the row has, which another process may have set; None where it is gone.
        """
        arriving = nodes.c.outcome == Outcome.ARRIVING
        with writing(self._engine, owner) as connection:
            update = sa.update(nodes).where(nodes.c.id == node.id, _in_mine(owner), arriving)
            if connection.execute(update.values(_growing(node))).rowcount:
                return Outcome.ARRIVING
            found = connection.scalar(
                sa.select(nodes.c.outcome).where(nodes.c.id == node.id, _in_mine(owner))
            )
        return Outcome(found) if found else None

    def settle(self, owner: str, node: Node) -> None:
        """Save an answer as it ended, whatever the row says."""
        values = _growing(node) | {"outcome": node.outcome, "request_id": node.request_id}
        values["failure"] = asdict(node.failure) if node.failure else None
        with writing(self._engine, owner) as connection:
            connection.execute(sa.update(nodes).where(nodes.c.id == node.id, _in_mine(owner)).values(values))

    def stop(self, owner: str, node: str) -> None:
        """Mark an answer as stopped if it is still arriving: its producer sees it at the next checkpoint."""
        arriving = (nodes.c.id == node) & (nodes.c.outcome == Outcome.ARRIVING)
        with writing(self._engine, owner) as connection:
            connection.execute(
                sa.update(nodes).where(arriving, _in_mine(owner)).values(outcome=Outcome.STOPPED)
            )

    def sweep(self, stale: float) -> int:
        """Mark answers without a sign of life for `stale` seconds as interrupted; returns how many."""
        lost = (nodes.c.outcome == Outcome.ARRIVING) & (nodes.c.beat < time.time() - stale)
        with reading(self._engine) as connection:
            if not connection.scalar(sa.select(sa.exists().where(lost))):
                return 0
        with writing(self._engine) as connection:
            return connection.execute(
                sa.update(nodes).where(lost).values(outcome=Outcome.INTERRUPTED)
            ).rowcount

    def rename(self, owner: str, conversation: str, title: str) -> None:
        self._change(owner, conversation, title=title)

    def set_params(self, owner: str, conversation: str, params: Params) -> None:
        self._change(owner, conversation, params=asdict(params))

    def delete(self, owner: str, conversation: str) -> None:
        """Take a conversation out of sight; `restore` brings it back until it is purged."""
        self._change(owner, conversation, deleted=time.time())

    def restore(self, owner: str, conversation: str) -> None:
        self._change(owner, conversation, deleted=None)

    def purge(self, age: float) -> int:
        """Remove for good what was deleted more than `age` seconds ago; returns how many conversations."""
        old = conversations.c.deleted < time.time() - age
        with writing(self._engine) as connection:
            return connection.execute(sa.delete(conversations).where(old)).rowcount

    def preferences(self, owner: str) -> Preferences:
        with reading(self._engine) as connection:
            return preferences.read(connection, owner)

    def favour(self, owner: str, model: str, wanted: bool) -> None:
        """Put a model among the owner's favourites, or take it out."""
        with writing(self._engine, owner) as connection:
            preferences.favour(connection, owner, model, wanted)

    def set_default(self, owner: str, target: Target | None) -> None:
        """Keep the target that the owner's new conversations begin with; None forgets it."""
        with writing(self._engine, owner) as connection:
            preferences.set_default(connection, owner, target)

    def _change(self, owner: str, conversation: str, **values: Any) -> None:
        with writing(self._engine, owner) as connection:
            connection.execute(sa.update(conversations).where(_mine(owner, conversation)).values(values))


def _mine(owner: str, conversation: str) -> sa.ColumnElement[bool]:
    return (conversations.c.id == conversation) & (conversations.c.owner == owner)


def _in_mine(owner: str) -> sa.ColumnElement[bool]:
    return nodes.c.conversation.in_(sa.select(conversations.c.id).where(conversations.c.owner == owner))


def _growing(node: Node) -> dict[str, Any]:
    """The columns that change while an answer comes."""
    values = rows.from_node(node)
    return {key: values[key] for key in ("parts", "usage", "timing", "reason", "served", "beat")}
