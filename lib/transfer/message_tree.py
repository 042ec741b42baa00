"""A tree of nodes, in which questions and answers take turns, from messages with any parents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lib.core.conversation import ImagePart, Message, Node, OtherPart, Part, TextPart, ThinkingPart
from lib.core.errors import TransferError
from lib.core.tree import preorder, sort_nodes
from lib.transfer.result import derive_id

PLACEHOLDER_QUESTION = "…"  # stands where a conversation begins with an answer
# Text that may be repeated because a branch begins inside a merged message.
MAX_COPIED_CHARS = 1_000_000


@dataclass(frozen=True)
class TreeMessage:
    """A message under the ids of its file; its node is None if all content was dropped.

    `created` is in seconds since 1970, None for a missing or impossible time. The node of a placeholder says what
    was dropped, and stands only where nothing else of the answer is left.
    """

    id: str
    parent_id: str | None
    node: Node | None
    created: float | None = None
    is_placeholder: bool = False


@dataclass(frozen=True)
class MessageTree:
    """The nodes, in order, and for each id of the file the id of the node that has its text now."""

    nodes: list[Node]
    node_ids: Mapping[str, str]


def build_tree(messages: Sequence[TreeMessage], default_created: float, issues: Counter[str]) -> MessageTree:
    """Build a tree of nodes in which each path begins with a question, and no role comes twice in a row.

    A message whose parent is missing, or in a cycle, begins a branch of its own. Neighbours of one role
    become one message, with the id of the later one. An answer without a question gets PLACEHOLDER_QUESTION.
    Repairs are counted; a tree that keeps the rules stays as it is. Raises TransferError where merging would
    repeat too much text.
    """
    messages_by_id: dict[str, TreeMessage] = {}
    for message in messages:
        issues["duplicate"] += messages_by_id.setdefault(message.id, message) is not message
    parents = _resolve_parents(messages_by_id, issues)
    needed_ids = _find_lost_answers(messages_by_id, parents)
    for message_id, message in messages_by_id.items():
        if message.is_placeholder and message_id not in needed_ids:
            messages_by_id[message_id] = replace(message, node=None)
    nearest_ids: dict[str, str | None] = {}  # of each message, itself or its nearest ancestor with a node
    node_parents: dict[str, str | None] = {}
    for message_id in preorder(parents):
        parent_id = parents[message_id]
        nearest_parent_id = nearest_ids[parent_id] if parent_id is not None else None
        nearest_ids[message_id] = nearest_parent_id
        if messages_by_id[message_id].node:
            nearest_ids[message_id] = message_id
            node_parents[message_id] = nearest_parent_id
    builder = _TreeBuilder(messages_by_id, node_parents, default_created)
    nodes = builder.build_nodes(issues)
    node_ids = {key: builder.node_ids[nearest] for key, nearest in nearest_ids.items() if nearest is not None}
    return MessageTree(sort_nodes(nodes), node_ids)


def newest_leaf_id(nodes: Sequence[Node]) -> str | None:
    """Find the end of the branch that was added last; None without nodes."""
    parent_ids = {node.parent_id for node in nodes}
    leaves = (node for node in nodes if node.id not in parent_ids)
    newest = max(leaves, key=lambda node: (node.created_at, node.id), default=None)
    return newest.id if newest else None


def merge_parts(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Drop empty parts, and merge neighbouring texts, each a paragraph of its own."""
    merged: list[Part] = []
    texts: list[str] = []
    last_char = " "
    for part in parts:
        if not isinstance(part, TextPart):
            if not isinstance(part, ThinkingPart) or part.text or part.is_replayable:
                merged += [TextPart("".join(texts))] * bool(texts)
                texts.clear()
                merged.append(part)
        elif part.text:
            if not last_char.isspace() and not part.text[0].isspace():
                texts.append("\n\n")
            texts.append(part.text)
            last_char = part.text[-1]
    return (*merged, *[TextPart("".join(texts))] * bool(texts))


def _size(part: Part) -> int:
    """Return the characters of a part."""
    if isinstance(part, ImagePart):
        return len(part.data)
    return len(part.details) if isinstance(part, OtherPart) else len(part.text)


def _resolve_parents(messages: Mapping[str, TreeMessage], issues: Counter[str]) -> dict[str, str | None]:
    """Map each id to its parent's, without missing parents and cycles."""
    parents: dict[str, str | None] = {}
    for message_id, message in messages.items():
        is_missing = message.parent_id is not None and message.parent_id not in messages
        parents[message_id] = None if is_missing else message.parent_id
        issues["unlinked"] += is_missing
    visited: set[str] = set()
    for start in parents:
        path: set[str] = set()
        current: str | None = start
        while current is not None and current not in visited and current not in path:
            path.add(current)
            current = parents[current]
        if current is not None and current in path:
            parents[current] = None
            issues["unlinked"] += 1
        visited |= path
    return parents


def _find_lost_answers(messages: Mapping[str, TreeMessage], parents: Mapping[str, str | None]) -> set[str]:
    """Find the last placeholder of each answer to a question that has nothing else."""
    needed_ids: set[str] = set()
    # For each message, the placeholder that stands for the answer so far; "" before one, None without a question.
    pending: dict[str, str | None] = {}
    order = preorder(parents)
    parent_ids = {parents[message_id] for message_id in order}
    for message_id in order:
        message, parent = messages[message_id], parents[message_id]
        lost_id = pending[parent] if parent is not None else None
        if message.is_placeholder:
            lost_id = None if lost_id is None else message_id
        elif message.node and message.node.message.role == "user":
            needed_ids |= {lost_id} if lost_id else set()
            lost_id = ""
        elif message.node:
            lost_id = None
        if lost_id and message_id not in parent_ids:
            needed_ids.add(lost_id)
        pending[message_id] = lost_id
    return needed_ids


class _TreeBuilder:
    """Builder that merges runs of messages of one role.

    A message's `predecessors` entry is the one of the same role that it continues, its `reply_parents` entry
    the one of the other role that it answers.
    """

    def __init__(
        self,
        messages: Mapping[str, TreeMessage],
        parents: Mapping[str, str | None],
        default_created: float,
    ) -> None:
        self._source_nodes = {key: node for key in parents if (node := messages[key].node)}
        self._order = preorder(parents)
        self._predecessors: dict[str, str | None] = {}
        self._reply_parents: dict[str, str | None] = {}
        self._created: dict[str, float] = {}
        successors: dict[str, str] = {}  # the last message that continues another
        answered_ids: set[str] = set()
        for key in self._order:
            parent = parents[key]
            continues = parent is not None and self._role(parent) == self._role(key)
            self._predecessors[key] = parent if continues else None
            self._reply_parents[key] = self._reply_parents[parent] if continues and parent else parent
            created = messages[key].created
            if created is None:
                created = self._created[parent] if parent is not None else default_created
            self._created[key] = created
            if parent is not None and continues:
                successors[parent] = key
            elif parent is not None:
                answered_ids.add(parent)
        self.node_ids: dict[str, str] = {}
        for key in reversed(self._order):
            is_merged = key in successors and key not in answered_ids
            self.node_ids[key] = self.node_ids[successors[key]] if is_merged else self._source_nodes[key].id

    def build_nodes(self, issues: Counter[str]) -> list[Node]:
        self._check_copy_limit()
        nodes: list[Node] = []
        used_ids = {node.id for node in self._source_nodes.values()}
        for key in self._order:
            if self._is_merged(key):
                issues["joined"] += 1
                continue
            parent = self._reply_parents[key]
            parent_id = self._source_nodes[parent].id if parent is not None else None
            node = replace(self._merge_run(key), parent_id=parent_id, created_at=self._created[key])
            if parent is None and node.message.role == "assistant":
                issues["question_added"] += 1
                question = _build_placeholder_question(node, used_ids)
                node = replace(node, parent_id=question.id)
                nodes.append(question)
            nodes.append(node)
        return nodes

    def _role(self, key: str) -> str:
        return self._source_nodes[key].message.role

    def _is_merged(self, key: str) -> bool:
        """Tell if all branches of a message go on in a later message of the same role."""
        return self.node_ids[key] != self._source_nodes[key].id

    def _merge_run(self, key: str) -> Node:
        """Merge a message with all those that it continues."""
        run = [self._source_nodes[key]]
        predecessor = self._predecessors[key]
        while predecessor is not None:
            run.append(self._source_nodes[predecessor])
            predecessor = self._predecessors[predecessor]
        if len(run) == 1:
            return run[0]
        parts = merge_parts(part for node in reversed(run) for part in node.message.parts)
        target = next((node.target for node in run if node.target), None)
        return replace(run[0], message=Message(run[0].message.role, parts), target=target)

    def _check_copy_limit(self) -> None:
        """Raise TransferError where many branches would each repeat a long beginning."""
        own_chars: dict[str, int] = {}
        run_chars: dict[str, int] = {}
        for key in self._order:
            own_chars[key] = 10 + sum(map(_size, self._source_nodes[key].message.parts))
            predecessor = self._predecessors[key]
            run_chars[key] = own_chars[key] + (run_chars[predecessor] if predecessor is not None else 0)
        written_chars = sum(run_chars[key] for key in self._order if not self._is_merged(key))
        if written_chars > 2 * sum(own_chars.values()) + MAX_COPIED_CHARS:
            raise TransferError("tangled")


def _build_placeholder_question(answer: Node, used_ids: set[str]) -> Node:
    question_id = derive_id("question", answer.id)
    while question_id in used_ids:
        question_id = derive_id("question", question_id)
    used_ids.add(question_id)
    return Node(question_id, None, Message("user", (TextPart(PLACEHOLDER_QUESTION),)), answer.created_at)
