"""Rows of two owners in every table, for tests of the owner scope."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from lib.core.comparisons import Column, Comparison, Origin, Vote
from lib.core.conversation import Conversation, Feedback, FilePart, Message, Node, Outcome, TextPart, Timing, Usage
from lib.core.exchanges import Attempt, Chunk, Exchange
from lib.core.file_storage import StoredFile
from lib.core.gateway_checks import CheckRun
from lib.core.params import Params
from lib.core.projects import Project
from lib.core.prompts import Persona, Prompt, PromptLink
from lib.core.question_queue import QueuedQuestion
from lib.core.quota import QuotaCounter, Reservation
from lib.core.target import Target
from lib.core.usage import ShareLink, UsageRecord
from lib.core.user import User
from lib.storage.database.engine import read_transaction
from lib.storage.schema.files import attachment
from lib.storage.schema.tables import metadata
from lib.storage.store import Store

TARGET = Target("claude-x", "anthropic")


@dataclass(frozen=True)
class Ids:
    """Ids of a conversation, of its question and its answer, of a share link, of a prompt."""

    conversation_id: str
    question_id: str
    answer_id: str
    share_id: str
    prompt_id: str

    def prompt(self, **changes: Any) -> Prompt:
        return replace(Prompt(self.prompt_id, "prompt", "Why?", "Asks 你好", text="Why?"), **changes)

    def conversation(self, **changes: Any) -> Conversation:
        base = Conversation(self.conversation_id, "Why?", 2.0, self.answer_id, TARGET, created_at=2.0)
        return replace(base, **changes)

    def question(self, **changes: Any) -> Node:
        parts = (FilePart(self.file.digest, "why.txt", "text/plain"), TextPart("Why 你好?"))
        return replace(Node(self.question_id, None, Message("user", parts), 1.0), **changes)

    def answer(self, **changes: Any) -> Node:
        message = Message("assistant", (TextPart("Because 世界."),))
        node = Node(self.answer_id, self.question_id, message, 2.0, Outcome.ARRIVING, target=TARGET)
        return replace(node, **changes)

    def queued(self, **changes: Any) -> QueuedQuestion:
        queued = QueuedQuestion(f"queued-{self.question_id}", self.conversation_id, "And?", TARGET, Params(), 3.0)
        return replace(queued, **changes)

    def project(self, **changes: Any) -> Project:
        return replace(Project(f"folder-{self.conversation_id}", "Answer 你好.", TARGET), **changes)

    @property
    def exchange(self) -> Exchange:
        attempt = Attempt(2.0, "POST", "http://gateway/v1", {}, self.answer_id, chunks=(Chunk(0.5, b"Because"),))
        return Exchange(
            f"exchange-{self.answer_id}", TARGET, (attempt,), "answer", self.conversation_id, self.answer_id
        )

    @property
    def file(self) -> StoredFile:
        return StoredFile("text/plain", self.prompt_id.encode(), "Why 你好?", b"small")

    @property
    def comparison_id(self) -> str:
        return f"comparison-{self.conversation_id}"

    @property
    def column_id(self) -> str:
        return f"column-{self.conversation_id}"

    def comparison(self, **changes: Any) -> Comparison:
        column = Column(self.column_id, f"asked-{self.question_id}", TARGET, Params(system="Be brief."))
        origin = Origin(self.conversation_id, self.question_id)
        return replace(
            Comparison(self.comparison_id, "Why 你好?", 4.0, (column, column), True, Vote("best", 1), origin), **changes
        )

    def check(self, **changes: Any) -> CheckRun:
        return replace(CheckRun(f"check-{self.share_id}", (TARGET,), ("usage",), "127.0.0.1", 5.0), **changes)

    def link(self) -> ShareLink:
        return ShareLink(self.share_id, self.conversation_id, "Why?", 5.0)


BEAR = Persona("Bear")
ANNS = Ids("c", "q", "a", "s", "p")
BOBS = Ids("c2", "q2", "a2", "s2", "p2")
MISSING = Ids("no-c", "no-q", "no-a", "no-s", "no-p")


def user_counter(owner: str) -> QuotaCounter:
    return QuotaCounter(f"person:{owner}", "tokens_day", 0)


def usage_record(record_id: str, conversation_id: str | None) -> UsageRecord:
    usage, timing = Usage(1, 2, 3, 4, 5), Timing(0.1, 0.2, 0.3)
    return UsageRecord(record_id, conversation_id, "answer", TARGET, usage, timing, Outcome.COMPLETE, "req", 3.0)


def save_rows(store: Store, owner: str, ids: Ids) -> None:
    store.attachments.put(owner, ids.file)
    store.messages.save_turn(owner, ids.conversation(), [ids.question(), ids.answer()], f"key-{ids.question_id}")
    store.messages.finish(owner, ids.answer(outcome=Outcome.COMPLETE), (), ids.exchange)
    store.messages.set_feedback(owner, ids.answer_id, Feedback("good", "Because 世界."))
    store.messages.reopen(owner, ids.conversation(), ids.answer())
    store.queue.add(owner, ids.queued())
    column = ids.conversation(id=ids.column_id, head_id=None, comparison_id=ids.comparison_id)
    asked = ids.question(id=f"asked-{ids.question_id}")
    store.comparisons.save(owner, ids.comparison(), [(column, [asked])])
    store.queue.add(owner, ids.queued(id=f"later-{ids.question_id}"))
    store.preferences.set_favourite(owner, f"m-{owner}", True)
    store.shares.add(owner, ids.link(), f"hash-{owner}", {"of": owner})
    store.projects.save(owner, ids.project())
    store.prompts.save(owner, ids.prompt())
    store.prompts.add_link(owner, PromptLink(owner, ids.prompt_id, 5.0), f"prompt-{owner}", {"of": owner})
    store.usage.record(owner, usage_record(f"usage-{owner}", ids.conversation_id))
    store.quotas.reserve(owner, f"request-{owner}", [Reservation(user_counter(owner), 7, 90)])
    store.gateway_checks.start(owner, ids.check(state="done"))
    store.users.upsert(User(owner, f"Name {owner}", f"{owner}@example.org"))


def save_rows_of_two_owners(store: Store) -> None:
    save_rows(store, "ann", ANNS)
    save_rows(store, "bob", BOBS)


def dump(store: Store) -> set[tuple[str, ...]]:
    """Return all rows of all tables, each with its table's name; the bytes of files with their owner too."""
    with read_transaction(store._engine) as connection:
        owners = {row.id: row.owner for row in connection.execute(sa.select(attachment.c.id, attachment.c.owner))}
        return {
            (name, *map(str, row), *([owners[row.attachment]] if name == "attachment_data" else ()))
            for name in metadata.tables
            # As text, which takes less time than to compile the query of each table for each store.
            for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')
        }
