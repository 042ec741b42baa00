"""A conversation as another chat's file has it, and what is made of it here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lib.core.conversation import Conversation, Failure, Message, Node, Outcome, Part, Text
from lib.core.params import Params
from lib.core.target import Target
from lib.transfer.coerce import joined, line
from lib.transfer.message_tree import Seed, grown, newest
from lib.transfer.result import Entry, derived

TITLE_MAX = 60  # letters of a title that is made of the first question


@dataclass(frozen=True)
class Said:
    """One message of the file; `lost` are the kinds of what it had and Antler has no place for."""

    role: Literal["user", "assistant"]
    parts: Sequence[Part]
    lost: Sequence[str] = ()
    target: Target | None = None
    outcome: Outcome = Outcome.COMPLETE
    failure: Failure | None = None


@dataclass(frozen=True)
class Draft:
    """A conversation under the ids of its file; None and "" where that does not say.

    `seeds` come in the order of the file, and `head` names one of them.
    """

    source: str
    id: str
    title: str
    seeds: Sequence[Seed]
    head: str | None = None
    created: float | None = None
    updated: float | None = None
    target: Target | None = None
    system: str = ""
    pinned: bool = False
    archived: bool = False


def seed(name: str, parent: str | None, said: Said | None, created: float | None) -> Seed:
    """A message in its place. One whose words are all lost names what it had, e.g. "[image]"."""
    if said is None:
        return Seed(name, parent, None, created)
    parts = joined(said.parts)
    if not parts and said.lost:
        parts = (Text(" ".join(f"[{kind}]" for kind in dict.fromkeys(said.lost))),)
    if not parts and not said.failure:
        return Seed(name, parent, None, created)
    message = Message(said.role, parts)
    return Seed(
        name,
        parent,
        Node(name, None, message, 0.0, said.outcome, target=said.target, failure=said.failure),
        created,
    )


def settled(draft: Draft, counts: Counter[str]) -> Entry | None:
    """The conversation with ids of our own form, always the same for the same file; None without messages.

    A title that is missing is made of the first question, a head is the branch that was added last.
    """

    def own(name: str) -> str:
        return derived(draft.source, draft.id, name)

    seeds = [
        replace(one, node=replace(one.node, id=own(one.id)) if one.node else None) for one in draft.seeds
    ]
    tree = grown(seeds, draft.created or draft.updated or 0.0, counts)
    if not tree.nodes:
        counts["empty"] += 1
        return None
    times = [node.created for node in tree.nodes]
    targets = [node.target for node in tree.nodes if node.target]
    title = line(draft.title).strip()
    return Conversation(
        id=derived(draft.source, draft.id),
        title=title or _title(tree.nodes),
        titled="model" if title else "question",
        created=draft.created or min(times),
        updated=draft.updated or max(times),
        head=tree.spot.get(draft.head or "") or newest(tree.nodes),
        target=targets[-1] if targets else draft.target,
        params=Params(system=draft.system),
        pinned=draft.pinned,
        archived=draft.archived,
    ), tree.nodes


def _title(nodes: Sequence[Node]) -> str:
    return line(" ".join(nodes[0].message.text.split()), TITLE_MAX)
