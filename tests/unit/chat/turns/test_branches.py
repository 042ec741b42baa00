"""Random operations on a conversation: no node is lost and the visible path stays complete."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lib.chat.turns import branches, turn
from lib.chat.turns.branches import UndoPoint
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.temporary import TemporaryStore
from lib.core import tree
from lib.core.conversation import Node, Outcome
from lib.core.events import Finish, TextDelta
from lib.core.params import Params
from lib.core.target import Target
from lib.storage.store import Store
from tests.support.examples import count_examples
from tests.unit.chat.services import FakeUsageStore, wait_for_path

ANN = "ann"
TARGETS = (Target("m-one", "openai"), Target("m-two", "anthropic"))


class AnsweringGateway:
    """A gateway that answers every request."""

    def stream(self, target, messages, params, cancel, *_):
        assert [message.role for message in messages] == ["user", "assistant"] * (len(messages) // 2) + ["user"]
        for choice in range(params.n or 1):
            yield TextDelta(f"Answer {choice}", choice=choice)
        yield Finish(Outcome.COMPLETE, "stop")


@pytest.fixture(autouse=True)
def template(database_template, request) -> None:
    """Give the state machines an empty database to copy."""
    request.cls.template = database_template


class Conversations(RuleBasedStateMachine):
    """State machine of one conversation; `texts` holds the text of every node ever created."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="antler-tree-"))
        self.store = self.open_store()
        self.services = TurnServices(self.store, AnsweringGateway(), GenerationRegistry())
        conversation = turn.ask(self.services, ANN, None, "First", TARGETS[0], Params()).conversation
        self.id = conversation.id
        self.texts: dict[str, str] = {}
        self.undo_points: list[UndoPoint] = []
        wait_for_path(self.services, self.id)
        self.remember_texts()
        self.checked_nodes = self.nodes

    def open_store(self) -> Store | TemporaryStore:
        shutil.copyfile(TestConversations.template, self.folder / "a.db")
        return Store(f"sqlite:///{self.folder}/a.db")

    def teardown(self) -> None:
        if isinstance(self.store, Store):
            self.store.close()
        shutil.rmtree(self.folder)

    @property
    def nodes(self) -> list[Node]:
        return self.store.messages.nodes(ANN, self.id)

    @property
    def head(self) -> str | None:
        return self.store.conversations.get(ANN, self.id).head_id

    def visible(self, role: str) -> list[Node]:
        return [node for node in tree.visible_nodes(self.nodes) if node.message.role == role]

    def was_visible(self, role: str) -> bool:
        """Check the nodes as they are between two rules, without reading them again."""
        return any(node.message.role == role for node in tree.visible_nodes(self.checked_nodes))

    def remember_texts(self) -> None:
        wait_for_path(self.services, self.id)
        self.texts |= {node.id: node.message.text for node in self.nodes}

    @rule(data=st.data(), answer_target=st.sampled_from(TARGETS), n=st.sampled_from([None, None, 2]))
    def ask(self, data, answer_target, n):
        parent_id = data.draw(st.sampled_from([None, turn.HEAD, *(node.id for node in self.visible("assistant"))]))
        before = tree.path(self.nodes, self.head)
        result = turn.ask(self.services, ANN, self.id, "A question", answer_target, Params(n=n), parent_id)
        self.remember_texts()
        path = tree.path(self.nodes, self.head)
        assert path[-2].message.text == "A question"
        expected = (before[-1].id if before else None) if parent_id == turn.HEAD else parent_id
        assert path[-2].parent_id == expected
        assert result.is_new_branch == any(node.parent_id == expected for node in before)

    @precondition(lambda self: self.was_visible("user"))
    @rule(data=st.data(), answer_target=st.sampled_from(TARGETS))
    def regenerate(self, data, answer_target):
        question = data.draw(st.sampled_from(self.visible("user")))
        turn.regenerate(self.services, ANN, self.id, answer_target, Params(), question.id)
        self.remember_texts()
        last = tree.path(self.nodes, self.head)[-1]
        assert (last.parent_id, last.target) == (question.id, answer_target)

    @precondition(lambda self: self.was_visible("user"))
    @rule(data=st.data())
    def edit(self, data):
        question = data.draw(st.sampled_from(self.visible("user")))
        turn.ask(self.services, ANN, self.id, "In other words", TARGETS[0], Params(), question.parent_id)
        self.remember_texts()
        edited = tree.path(self.nodes, self.head)[-2]
        assert question.id in tree.siblings(self.nodes)[edited.id]

    @precondition(lambda self: tree.visible_nodes(self.checked_nodes))
    @rule(data=st.data(), is_rewind=st.booleans())
    def show_or_rewind(self, data, is_rewind):
        node = data.draw(st.sampled_from(self.visible("assistant") if is_rewind else tree.visible_nodes(self.nodes)))
        if is_rewind:
            self.undo_points.append(branches.rewind_to(self.services, ANN, self.id, node.id))
        else:
            branches.show_branch(self.services, ANN, self.id, node.id)
        assert node.id in [shown.id for shown in tree.path(self.nodes, self.head)]

    @precondition(lambda self: tree.visible_nodes(self.checked_nodes))
    @rule(data=st.data())
    def delete(self, data):
        node = data.draw(st.sampled_from(tree.visible_nodes(self.nodes)))
        shown_ids = [shown.id for shown in tree.path(self.nodes, self.head)]
        before = branches.delete_turn(self.services, ANN, self.id, node.id)
        self.undo_points.append(before)
        assert node.id in before.deleted_node_ids
        assert not {shown.id for shown in tree.visible_nodes(self.nodes)} & set(before.deleted_node_ids)
        if self.head == before.head_id:
            remaining = [node_id for node_id in shown_ids if node_id not in before.deleted_node_ids]
            assert [shown.id for shown in tree.path(self.nodes, self.head)] == remaining

    @rule()
    def undo_last_change(self):
        if self.undo_points:
            before = self.undo_points.pop()
            branches.undo_change(self.services, ANN, before)
            assert self.head == before.head_id
            assert set(before.deleted_node_ids) <= {shown.id for shown in tree.visible_nodes(self.nodes)}

    @rule()
    def undoing_a_deletion_restores_the_conversation(self):
        if path := tree.path(self.nodes, self.head):
            before = self.nodes, self.head
            branches.undo_change(self.services, ANN, branches.delete_turn(self.services, ANN, self.id, path[0].id))
            assert (self.nodes, self.head) == before

    @precondition(lambda self: tree.visible_nodes(self.checked_nodes))
    @rule(data=st.data())
    def branch_conversation(self, data):
        node = data.draw(st.sampled_from(tree.visible_nodes(self.nodes)))
        source_path = tree.path(self.nodes, node.id)
        branch = branches.branch_conversation(self.services, ANN, self.id, node.id, "Branch")
        copied_path = tree.path(self.store.messages.nodes(ANN, branch.id), branch.head_id)
        assert [node.message for node in copied_path] == [node.message for node in source_path]
        assert not {node.id for node in copied_path} & set(self.texts)

    @invariant()
    def the_conversation_is_valid(self):
        nodes = self.checked_nodes = self.nodes
        assert {node.id: node.message.text for node in nodes} == self.texts
        assert_every_visible_node_has_a_path_to_the_root(nodes)
        assert_the_visible_path_is_complete(nodes, self.head)
        assert_every_visible_node_can_be_shown(nodes)


def assert_every_visible_node_has_a_path_to_the_root(nodes: list[Node]) -> None:
    visible_by_id = {node.id: node for node in tree.visible_nodes(nodes)}
    for node in visible_by_id.values():
        visited_ids = {node.id}
        while node.parent_id is not None:
            node = visible_by_id[node.parent_id]
            assert node.id not in visited_ids
            visited_ids.add(node.id)


def assert_the_visible_path_is_complete(nodes: list[Node], head: str | None) -> None:
    path = tree.path(nodes, head)
    roles = [node.message.role for node in path]
    assert roles == (["user", "assistant"] * len(path))[: len(path)]
    assert [node.parent_id for node in path] == [None, *(node.id for node in path)][: len(path)]
    assert bool(path) == any(node.message.role == "user" for node in tree.visible_nodes(nodes))


def assert_every_visible_node_can_be_shown(nodes: list[Node]) -> None:
    siblings_by_id = tree.siblings(nodes)
    visible_nodes = tree.visible_nodes(nodes)
    for node in visible_nodes:
        assert node.id in [shown.id for shown in tree.path(nodes, tree.newest_leaf(nodes, node.id))]
        sibling_ids = [
            o.id for o in visible_nodes if (o.parent_id, o.message.role) == (node.parent_id, node.message.role)
        ]
        assert sorted(siblings_by_id.get(node.id, [node.id])) == sorted(sibling_ids)


class Temporary(Conversations):
    """The same operations on a temporary chat."""

    def open_store(self) -> Store | TemporaryStore:
        return TemporaryStore(ANN, FakeUsageStore())

    def branch_conversation(self) -> None:
        """A temporary store holds a single conversation."""


SETTINGS = settings(max_examples=count_examples(12), stateful_step_count=20, deadline=None)
TestConversations = Conversations.TestCase
TestConversations.settings = SETTINGS
TestTemporary = Temporary.TestCase
TestTemporary.settings = SETTINGS
