"""Every question asked of the database, in core values, each with its owner."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from lib.core.conversation import Conversation, Node, Outcome, Truncation
from lib.core.params import Params
from lib.core.preferences import Preferences
from lib.core.target import Target
from lib.core.usage import ConversationFilter, SearchResult, ShareLink, UsageRecord
from lib.storage import audits, hidden, lists, nodes, owners, preferences, quotas, rows, search, shares
from lib.storage.books import Books
from lib.storage.engine import PATIENCE, connect, reading, writing
from lib.storage.people import People
from lib.storage.team import Team

_OPEN = ConversationFilter()


class Store(Books, People, Team):
    """The database. Methods may be called from any thread; each is one transaction, and may raise StoreError.

    What is another owner's looks just like what is not there.
    """

    def __init__(
        self, url: str, lock_timeout: float = PATIENCE, on_refusal: Callable[[], None] = lambda: None
    ) -> None:
        """Open the database of `url`, and wait no longer than `patience` seconds for another writer.

        `refused` is called whenever the database refuses something, or is not there.
        """
        self._engine = connect(url, lock_timeout, on_refusal)

    def close(self) -> None:
        self._engine.dispose()

    def ping(self) -> None:
        """Ask the database for next to nothing. Raises StoreError where it does not even give that."""
        with reading(self._engine) as connection:
            connection.scalar(sa.select(1))

    # Conversations, and where they stand.

    def conversations(
        self,
        owner: str,
        limit: int,
        conversation_filter: ConversationFilter = _OPEN,
        cursor: Conversation | None = None,
    ) -> list[Conversation]:
        """The newest conversations of a shelf, newest first; a further page is what comes after `before`."""
        with reading(self._engine) as connection:
            return lists.shelf(connection, owner, limit, conversation_filter, cursor)

    def conversation(self, owner: str, conversation_id: str) -> Conversation | None:
        with reading(self._engine) as connection:
            return lists.one(connection, owner, conversation_id)

    def folders(self, owner: str) -> list[tuple[str, int]]:
        """The folders in the order of their names, with how many conversations stand in each."""
        with reading(self._engine) as connection:
            return lists.folders(connection, owner)

    def set_pinned(self, owner: str, conversation_ids: Sequence[str], pinned: bool) -> None:
        with writing(self._engine, owner) as connection:
            lists.change(connection, owner, conversation_ids, pinned=pinned)

    def set_archived(self, owner: str, conversation_ids: Sequence[str], archived: bool) -> None:
        with writing(self._engine, owner) as connection:
            lists.change(connection, owner, conversation_ids, archived=archived)

    def move_to_folder(self, owner: str, conversation_ids: Sequence[str], folder: str) -> None:
        """Put conversations into a folder; "" takes them out of theirs."""
        with writing(self._engine, owner) as connection:
            lists.change(connection, owner, conversation_ids, folder=folder)

    def delete_conversations(self, owner: str, conversation_ids: Sequence[str]) -> None:
        """Take conversations out of sight; `restore` brings them back until they are purged."""
        with writing(self._engine, owner) as connection:
            lists.change(connection, owner, conversation_ids, deleted=time.time())

    def restore_conversations(self, owner: str, conversation_ids: Sequence[str]) -> None:
        with writing(self._engine, owner) as connection:
            lists.change(connection, owner, conversation_ids, deleted=None)

    def rename_conversation(self, owner: str, conversation_id: str, title: str) -> None:
        """Give a conversation the title that its owner wants; no other replaces it."""
        with writing(self._engine, owner) as connection:
            lists.change(connection, owner, [conversation_id], title=title, titled="person")

    def set_generated_title(self, owner: str, conversation_id: str, title: str) -> None:
        """Give a conversation a model's title, where its own is still the question's beginning."""
        with writing(self._engine, owner) as connection:
            lists.entitle(connection, owner, conversation_id, title)

    def mark_read(self, owner: str, conversation_id: str) -> None:
        """Remember that the owner has looked at a conversation as it is."""
        with writing(self._engine, owner) as connection:
            lists.seen(connection, owner, conversation_id)

    def set_truncation(self, owner: str, conversation_id: str, truncation: Truncation | None) -> None:
        """Keep how much of a conversation is sent; None is all of it."""
        with writing(self._engine, owner) as connection:
            lists.change(connection, owner, [conversation_id], window=rows.from_window(truncation))

    def set_params(self, owner: str, conversation_id: str, params: Params) -> None:
        with writing(self._engine, owner) as connection:
            lists.change(connection, owner, [conversation_id], params=asdict(params))

    # Nodes.

    def nodes(self, owner: str, conversation_id: str) -> list[Node]:
        """All nodes of a conversation, of every branch, the hidden ones too, oldest first."""
        with reading(self._engine) as connection:
            return nodes.of(connection, owner, conversation_id)

    def node(self, owner: str, node_id: str) -> Node | None:
        with reading(self._engine) as connection:
            return nodes.one(connection, owner, node_id)

    def save_turn(self, owner: str, conversation: Conversation, new_nodes: Sequence[Node]) -> None:
        """Commit new nodes and the conversation as it now is, which may be new, in one transaction."""
        with writing(self._engine, owner) as connection:
            nodes.begin(connection, owner, conversation, new_nodes)

    def reopen_answer(self, owner: str, conversation: Conversation, node: Node) -> None:
        """Commit that an answer is arriving again, and the conversation as it now is."""
        with writing(self._engine, owner) as connection:
            nodes.reopen(connection, owner, conversation, node)

    def add_node(self, owner: str, conversation_id: str, node: Node) -> None:
        """Commit one more node of a conversation, where that and the node's parent are (still) there."""
        with writing(self._engine, owner) as connection:
            nodes.add(connection, owner, conversation_id, node)

    def set_head(self, owner: str, conversation_id: str, head_id: str | None) -> None:
        """Make the branch that ends in this node the one that is shown."""
        with writing(self._engine, owner) as connection:
            nodes.show(connection, owner, conversation_id, head_id)

    def set_nodes_deleted(
        self, owner: str, conversation_id: str, node_ids: Sequence[str], deleted_at: float | None
    ) -> None:
        """Mark nodes as deleted at `when`, in seconds since 1970; None brings back those not yet purged."""
        with writing(self._engine, owner) as connection:
            hidden.hide(connection, owner, conversation_id, node_ids, deleted_at)

    def checkpoint(self, owner: str, node: Node) -> Outcome | None:
        """Save what has come of an arriving answer, and the sign of life.

        Returns the outcome that the row has, which another process may have set; None where it is gone.
        """
        with writing(self._engine, owner) as connection:
            return nodes.checkpoint(connection, owner, node)

    def finish(self, owner: str, node: Node, usage_records: Sequence[UsageRecord] = ()) -> None:
        """Save an answer as it ended, whatever the row says, and what it took; the conversation is unread."""
        with writing(self._engine, owner) as connection:
            nodes.settle(connection, owner, node, usage_records)

    def mark_stopped(self, owner: str, node_id: str) -> None:
        """Mark an answer as stopped if it is still arriving: its producer sees it at the next checkpoint."""
        with writing(self._engine, owner) as connection:
            nodes.stop(connection, owner, node_id)

    def mark_stale(self, stale_after: float) -> int:
        """Mark answers without a sign of life for `stale` seconds as interrupted; returns how many."""
        with reading(self._engine) as connection:
            if not connection.scalar(sa.select(sa.exists().where(nodes.lost(stale_after)))):
                return 0
        with writing(self._engine) as connection:
            return nodes.sweep(connection, stale_after)

    def purge_deleted(self, max_age: float) -> int:
        """Remove for good what was deleted more than `age` seconds ago; returns how many conversations.

        The children of nodes that were hidden so long ago are put under the nearest ancestor that stays.
        """
        with writing(self._engine) as connection:
            hidden.purge(connection, max_age)
            quotas.purge(connection, time.time())
            return lists.purge(connection, max_age)

    def search_messages(
        self, owner: str, query: str, limit: int, cursor: SearchResult | None = None
    ) -> list[SearchResult]:
        """The newest messages with all the words, newest first; a further page is what comes after `before`.

        What is deleted is not found, what is archived is. How words are matched is in
        lib/core/search_terms.py.
        """
        with reading(self._engine) as connection:
            return search.search(connection, owner, query, limit, cursor)

    # Links.

    def add_share_link(
        self, owner: str, share_link: ShareLink, token_hash: str, snapshot: Mapping[str, Any]
    ) -> bool:
        """Keep a link to a snapshot, which is any JSON object; returns whether its conversation is there."""
        with writing(self._engine, owner) as connection:
            return shares.add(connection, owner, share_link, token_hash, snapshot)

    def share_links(self, owner: str) -> list[ShareLink]:
        """The owner's links, newest first; those of deleted conversations are not among them."""
        with reading(self._engine) as connection:
            return shares.of(connection, owner)

    def share_snapshot(self, token_hash: str) -> dict[str, Any] | None:
        """What a link opens, to whoever has it; None where it was taken back, or its conversation deleted."""
        with reading(self._engine) as connection:
            return shares.snapshot(connection, token_hash)

    def revoke_share_link(self, owner: str, share_link_id: str) -> None:
        with writing(self._engine, owner) as connection:
            shares.revoke(connection, owner, share_link_id)

    # A person, and all that is theirs.

    def export_all(self, owner: str) -> Iterator[tuple[Conversation, list[Node]]]:
        """Each conversation that is not deleted, oldest first, with its nodes that are not hidden.

        Each is read when it is asked for, in a transaction of its own. Children and head of hidden nodes are
        put where they would be without those.
        """
        with reading(self._engine) as connection:
            names = owners.ids(connection, owner)
        for name in names:
            with reading(self._engine) as connection:
                talk, found = lists.one(connection, owner, name), nodes.of(connection, owner, name)
            if talk:
                yield hidden.without(talk, found)

    def existing_ids(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that a conversation or a message has, whoever's."""
        with reading(self._engine) as connection:
            return owners.taken(connection, list(ids))

    def import_all(self, owner: str, conversations: Iterable[tuple[Conversation, Sequence[Node]]]) -> None:
        """Commit new conversations with all their nodes: all of them, or none where an id is taken."""
        with writing(self._engine, owner) as connection:
            for conversation, found in conversations:
                nodes.begin(connection, owner, conversation, found)

    def erase_user_data(self, owner: str) -> None:
        """Remove all that is an owner's, for good and at once, but what was spent and who did what.

        What was spent stays counted. In the audit, the owner is nothing but an id from then on.
        """
        with writing(self._engine, owner) as connection:
            owners.erase(connection, owner)
            audits.forget_name(connection, owner)

    def transfer_ownership(self, from_owner: str, to_owner: str) -> None:
        """Make all that is one owner's another's; what the other has set stays."""
        with writing(self._engine) as connection:
            owners.adopt(connection, from_owner, to_owner)

    def preferences(self, owner: str) -> Preferences:
        with reading(self._engine) as connection:
            return preferences.read(connection, owner)

    def set_favourite(self, owner: str, model: str, is_favourite: bool) -> None:
        """Put a model among the owner's favourites, or take it out."""
        with writing(self._engine, owner) as connection:
            preferences.favour(connection, owner, model, is_favourite)

    def set_user_default_target(self, owner: str, target: Target | None) -> None:
        """Keep the target that the owner's new conversations begin with; None forgets it."""
        with writing(self._engine, owner) as connection:
            preferences.set_default(connection, owner, target)
