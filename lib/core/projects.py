"""Projects: a folder of conversations, with instructions, a target and parameters for them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lib.core.params import Params
from lib.core.sanitize import is_blank
from lib.core.target import Target

MAX_PROJECTS = 1_000  # of one user, with settings
MAX_NAME_CHARS = 60
MAX_INSTRUCTIONS_CHARS = 50_000
NOTE = "project_instructions"  # the name of a note in the metadata of an answer
_MAX_NOTE_CHARS = 300  # of the instructions


@dataclass(frozen=True)
class Project:
    """A folder with the settings for its conversations; times are in seconds since 1970.

    A folder without settings is one with the defaults. `instructions` are sent with every request of its
    conversations, as they are then; a new conversation begins with `target` and `params`, which have no system prompt.
    """

    name: str
    instructions: str = ""
    target: Target | None = None
    params: Params = Params()
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass(frozen=True)
class FolderMove:
    """Contents of a folder before it was renamed, merged or deleted, as needed to undo that.

    `project` are its settings if it had any; `has_replaced` is set if the folder `new_name` kept its own.
    """

    name: str
    new_name: str
    conversation_ids: tuple[str, ...]
    project: Project | None
    has_replaced: bool


def build_project(name: str, instructions: str = "", **values: Any) -> Project | None:
    """Build a project of untrusted texts; `values` are other fields. None without a name, or with too long a text."""
    name, instructions = clean_name(name), instructions.strip()
    if not name or len(instructions) > MAX_INSTRUCTIONS_CHARS:
        return None
    project = Project(name, instructions, **values)
    return replace(project, params=replace(project.params, system=""))


def clean_name(name: str) -> str:
    """Return a folder's name as it is stored: on one line, cut to its length; "" if nothing of it is visible."""
    return "" if is_blank(name) else " ".join(name.split())[:MAX_NAME_CHARS].strip()


def folder_key(name: str) -> str:
    """Return a key for a folder's elements: names may hold any character, keys not."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def add_instructions(params: Params, project: Project | None) -> Params:
    """Return the parameters with the instructions of a project before the conversation's own system prompt."""
    instructions = project.instructions if project else ""
    return replace(params, system="\n\n".join(filter(None, (instructions, params.system)))) if instructions else params


def note_of(project: Project | None) -> Mapping[str, str]:
    """Return the name of a project and the beginning of its instructions, for the answer that they were sent for."""
    if project is None or not project.instructions:
        return {}
    text = project.instructions
    shortened = text if len(text) <= _MAX_NOTE_CHARS else f"{text[: _MAX_NOTE_CHARS - 1]}…"
    return {"name": project.name, "instructions": shortened}
