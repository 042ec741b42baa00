"""Comparisons: start one with all its columns or none, read its columns, ask one again, keep an answer, delete."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Protocol

from lib.chat.context.titles import title_from_question
from lib.chat.turns import turn
from lib.chat.turns.answer_request import running_limit, start_generations
from lib.chat.turns.generation import Generation
from lib.chat.turns.remote_generation import RemoteGeneration
from lib.chat.turns.services import TurnServices
from lib.core import errors, tree
from lib.core.comparisons import MAX_PROMPT_CHARS, Column, ColumnRefused, Comparison, Origin
from lib.core.conversation import Conversation, FilePart, Node, new_id
from lib.core.params import Params
from lib.core.quota import RunningLimit
from lib.core.sanitize import replace_surrogates
from lib.core.target import Target

_shuffle = random.SystemRandom().shuffle


class ComparisonStore(Protocol):
    """Storage of comparisons; each method may raise StoreError."""

    def save(
        self,
        owner: str,
        comparison: Comparison,
        turns: Sequence[tuple[Conversation, Sequence[Node]]],
        running_limit: RunningLimit | None = None,
    ) -> None:
        """Insert a comparison with the conversations of its columns and their nodes, all of it or nothing.

        Raises TooManyAnswers and AttachmentNotFound.
        """

    def delete(self, owner: str, comparison_id: str) -> None:
        """Soft delete a comparison."""


@dataclass(frozen=True)
class ColumnChoice:
    """A target that is to be asked, with its parameters."""

    target: Target
    params: Params = Params()


@dataclass(frozen=True)
class ColumnState:
    """A column as it is now; `conversation` is None if it was deleted, and `answer` then as well.

    `generation` produces the answer.
    """

    column: Column
    conversation: Conversation | None = None
    question: Node | None = None
    answer: Node | None = None
    generation: Generation | RemoteGeneration | None = None

    @property
    def is_kept(self) -> bool:
        """True once it is an ordinary conversation too."""
        return self.conversation is not None and self.conversation.comparison_id is None


def start_comparison(
    services: TurnServices,
    comparisons: ComparisonStore,
    owner: str,
    text: str,
    choices: Sequence[ColumnChoice],
    *,
    files: tuple[FilePart, ...] = (),
    is_blind: bool = False,
    origin: Origin | None = None,
) -> Comparison:
    """Ask all targets, each in a conversation of its own, which begins with the path before the question of `origin`.

    The columns of a blind comparison are shuffled. All rows are committed, and quota is reserved for all answers,
    before anything is sent; else nothing is. Raises ColumnRefused for one that cannot be asked, ModelNotAllowed,
    LimitExceededError with the sum, PriceUnknown, TooManyAnswers, AttachmentNotFound, ConversationNotFound for a
    missing origin, ShuttingDown and StoreError.
    """
    base, earlier = load_context(services, owner, origin)
    now, shown, title = time.time(), list(choices), title_from_question(text, files)
    if is_blind:
        _shuffle(shown)
    prompt = replace_surrogates(text if text.strip() else title)[:MAX_PROMPT_CHARS]
    comparison = Comparison(new_id(), prompt, now, (), is_blind, origin=origin)
    base = replace(base, title=title, updated_at=now, created_at=now, comparison_id=comparison.id)
    with ExitStack() as claims:
        prepared = []
        for choice in shown:
            prepared.append(prepare_column(services, owner, base, choice, earlier, text, files))
            claims.enter_context(services.generations.claim_turn(prepared[-1].conversation.id))
        columns = tuple(_build_column(*each) for each in zip(prepared, shown, strict=True))
        comparison = replace(comparison, columns=columns)
        _start(services, comparisons, owner, comparison, prepared)
    return comparison


def _start(
    services: TurnServices,
    comparisons: ComparisonStore,
    owner: str,
    comparison: Comparison,
    prepared: Sequence[turn.PreparedQuestion],
) -> None:
    """Commit a comparison with all its rows, and start the answers."""
    turns = [(each.conversation, each.nodes) for each in prepared]
    start_generations(
        services,
        owner,
        [each.answer for each in prepared],
        lambda: comparisons.save(owner, comparison, turns, running_limit(services)),
    )


def _build_column(prepared: turn.PreparedQuestion, choice: ColumnChoice) -> Column:
    question = prepared.nodes[-2]
    return Column(prepared.conversation.id, question.id, choice.target, choice.params)


def load_context(services: TurnServices, owner: str, origin: Origin | None) -> tuple[Conversation, list[Node]]:
    """Return the conversation that columns are copies of, and its path before the question. Raises StoreError."""
    if origin is None:
        return Conversation("", "", 0.0), []
    original = turn.load_conversation(services, owner, origin.conversation_id)
    nodes = services.store.messages.nodes(owner, origin.conversation_id)
    path = tree.path(nodes, origin.question_id)
    if not path or path[-1].id != origin.question_id:
        raise errors.ConversationNotFound
    truncation, persona = original.truncation, original.persona
    return Conversation("", "", 0.0, folder=original.folder, truncation=truncation, persona=persona), path[:-1]


def prepare_column(
    services: TurnServices,
    owner: str,
    base: Conversation,
    choice: ColumnChoice,
    earlier: Sequence[Node],
    text: str,
    files: tuple[FilePart, ...],
) -> turn.PreparedQuestion:
    """Prepare the question of a column, in a copy of `base` with a copy of the path before it.

    Raises ColumnRefused and StoreError.
    """
    # A column has no place for alternatives.
    params = choice.params if choice.target.makes_images else replace(choice.params, n=None)
    conversation, copies = replace(base, id=new_id(), target=choice.target, params=params), tree.copy_path(earlier)
    if truncation := conversation.truncation:
        ids = {old.id: new.id for old, new in zip(earlier, copies, strict=True)}
        start_id = ids.get(truncation.start_id, truncation.start_id)
        conversation = replace(conversation, truncation=replace(truncation, start_id=start_id))
    try:
        return turn.prepare_question(services, owner, conversation, copies, text, files)
    except errors.StoreError:
        raise
    except errors.AntlerError as error:
        raise ColumnRefused(choice.target, error) from error


def load_columns(services: TurnServices, owner: str, comparison: Comparison) -> list[ColumnState]:
    """Return the columns as they are now. Raises StoreError."""
    return [_load_column(services, owner, column) for column in comparison.columns]


def _load_column(services: TurnServices, owner: str, column: Column) -> ColumnState:
    # Before the messages are read: an answer leaves the registry after its end is stored.
    running = services.generations.find(owner, column.conversation_id)
    conversation = services.store.conversations.get(owner, column.conversation_id)
    if conversation is None:
        return ColumnState(column)
    nodes = tree.visible_nodes(services.store.messages.nodes(owner, column.conversation_id))
    question = next((node for node in nodes if node.id == column.question_id), None)
    # A kept column may have got answers of other targets in the chat.
    siblings = [node for node in nodes if node.parent_id == column.question_id and node.message.role == "assistant"]
    answers = [node for node in siblings if node.target == column.target]
    answer = max(answers, key=lambda node: (node.created_at, node.id), default=None)
    generation: Generation | RemoteGeneration | None = None
    if answer and running and answer.id in running.node_ids:
        generation = running
    elif answer and answer.arriving:
        messages, registry = services.store.messages, services.generations
        generation = RemoteGeneration(owner, column.conversation_id, answer, messages, registry.sweep)
    return ColumnState(column, conversation, question, answer, generation)


def ask_again(services: TurnServices, owner: str, column: Column) -> None:
    """Request another answer in place of the one of a column. Raises as `turn.regenerate`."""
    turn.regenerate(services, owner, column.conversation_id, column.target, column.params, column.question_id)


def keep_as_branch(services: TurnServices, owner: str, origin: Origin, answer: Node) -> None:
    """Insert an answer as a sibling in the conversation that the comparison came from, and show it there.

    Raises TurnInProgress, ConversationNotFound if the question is gone, and StoreError.
    """
    with services.generations.claim_turn(origin.conversation_id):
        original = turn.load_conversation(services, owner, origin.conversation_id)
        nodes = tree.visible_nodes(services.store.messages.nodes(owner, origin.conversation_id))
        if not any(node.id == origin.question_id for node in nodes):
            raise errors.ConversationNotFound
        now = time.time()
        copy = replace(answer, id=new_id(), parent_id=origin.question_id, created_at=now, feedback=None)
        shown = replace(original, head_id=copy.id, updated_at=now)
        services.store.messages.save_turn(owner, shown, [copy], allow_missing_files=True)


def delete_comparison(services: TurnServices, comparisons: ComparisonStore, owner: str, comparison: Comparison) -> None:
    """Stop the answers of a comparison, and soft delete it. Raises StoreError."""
    for state in load_columns(services, owner, comparison):
        if state.generation:
            state.generation.stop()
    comparisons.delete(owner, comparison.id)
