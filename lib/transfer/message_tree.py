"""Messages and parents of any kind, made a tree in which questions and answers take turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lib.core.conversation import Message, Node, Part, TextPart
from lib.core.errors import TransferError
from lib.transfer.coerce import merge_parts
from lib.transfer.result import derive_id

PLACEHOLDER_QUESTION = "…"  # stands where a conversation begins with an answer
# Letters that may be there twice because a branch begins inside what becomes one message.
MAX_COPIED_CHARS = 1_000_000


@dataclass(frozen=True)
class ImportedMessage:
    """A message in its place as a file has it: under the file's own ids, and None where nothing is kept.

    `created` is None where the file does not say, or says nonsense.
    """

    id: str
    parent: str | None
    node: Node | None
    created: float | None = None


@dataclass(frozen=True)
class MessageTree:
    """The nodes, in order, and for each id of the file the node that has its words now."""

    nodes: list[Node]
    node_ids: Mapping[str, str]


def build_tree(
    messages: Sequence[ImportedMessage], default_created: float, issues: Counter[str]
) -> MessageTree:
    """A tree of nodes: each path begins with a question, and no side speaks twice in a row.

    What has no parent in the file, or is in a circle, begins a branch of its own. Neighbours of one side
    become one message, with the id of the later one. Before an answer without a question there is one
    whose text is NO_QUESTION. What was mended is counted. A tree that keeps the rules comes out as it is.
    Raises TransferError where joining would repeat too much.
    """
    known = _index_messages(messages, issues)
    parents = _resolve_parents(known, issues)
    above: dict[str, str | None] = {}  # the nearest that is kept, itself or before it
    for name in preorder(parents):
        parent = parents[name]
        above[name] = name if known[name].node else above[parent] if parent else None
    kept = {name: above[parents[name] or ""] if parents[name] else None for name in above if known[name].node}
    trunk = _TreeBuilder(known, kept, default_created)
    nodes = trunk.build_nodes(issues)
    spot = {name: trunk.node_ids[one] for name, one in above.items() if one is not None}
    return MessageTree(sort_nodes(nodes), spot)


def sort_nodes(nodes: Iterable[Node]) -> list[Node]:
    """The nodes in the one order of a file: each branch whole, parents first, siblings oldest first."""
    oldest = sorted(nodes, key=lambda node: (node.created_at, node.id))
    known = {node.id: node for node in oldest}
    parents = {node.id: node.parent_id if node.parent_id in known else None for node in oldest}
    return [known[name] for name in preorder(parents)]


def newest_leaf_id(nodes: Sequence[Node]) -> str | None:
    """The end of a branch that was added last; None without nodes."""
    inner = {node.parent_id for node in nodes}
    leaves = (node for node in nodes if node.id not in inner)
    last = max(leaves, key=lambda node: (node.created_at, node.id), default=None)
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


def _index_messages(messages: Iterable[ImportedMessage], issues: Counter[str]) -> dict[str, ImportedMessage]:
    known: dict[str, ImportedMessage] = {}
    for seed in messages:
        if known.setdefault(seed.id, seed) is not seed:
            issues["duplicate"] += 1
    return known


def _resolve_parents(messages: Mapping[str, ImportedMessage], issues: Counter[str]) -> dict[str, str | None]:
    """Every name's parent that is there, without circles."""
    parents: dict[str, str | None] = {}
    for name, seed in messages.items():
        parents[name] = seed.parent if seed.parent in messages else None
        issues["unlinked"] += seed.parent is not None and parents[name] is None
    settled: set[str] = set()
    for start in parents:
        walked: set[str] = set()
        at: str | None = start
        while at is not None and at not in settled and at not in walked:
            walked.add(at)
            at = parents[at]
        if at is not None and at in walked:
            parents[at] = None
            issues["unlinked"] += 1
        settled |= walked
    return parents


class _TreeBuilder:
    """The kept messages, in order, and which of them go on what the one before began."""

    def __init__(
        self,
        messages: Mapping[str, ImportedMessage],
        parents: Mapping[str, str | None],
        default_created: float,
    ) -> None:
        self.source_nodes = {name: node for name in parents if (node := messages[name].node)}
        self.order = preorder(parents)
        self.predecessors: dict[str, str | None] = {}  # the message that this one goes on
        self.reply_parents: dict[
            str, str | None
        ] = {}  # the message of the other side that this one is said to
        self.created: dict[str, float] = {}
        inner: dict[str, str] = {}  # those whose words all go on, with the last that goes on with them
        answered: set[str] = set()
        for name in self.order:
            parent = parents[name]
            same = parent is not None and self._role(parent) == self._role(name)
            self.predecessors[name] = parent if same else None
            self.reply_parents[name] = self.reply_parents[parent] if same and parent else parent
            when = messages[name].created
            self.created[name] = (
                when if when is not None else self.created[parent] if parent else default_created
            )
            if parent and same:
                inner[parent] = name
            elif parent:
                answered.add(parent)
        self.node_ids: dict[str, str] = {}
        for name in reversed(self.order):
            gone = name in inner and name not in answered
            self.node_ids[name] = self.node_ids[inner[name]] if gone else self.source_nodes[name].id

    def _role(self, message_id: str) -> str:
        return self.source_nodes[message_id].message.role

    def build_nodes(self, issues: Counter[str]) -> list[Node]:
        self._check_copy_limit()
        found: list[Node] = []
        ids = {node.id for node in self.source_nodes.values()}
        for name in self.order:
            if self.node_ids[name] != self.source_nodes[name].id:
                issues["joined"] += 1
                continue
            anchor = self.reply_parents[name]
            node = replace(
                self._merge_run(name),
                parent_id=self.source_nodes[anchor].id if anchor else None,
                created_at=self.created[name],
            )
            if anchor is None and node.message.role == "assistant":
                issues["question_added"] += 1
                question = _build_placeholder_question(node, ids)
                node = replace(node, parent_id=question.id)
                found.append(question)
            found.append(node)
        return found

    def _merge_run(self, message_id: str) -> Node:
        """The message with all that it goes on."""
        run = [self.source_nodes[message_id]]
        earlier = self.predecessors[message_id]
        while earlier is not None:
            run.append(self.source_nodes[earlier])
            earlier = self.predecessors[earlier]
        if len(run) == 1:
            return run[0]
        parts: list[Part] = [part for node in reversed(run) for part in node.message.parts]
        return replace(
            run[0],
            message=Message(run[0].message.role, merge_parts(parts)),
            target=next((node.target for node in run if node.target), None),
        )

    def _check_copy_limit(self) -> None:
        """Raise TransferError where many branches would each repeat a long beginning."""
        alone: dict[str, int] = {}
        with_all: dict[str, int] = {}
        for name in self.order:
            texts = (len(part.text) for part in self.source_nodes[name].message.parts)
            alone[name] = 10 + sum(texts)
            before = self.predecessors[name]
            with_all[name] = alone[name] + (with_all[before] if before else 0)
        ends = [name for name in self.order if self.node_ids[name] == self.source_nodes[name].id]
        if sum(map(with_all.__getitem__, ends)) > 2 * sum(alone.values()) + MAX_COPIED_CHARS:
            raise TransferError("tangled")


def _build_placeholder_question(answer: Node, used_ids: set[str]) -> Node:
    """The question that an answer lacks, under an id that nothing has."""
    name = derive_id("question", answer.id)
    while name in used_ids:
        name = derive_id("question", name)
    used_ids.add(name)
    return Node(name, None, Message("user", (TextPart(PLACEHOLDER_QUESTION),)), answer.created_at)
