"""Instructions of a project: they are read for each request, and the answer keeps what was sent."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lib.chat.attachments.plan import NO_FILES, FilePlan
from lib.chat.context.window import ContextEstimate
from lib.chat.turns.services import TurnServices
from lib.core.conversation import Conversation, Node
from lib.core.errors import FolderNotFound
from lib.core.projects import NOTE, Project, add_instructions, note_of


@dataclass(frozen=True)
class RequestContext:
    """The project whose instructions a request has, the estimate with them, and the plan of its files."""

    project: Project | None
    estimate: ContextEstimate
    plan: FilePlan = NO_FILES


def load_project(services: TurnServices, owner: str, folder: str, *, must_exist: bool = False) -> Project | None:
    """Return a folder with its settings as they are now; None for "" and for one without settings and conversations.

    Raises FolderNotFound for a missing one that `must_exist`, and StoreError.
    """
    project = services.store.projects.get(owner, folder) if folder else None
    if folder and must_exist and project is None:
        raise FolderNotFound
    return project


def with_instructions(conversation: Conversation, project: Project | None) -> Conversation:
    """Return a conversation as it is sent: the instructions come before its own system prompt.

    The stored conversation has its own parameters only, so that moving it to another folder changes the next request.
    """
    params = add_instructions(conversation.params, project)
    return conversation if params is conversation.params else replace(conversation, params=params)


def note_instructions(answer: Node, project: Project | None) -> Node:
    """Return the answer with a note of the instructions that are sent for it, instead of an earlier note."""
    metadata = {name: value for name, value in answer.provider_metadata.items() if name != NOTE}
    if note := note_of(project):
        metadata[NOTE] = dict(note)
    return replace(answer, provider_metadata=metadata)
