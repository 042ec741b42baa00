"""Types of the values that a browser session keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lib.chat.exchanges.frames import FrameRow, list_frames
from lib.chat.turns.generation import Generation
from lib.chat.turns.remote_generation import RemoteGeneration
from lib.chat.voice.transcription import TranscriptionJob
from lib.core.comparisons import Origin
from lib.core.conversation import Conversation, Node
from lib.core.errors import AntlerError
from lib.core.exchanges import Exchange
from lib.core.params import Params
from lib.core.projects import Project, add_instructions
from lib.core.question_queue import QuestionQueue
from lib.core.target import Target
from lib.core.usage import UsageTotal
from lib.core.voice import Recording

Persistence = Literal["browser", "tab", "page"]


@dataclass(frozen=True)
class BrowserIdentity:
    """A browser's user id, and the store that keeps the browser's secret: localStorage, sessionStorage or
    only the page.
    """

    id: str
    persistence: Persistence


@dataclass(frozen=True)
class PasswordCheck:
    """Result of a password attempt; with `retry_after` seconds to wait, a correct one is refused as well."""

    is_correct: bool
    retry_after: float = 0.0


@dataclass
class ConversationView:
    """The open conversation as the session shows it; `conversation` is None for a new one.

    `nodes` is the path from the root to the head, read when the conversation is opened and updated by the
    session that works with it. `nodes[start:end]` is rendered; `start` is pinned, because a sliding window
    would render every message again. `end` is None unless a search result far above the head was opened.
    `generation` produces the last node. `siblings` are the ids of all alternatives by node id, for nodes that
    have alternatives, and `sibling_targets` their targets. `usage_by_node` is the usage of each answer by node id.
    `project` is the folder of the conversation, or the one that a new conversation begins in, as the last run has read
    it; `missing_folder` is one in the URL that does not exist. `is_missing` is set if the URL named a conversation that
    the owner does not have.
    """

    conversation: Conversation | None = None
    nodes: list[Node] = field(default_factory=list)
    siblings: dict[str, list[str]] = field(default_factory=dict)
    sibling_targets: dict[str, Target | None] = field(default_factory=dict)
    usage_by_node: dict[str, UsageTotal] = field(default_factory=dict)
    start: int = 0
    end: int | None = None
    generation: Generation | RemoteGeneration | None = None
    queue: QuestionQueue = QuestionQueue()
    queue_checked_at: float = 0.0
    project: Project | None = None
    missing_folder: str = ""
    is_missing: bool = False

    @property
    def new_folder(self) -> str:
        """The folder that a new conversation begins in; "" for none, and for a stored conversation."""
        return self.project.name if self.project and self.conversation is None else ""

    @property
    def source(self) -> str | None:
        """Source of the settings in the composer: the conversation, or for a new one its folder or None."""
        return self.conversation_id or (f"folder:{self.new_folder}" if self.new_folder else None)

    def add_instructions(self, params: Params) -> Params:
        """Return the parameters as they are sent, with the instructions of the project."""
        return add_instructions(params, self.project)

    @property
    def conversation_id(self) -> str | None:
        return self.conversation.id if self.conversation else None

    def find_other_format(self, node: Node) -> str | None:
        """Return the newest other answer to the same question by the same model over another wire, if there is one."""
        if node.target is None:
            return None
        others = ((node_id, self.sibling_targets.get(node_id)) for node_id in reversed(self.siblings.get(node.id, ())))
        model, wire = node.target.model, node.target.wire
        return next((id for id, target in others if target and target.model == model and target.wire != wire), None)

    def turn_number(self, node_id: str) -> int:
        """Return the number of a message's turn on the path, from 1: questions and answers alternate."""
        # From the end, where the shown messages of a long path are.
        indices = range(len(self.nodes) - 1, -1, -1)
        return next((index // 2 + 1 for index in indices if self.nodes[index].id == node_id), 0)


@dataclass
class MessageLayout:
    """Where the messages stand in the `area` of the page with that number.

    A page is a container for messages that were added at once; None is one for earlier messages that is still free,
    and the last one grows. It has the key of each message, and None where one is no longer shown.
    """

    conversation_key: str
    area: int
    pages: list[list[str | None] | None]

    @property
    def shown(self) -> list[str]:
        return [key for page in self.pages for key in page or () if key]

    @property
    def removed_count(self) -> int:
        return sum(key is None for page in self.pages for key in page or ())

    def remove(self, keys: Sequence[str]) -> None:
        removed = set(keys)
        self.pages = [page and [None if key in removed else key for key in page] for page in self.pages]


@dataclass(frozen=True)
class UndoOffer:
    """A change that `action` reverts; shown beside `conversation_id` only, or everywhere for None."""

    message: str
    action: Callable[[], None]
    conversation_id: str | None


@dataclass
class ComparisonSetup:
    """A comparison that is being prepared: the names of its columns, and the question that it asks again, if any.

    The fields of a column have keys with its name.
    """

    columns: list[str] = field(default_factory=list)
    column_count: int = 0  # that were ever added
    origin: Origin | None = None


@dataclass
class PagerPosition:
    """Position in a paged list: `cursors` are the last items of the pages above the visible ones."""

    cursors: list[Any] = field(default_factory=list)
    page_count: int = 1


@dataclass
class Selection:
    """Conversations selected in the history list, and those that the last run listed; both by id."""

    selected: dict[str, Conversation] = field(default_factory=dict)
    visible: dict[str, Conversation] = field(default_factory=dict)
    is_folder_picker_open: bool = False

    def set_selected(self, conversation: Conversation, is_selected: bool) -> None:
        self.selected.pop(conversation.id, None)
        if is_selected:
            self.selected[conversation.id] = conversation

    def set_all_selected(self, is_selected: bool) -> None:
        self.selected = {**self.selected, **self.visible} if is_selected else {}

    def toggle_folder_picker(self) -> None:
        self.is_folder_picker_open = not self.is_folder_picker_open

    @property
    def is_all_selected(self) -> bool:
        return bool(self.visible) and self.visible.keys() <= self.selected.keys()


@dataclass
class Dictation:
    """The last recording of the composer, and its transcription: running, failed with an error, or done."""

    recording: Recording | None = None
    job: TranscriptionJob | None = None
    error: AntlerError | None = None
    is_done: bool = False

    def clear(self) -> None:
        self.recording = self.job = self.error = None
        self.is_done = False


@dataclass
class Inspection:
    """The exchanges that the inspector shows: those of an answer, or one; they are read once, when they are shown.

    `exchanges` is None before that. `place` tells if the page is the chat, and which conversation is open.
    """

    node_id: str = ""
    exchange_id: str = ""
    place: tuple[bool, str | None] = (False, None)
    exchanges: list[Exchange] | None = None
    _frames: dict[tuple[str, int], list[FrameRow]] = field(default_factory=dict)

    def frames(self, exchange: Exchange, number: int) -> list[FrameRow]:
        """Return the frames of an attempt, which are read from its bytes once."""
        key = exchange.id, number
        if key not in self._frames:
            self._frames[key] = list_frames(exchange.attempts[number], exchange.target.wire)
        return self._frames[key]
