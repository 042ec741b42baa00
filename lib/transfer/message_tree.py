"""Messages and parents of any kind, made a tree in which questions and answers take turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lib.core.conversation import Message, Node, Part, Text
from lib.core.errors import TransferError
from lib.transfer.coerce import joined
from lib.transfer.result import derived

NO_QUESTION = "…"  # stands where a conversation begins with an answer
# Letters that may be there twice because a branch begins inside what becomes one message.
MOST_COPIED = 1_000_000


@dataclass(frozen=True)
class Seed:
    """A message in its place as a file has it: under the file's own ids, and None where nothing is kept.

    `created` is None where the file does not say, or says nonsense.
    """

    id: str
    parent: str | None
    node: Node | None
    created: float | None = None


@dataclass(frozen=True)
class Grown:
    """The nodes, in order, and for each id of the file the node that has its words now."""

    nodes: list[Node]
    spot: Mapping[str, str]


def grown(seeds: Sequence[Seed], since: float, counts: Counter[str]) -> Grown:
    """A tree of nodes: each path begins with a question, and no side speaks twice in a row.

    What has no parent in the file, or is in a circle, begins a branch of its own. Neighbours of one side
    become one message, with the id of the later one. Before an answer without a question there is one
    whose text is NO_QUESTION. What was mended is counted. A tree that keeps the rules comes out as it is.
    Raises TransferError where joining would repeat too much.
    """
    known = _unique(seeds, counts)
    parents = _parents(known, counts)
    above: dict[str, str | None] = {}  # the nearest that is kept, itself or before it
    for name in preorder(parents):
        parent = parents[name]
        above[name] = name if known[name].node else above[parent] if parent else None
    kept = {name: above[parents[name] or ""] if parents[name] else None for name in above if known[name].node}
    trunk = _Trunk(known, kept, since)
    nodes = trunk.nodes(counts)
    spot = {name: trunk.spot[one] for name, one in above.items() if one is not None}
    return Grown(ordered(nodes), spot)


def ordered(nodes: Iterable[Node]) -> list[Node]:
    """The nodes in the one order of a file: each branch whole, parents first, siblings oldest first."""
    oldest = sorted(nodes, key=lambda node: (node.created, node.id))
    known = {node.id: node for node in oldest}
    parents = {node.id: node.parent if node.parent in known else None for node in oldest}
    return [known[name] for name in preorder(parents)]


def newest(nodes: Sequence[Node]) -> str | None:
    """The end of a branch that was added last; None without nodes."""
    inner = {node.parent for node in nodes}
    leaves = (node for node in nodes if node.id not in inner)
    last = max(leaves, key=lambda node: (node.created, node.id), default=None)
    return last.id if last else None


def preorder(parents: Mapping[str, str | None]) -> list[str]:
    """Every name after its parent, and before its parent's next child."""
    children: dict[str | None, list[str]] = {}
    for name, parent in parents.items():
        children.setdefault(parent, []).append(name)
    found: list[str] = []
    waiting = children.get(None, [])[::-1]
    while waiting:
        name = waiting.pop()
        found.append(name)
        waiting += reversed(children.get(name, ()))
    return found


def _unique(seeds: Iterable[Seed], counts: Counter[str]) -> dict[str, Seed]:
    known: dict[str, Seed] = {}
    for seed in seeds:
        if known.setdefault(seed.id, seed) is not seed:
            counts["duplicate"] += 1
    return known


def _parents(known: Mapping[str, Seed], counts: Counter[str]) -> dict[str, str | None]:
    """Every name's parent that is there, without circles."""
    parents: dict[str, str | None] = {}
    for name, seed in known.items():
        parents[name] = seed.parent if seed.parent in known else None
        counts["unlinked"] += seed.parent is not None and parents[name] is None
    settled: set[str] = set()
    for start in parents:
        walked: set[str] = set()
        at: str | None = start
        while at is not None and at not in settled and at not in walked:
            walked.add(at)
            at = parents[at]
        if at is not None and at in walked:
            parents[at] = None
            counts["unlinked"] += 1
        settled |= walked
    return parents


class _Trunk:
    """The kept messages, in order, and which of them go on what the one before began."""

    def __init__(self, known: Mapping[str, Seed], kept: Mapping[str, str | None], since: float) -> None:
        self.said = {name: node for name in kept if (node := known[name].node)}
        self.order = preorder(kept)
        self.before: dict[str, str | None] = {}  # the message that this one goes on
        self.anchor: dict[str, str | None] = {}  # the message of the other side that this one is said to
        self.created: dict[str, float] = {}
        inner: dict[str, str] = {}  # those whose words all go on, with the last that goes on with them
        answered: set[str] = set()
        for name in self.order:
            parent = kept[name]
            same = parent is not None and self._role(parent) == self._role(name)
            self.before[name] = parent if same else None
            self.anchor[name] = self.anchor[parent] if same and parent else parent
            when = known[name].created
            self.created[name] = when if when is not None else self.created[parent] if parent else since
            if parent and same:
                inner[parent] = name
            elif parent:
                answered.add(parent)
        self.spot: dict[str, str] = {}
        for name in reversed(self.order):
            gone = name in inner and name not in answered
            self.spot[name] = self.spot[inner[name]] if gone else self.said[name].id

    def _role(self, name: str) -> str:
        return self.said[name].message.role

    def nodes(self, counts: Counter[str]) -> list[Node]:
        self._weigh()
        found: list[Node] = []
        ids = {node.id for node in self.said.values()}
        for name in self.order:
            if self.spot[name] != self.said[name].id:
                counts["joined"] += 1
                continue
            anchor = self.anchor[name]
            node = replace(
                self._whole(name),
                parent=self.said[anchor].id if anchor else None,
                created=self.created[name],
            )
            if anchor is None and node.message.role == "assistant":
                counts["question_added"] += 1
                question = _question(node, ids)
                node = replace(node, parent=question.id)
                found.append(question)
            found.append(node)
        return found

    def _whole(self, name: str) -> Node:
        """The message with all that it goes on."""
        run = [self.said[name]]
        earlier = self.before[name]
        while earlier is not None:
            run.append(self.said[earlier])
            earlier = self.before[earlier]
        if len(run) == 1:
            return run[0]
        parts: list[Part] = [part for node in reversed(run) for part in node.message.parts]
        return replace(
            run[0],
            message=Message(run[0].message.role, joined(parts)),
            target=next((node.target for node in run if node.target), None),
        )

    def _weigh(self) -> None:
        """Raise TransferError where many branches would each repeat a long beginning."""
        alone: dict[str, int] = {}
        with_all: dict[str, int] = {}
        for name in self.order:
            texts = (len(part.text) for part in self.said[name].message.parts)
            alone[name] = 10 + sum(texts)
            before = self.before[name]
            with_all[name] = alone[name] + (with_all[before] if before else 0)
        ends = [name for name in self.order if self.spot[name] == self.said[name].id]
        if sum(map(with_all.__getitem__, ends)) > 2 * sum(alone.values()) + MOST_COPIED:
            raise TransferError("tangled")


def _question(answer: Node, ids: set[str]) -> Node:
    """The question that an answer lacks, under an id that nothing has."""
    name = derived("question", answer.id)
    while name in ids:
        name = derived("question", name)
    ids.add(name)
    return Node(name, None, Message("user", (Text(NO_QUESTION),)), answer.created)
