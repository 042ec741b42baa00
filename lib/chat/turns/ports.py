"""Storage protocols that turns and generations depend on; each method may raise StoreError."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from lib.core.checkpoints import Arrival, ArrivalState, Checkpoint
from lib.core.conversation import Conversation, Feedback, Node, Outcome, Truncation
from lib.core.exchanges import Exchange, ExchangeSummary, Purpose
from lib.core.file_storage import FileFacts, StoredFile
from lib.core.projects import Project
from lib.core.question_queue import Pause, QuestionQueue, QueuedQuestion
from lib.core.quota import RunningLimit
from lib.core.usage import UsageRecord


class MessageStore(Protocol):
    """Storage of the message tree of a conversation, and of an answer while it arrives."""

    def save_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> list[Outcome | None]:
        """Save arriving answers, also those that were taken for answers without a producer, all or none of them.

        Returns the outcomes of their rows, None for one that no longer exists or belongs to a later request.
        """

    def arrival(self, owner: str, node_id: str, state: ArrivalState | None = None) -> Arrival | None:
        """Return what is new of an answer since a state, all of it without one; None as `node`."""

    def add(self, owner: str, conversation_id: str, node: Node) -> None:
        """Insert one more node of the conversation."""

    def finish(
        self, owner: str, node: Node, usage_records: Sequence[UsageRecord], exchange: Exchange | None = None
    ) -> None:
        """Save the finished answer, the usage of its requests, and what was recorded of them."""

    def node(self, owner: str, node_id: str) -> Node | None:
        """Return a node; None if it does not exist or has another owner."""

    def mark_stopped(self, owner: str, node_id: str) -> None:
        """Mark the row as stopped if it is still arriving."""

    def mark_stale(self, stale_after: float, produced_ids: Collection[str] = ()) -> int:
        """Mark answers without a heartbeat for `stale_after` seconds as interrupted; returns the count.

        Not those of `produced_ids`, which this process produces.
        """

    def nodes(self, owner: str, conversation_id: str) -> list[Node]: ...
    def save_turn(
        self,
        owner: str,
        conversation: Conversation,
        new_nodes: Sequence[Node],
        idempotency_key: str = "",
        queued: QueuedQuestion | None = None,
        running_limit: RunningLimit | None = None,
        *,
        allow_missing_files: bool = False,
    ) -> None:
        """Insert new nodes and upsert their conversation in one transaction, in which `queued` leaves its queue.

        Changes nothing, and raises DuplicateSubmission if the owner has saved a turn with this key,
        QuestionNotQueued if the question is not in its queue, or not with this text, TooManyAnswers if as many
        answers of the owner as `running_limit` are arriving, in any process, and AttachmentNotFound if a file of a node
        is not stored for the owner, unless `allow_missing_files` is set.
        """

    def find_submission(self, owner: str, idempotency_key: str) -> str | None:
        """Return the conversation that a question with this key was saved in; None without one."""

    def reopen(
        self, owner: str, conversation: Conversation, node: Node, running_limit: RunningLimit | None = None
    ) -> None:
        """Mark a finished answer as arriving again, and update its conversation. Raises TooManyAnswers."""

    def set_head(self, owner: str, conversation_id: str, head_id: str | None) -> None:
        """Show the branch that ends in this node."""

    def set_deleted(self, owner: str, conversation_id: str, node_ids: Sequence[str], deleted_at: float | None) -> None:
        """Soft delete nodes at a time in seconds since 1970; None restores them."""

    def set_feedback(self, owner: str, node_id: str, feedback: Feedback | None) -> None:
        """Set the owner's feedback on an answer; None removes it."""


class QueueStore(Protocol):
    """Storage of the questions that wait for the end of an answer.

    The end of an answer pauses the queue of its conversation in the transaction that saves it, and a complete one
    only for its handover.
    """

    def load(self, owner: str, conversation_id: str) -> QuestionQueue: ...
    def add(self, owner: str, question: QueuedQuestion, idempotency_key: str = "") -> bool:
        """Append a question and return True, if an answer is arriving in its conversation.

        Raises DuplicateSubmission, QueueFull and AttachmentNotFound.
        """

    def restore(self, owner: str, question: QueuedQuestion, index: int) -> None:
        """Insert a removed question at its former index."""

    def edit(self, owner: str, question: QueuedQuestion, text: str) -> None:
        """Change the text of a question. Raises QuestionNotQueued."""

    def move(self, owner: str, question: QueuedQuestion, step: int) -> None:
        """Move a question by `step` places, at most to the end of its queue."""

    def remove(self, owner: str, question: QueuedQuestion) -> None: ...
    def pause(self, owner: str, conversation_id: str, pause: Pause) -> None:
        """Pause a queue, unless it is paused for a reason that the user has to know about."""

    def resume(self, owner: str, conversation_id: str, reason: str = "") -> bool:
        """End a pause, or only one with this reason; returns True if the caller has to send the next question.

        While an answer is arriving, its end does that.
        """

    def await_answer(self, owner: str, conversation_id: str) -> bool:
        """Let a queue wait for the end of the arriving answer; returns False without one."""


class AttachmentStore(Protocol):
    """Storage of files by the digest of their bytes, each owner's apart.

    A file that no message uses is kept for UPLOAD_RETENTION_SECONDS after its last `put` or `touch`. Methods that take
    several digests leave out missing files.
    """

    def put(self, owner: str, attachment: StoredFile) -> None:
        """Store a file once. Raises AttachmentTooLarge, FileQuotaExceeded, FileStorageFull and FileStoreError."""

    def get(self, owner: str, digest: str) -> StoredFile | None: ...
    def contents(self, owner: str, digests: Sequence[str]) -> dict[str, bytes]:
        """Return the bytes of files by digest."""

    def texts(self, owner: str, digests: Sequence[str]) -> dict[str, str]:
        """Return the texts of files by digest."""

    def thumbnails(self, owner: str, digests: Sequence[str]) -> dict[str, bytes]:
        """Return the thumbnails of files by digest; files without one are left out."""

    def facts(self, owner: str, digests: Sequence[str]) -> dict[str, FileFacts]:
        """Return the facts of files by digest."""

    def total_bytes(self, owner: str) -> int:
        """Return the size of all files of an owner."""

    def touch(self, owner: str, digests: Sequence[str]) -> None:
        """Keep uploads of a draft."""


class ExchangeStore(Protocol):
    """Storage of recorded exchanges, each owner's apart; they are deleted with their answer."""

    def save(self, owner: str, exchange: Exchange) -> None:
        """Insert an exchange; one whose answer does not exist or has another owner is dropped."""

    def get(self, owner: str, exchange_id: str) -> Exchange | None: ...
    def of_answer(self, owner: str, node_id: str) -> list[Exchange]:
        """Return the exchanges of an answer, oldest first: more than one if it was continued."""

    def recent(
        self, owner: str, limit: int, cursor: ExchangeSummary | None = None, purpose: Purpose | None = None
    ) -> list[ExchangeSummary]:
        """Return the newest exchanges, newest first; those after `cursor`, the last one of the previous page."""


class ConversationStore(Protocol):
    """Storage of a conversation's settings."""

    def get(self, owner: str, conversation_id: str) -> Conversation | None: ...
    def set_truncation(self, owner: str, conversation_id: str, truncation: Truncation | None) -> None:
        """Set which part of a conversation is sent to the model; None for all of it."""


class ProjectStore(Protocol):
    """Storage of folders and their settings."""

    def get(self, owner: str, name: str) -> Project | None:
        """Return a folder; None when it has neither settings nor a conversation."""


class TitleStore(Protocol):
    """Storage of generated titles."""

    def set_generated_title(self, owner: str, conversation_id: str, title: str) -> None:
        """Set a model's title, unless the title is no longer the start of the question."""


class UsageWriter(Protocol):
    """Storage of usage records."""

    def record(self, owner: str, *usage_records: UsageRecord) -> None:
        """Insert the records of one question, its first request first."""


class TurnStore(Protocol):
    """The aggregates that a turn reads and writes."""

    @property
    def conversations(self) -> ConversationStore: ...
    @property
    def messages(self) -> MessageStore: ...
    @property
    def projects(self) -> ProjectStore: ...
    @property
    def attachments(self) -> AttachmentStore: ...
    @property
    def queue(self) -> QueueStore: ...
    @property
    def exchanges(self) -> ExchangeStore: ...


class UtilityModelStore(Protocol):
    """The aggregates that titles and summaries are saved in."""

    @property
    def conversations(self) -> TitleStore: ...
    @property
    def usage(self) -> UsageWriter: ...
