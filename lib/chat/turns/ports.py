"""What answers and turns ask of the place where conversations are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lib.core.conversation import Conversation, Node, Outcome, Window
from lib.core.usage import Spend


class Keeper(Protocol):
    """Where an answer is kept while it comes; each method may raise StoreError."""

    def checkpoint(self, owner: str, node: Node) -> Outcome | None:
        """Save what has come; returns the outcome that the row has, None where the row is gone."""

    def add(self, owner: str, conversation: str, node: Node) -> None:
        """Save one more node of the conversation."""

    def settle(self, owner: str, node: Node, spends: Sequence[Spend]) -> None:
        """Save the answer as it ended, and what its requests took."""

    def node(self, owner: str, node: str) -> Node | None:
        """The row as it is, None where it is gone or another's."""

    def stop(self, owner: str, node: str) -> None:
        """Mark the row as stopped if it is still arriving."""

    def sweep(self, stale: float) -> int:
        """Mark answers without a sign of life for `stale` seconds as interrupted."""


class Store(Keeper, Protocol):
    """What a turn asks of the database; each method may raise StoreError."""

    def conversation(self, owner: str, conversation: str) -> Conversation | None: ...
    def nodes(self, owner: str, conversation: str) -> list[Node]: ...
    def begin(self, owner: str, conversation: Conversation, nodes: Sequence[Node]) -> None:
        """Commit new nodes and the conversation as it now is, which may be new, in one transaction."""

    def reopen(self, owner: str, conversation: Conversation, node: Node) -> None:
        """Commit that an answer is arriving again, and the conversation as it now is."""

    def show(self, owner: str, conversation: str, head: str | None) -> None:
        """Make the branch that ends in this node the one that is shown."""

    def hide(self, owner: str, conversation: str, nodes: Sequence[str], when: float | None) -> None:
        """Mark these nodes as deleted, in seconds since 1970, or bring them back where it is None."""

    def keep_window(self, owner: str, conversation: str, window: Window | None) -> None:
        """Keep from where on a conversation is sent; None for all of it."""
