"""Whatever is done with a conversation, in whatever order: no node is lost, and the shown path is whole."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lib.chat.turns import branches, turn
from lib.chat.turns.branches import UndoPoint
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.temporary import TemporaryStore
from lib.chat.turns.turn import TurnServices
from lib.core import tree
from lib.core.conversation import Node, Outcome
from lib.core.events import Finish, TextDelta
from lib.core.params import Params
from lib.core.target import Target
from lib.storage.store import Store
from tests.unit.chat.services import Counting, settled

ANN = "ann"
TARGETS = (Target("m-one", "openai"), Target("m-two", "anthropic"))


class Ready:
    """A gateway that always has an answer."""

    def stream(self, target, messages, params, cancel, _):
        assert [message.role for message in messages] == ["user", "assistant"] * (len(messages) // 2) + [
            "user"
        ]
        for choice in range(params.n or 1):
            yield TextDelta(f"Answer {choice}", choice=choice)
        yield Finish(Outcome.COMPLETE, "stop")


class Conversations(RuleBasedStateMachine):
    """One conversation that everything is done to; what was ever said is remembered beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="antler-tree-"))
        self.store = self.opened()
        self.desk = TurnServices(self.store, Ready(), GenerationRegistry())
        begun = turn.ask(self.desk, ANN, None, "First", TARGETS[0], Params()).conversation
        self.id = begun.id
        self.said: dict[str, str] = {}
        self.undone: list[UndoPoint] = []
        settled(self.desk, self.id)
        self.remember()

    def opened(self) -> Store | TemporaryStore:
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

    def living(self, role: str) -> list[Node]:
        return [node for node in tree.visible_nodes(self.nodes) if node.message.role == role]

    def remember(self) -> None:
        settled(self.desk, self.id)
        self.said |= {node.id: node.message.text for node in self.nodes}

    @rule(data=some.data(), over=some.sampled_from(TARGETS), n=some.sampled_from([None, None, 2]))
    def ask(self, data, over, n):
        after = data.draw(
            some.sampled_from([None, turn.HEAD, *(node.id for node in self.living("assistant"))])
        )
        before = tree.path(self.nodes, self.head)
        asked = turn.ask(self.desk, ANN, self.id, "A question", over, Params(n=n), after)
        self.remember()
        path = tree.path(self.nodes, self.head)
        assert path[-2].message.text == "A question"
        expected = (before[-1].id if before else None) if after == turn.HEAD else after
        assert path[-2].parent_id == expected
        assert asked.is_new_branch == any(node.parent_id == expected for node in before)

    @precondition(lambda self: self.living("user"))
    @rule(data=some.data(), over=some.sampled_from(TARGETS))
    def answer_again(self, data, over):
        question = data.draw(some.sampled_from(self.living("user")))
        turn.regenerate(self.desk, ANN, self.id, over, Params(), question.id)
        self.remember()
        last = tree.path(self.nodes, self.head)[-1]
        assert (last.parent_id, last.target) == (question.id, over)

    @precondition(lambda self: self.living("user"))
    @rule(data=some.data())
    def edit(self, data):
        question = data.draw(some.sampled_from(self.living("user")))
        turn.ask(self.desk, ANN, self.id, "In other words", TARGETS[0], Params(), question.parent_id)
        self.remember()
        edited = tree.path(self.nodes, self.head)[-2]
        assert question.id in tree.siblings(self.nodes)[edited.id]

    @precondition(lambda self: tree.visible_nodes(self.nodes))
    @rule(data=some.data(), back=some.booleans())
    def look_at(self, data, back):
        node = data.draw(
            some.sampled_from(self.living("assistant") if back else tree.visible_nodes(self.nodes))
        )
        if back:
            self.undone.append(branches.rewind_to(self.desk, ANN, self.id, node.id))
        else:
            branches.show_branch(self.desk, ANN, self.id, node.id)
        assert node.id in [one.id for one in tree.path(self.nodes, self.head)]

    @precondition(lambda self: tree.visible_nodes(self.nodes))
    @rule(data=some.data())
    def delete(self, data):
        node = data.draw(some.sampled_from(tree.visible_nodes(self.nodes)))
        shown = [one.id for one in tree.path(self.nodes, self.head)]
        before = branches.delete_turn(self.desk, ANN, self.id, node.id)
        self.undone.append(before)
        assert node.id in before.deleted_node_ids
        assert not {one.id for one in tree.visible_nodes(self.nodes)} & set(before.deleted_node_ids)
        if self.head == before.head_id:
            rest = [one for one in shown if one not in before.deleted_node_ids]
            assert [one.id for one in tree.path(self.nodes, self.head)] == rest

    @rule()
    def take_back_the_last(self):
        if self.undone:
            before = self.undone.pop()
            branches.undo_change(self.desk, ANN, before)
            assert self.head == before.head_id
            assert set(before.deleted_node_ids) <= {one.id for one in tree.visible_nodes(self.nodes)}

    @rule()
    def delete_and_take_back_changes_nothing(self):
        if path := tree.path(self.nodes, self.head):
            was = self.nodes, self.head
            branches.undo_change(self.desk, ANN, branches.delete_turn(self.desk, ANN, self.id, path[0].id))
            assert (self.nodes, self.head) == was

    @precondition(lambda self: tree.visible_nodes(self.nodes))
    @rule(data=some.data())
    def branch_off(self, data):
        node = data.draw(some.sampled_from(tree.visible_nodes(self.nodes)))
        route = tree.path(self.nodes, node.id)
        new = branches.branch_conversation(self.desk, ANN, self.id, node.id, "Branch")
        copies = tree.path(self.store.messages.nodes(ANN, new.id), new.head_id)
        assert [one.message for one in copies] == [one.message for one in route]
        assert not {one.id for one in copies} & set(self.said)

    @invariant()
    def no_node_is_lost_and_none_is_changed(self):
        assert {node.id: node.message.text for node in self.nodes} == self.said

    @invariant()
    def there_is_no_circle_and_every_node_has_its_way_to_the_root(self):
        alive = {node.id: node for node in tree.visible_nodes(self.nodes)}
        for node in alive.values():
            walked = {node.id}
            while node.parent_id is not None:
                node = alive[node.parent_id]
                assert node.id not in walked
                walked.add(node.id)

    @invariant()
    def the_shown_path_is_whole(self):
        path = tree.path(self.nodes, self.head)
        roles = [node.message.role for node in path]
        assert roles == (["user", "assistant"] * len(path))[: len(path)]
        assert [node.parent_id for node in path] == [None, *(node.id for node in path)][: len(path)]
        assert bool(path) == bool(self.living("user"))

    @invariant()
    def every_living_node_can_be_paged_to(self):
        nodes = self.nodes
        families = tree.siblings(nodes)
        for node in tree.visible_nodes(nodes):
            assert node.id in [one.id for one in tree.path(nodes, tree.newest_leaf(nodes, node.id))]
            beside = [
                o.id
                for o in tree.visible_nodes(nodes)
                if (o.parent_id, o.message.role) == (node.parent_id, node.message.role)
            ]
            assert sorted(families.get(node.id, [node.id])) == sorted(beside)


class Temporary(Conversations):
    """The same with one that is kept in memory only."""

    def opened(self) -> Store | TemporaryStore:
        return TemporaryStore(ANN, Counting())

    def branch_off(self) -> None:
        """There is only the one."""


few = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestConversations = Conversations.TestCase
TestConversations.settings = few
TestTemporary = Temporary.TestCase
TestTemporary.settings = few
