"""Projects: the settings of folders, and changes that concern a folder as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from lib.core.params import load_params
from lib.core.projects import FolderMove, Project
from lib.core.target import parse_target
from lib.storage.database.engine import Aggregate, insert
from lib.storage.rows import batches, from_stored, target_to_row, to_stored
from lib.storage.schema.tables import conversation as conversations
from lib.storage.schema.tables import project as projects

_NAMES = {"name": "name", "instructions": "instructions", "created_at": "created", "updated_at": "updated"}


class Projects(Aggregate):
    """Folders of one owner at a time, by name. Without settings a folder exists while a conversation is in it."""

    def get(self, owner: str, name: str) -> Project | None:
        """Return a folder; None when it has neither settings nor a conversation that is not deleted."""
        with self._read() as connection:
            if project := _load(connection, owner, name):
                return project
            query = sa.select(conversations.c.id).where(_in_folder(owner, name), conversations.c.deleted.is_(None))
            is_used = bool(name) and connection.execute(query.limit(1)).first() is not None
        return Project(name) if is_used else None

    def instructions(self, owner: str, names: Iterable[str]) -> dict[str, str]:
        """Return the instructions of those folders that have any, by name."""
        query = sa.select(projects.c.name, projects.c.instructions).where(projects.c.owner == owner)
        found: dict[str, str] = {}
        with self._read() as connection:
            for batch in batches(list(names)):
                rows = connection.execute(query.where(projects.c.name.in_(batch), projects.c.instructions != ""))
                found |= {row.name: row.instructions for row in rows}
        return found

    def save(self, owner: str, project: Project) -> None:
        """Insert or replace the settings of a folder."""
        with self._write(owner) as connection:
            _upsert(connection, owner, project)

    def move(self, owner: str, name: str, new_name: str) -> FolderMove:
        """Rename a folder, merge it into the one of that name, which keeps its settings, or delete it for "".

        All conversations move, also pinned, archived and deleted ones: restored, they would bring the old folder back.
        Returns what the folder had.
        """
        with self._write(owner) as connection:
            query = sa.select(conversations.c.id).where(_in_folder(owner, name))
            ids, project = tuple(connection.scalars(query)), _load(connection, owner, name)
            is_kept = bool(new_name) and _load(connection, owner, new_name) is None
            connection.execute(sa.update(conversations).where(_in_folder(owner, name)).values(folder=new_name))
            if is_kept:
                connection.execute(sa.update(projects).where(_owned(owner, name)).values(name=new_name))
            else:
                connection.execute(sa.delete(projects).where(_owned(owner, name)))
        return FolderMove(name, new_name, ids, project, not is_kept)

    def undo_move(self, owner: str, moved: FolderMove) -> None:
        with self._write(owner) as connection:
            for batch in batches(moved.conversation_ids):
                # Those that were moved on since then stay there.
                where = _in_folder(owner, moved.new_name) & conversations.c.id.in_(batch)
                connection.execute(sa.update(conversations).where(where).values(folder=moved.name))
            if moved.project:
                if not moved.has_replaced:
                    connection.execute(sa.delete(projects).where(_owned(owner, moved.new_name)))
                _upsert(connection, owner, moved.project)

    def export_all(self, owner: str) -> list[Project]:
        """Return the folders that have settings, oldest first."""
        query = sa.select(projects).where(projects.c.owner == owner).order_by(projects.c.created, projects.c.name)
        with self._read() as connection:
            return [_project_from_row(row) for row in connection.execute(query)]

    def import_all(self, owner: str, imported: Sequence[Project]) -> int:
        """Insert the settings of folders that do not exist yet; returns the number of those that do and differ.

        The settings of an existing folder stay, and also one without any gets none: they would change what its
        conversations send.
        """
        skipped_count = 0
        with self._write(owner) as connection:
            for project in imported:
                existing = _load(connection, owner, project.name)
                query = sa.select(conversations.c.id).where(_in_folder(owner, project.name))
                is_used = connection.execute(query.limit(1)).first() is not None
                if existing is None and not is_used:
                    _upsert(connection, owner, project)
                elif existing != project:
                    skipped_count += 1
        return skipped_count


def _owned(owner: str, name: str) -> sa.ColumnElement[bool]:
    return (projects.c.owner == owner) & (projects.c.name == name)


def _in_folder(owner: str, name: str) -> sa.ColumnElement[bool]:
    """Condition on `conversation`: in this folder of the owner's."""
    return (conversations.c.owner == owner) & (conversations.c.folder == name)


def _load(connection: sa.Connection, owner: str, name: str) -> Project | None:
    row = connection.execute(sa.select(projects).where(_owned(owner, name))).first()
    return _project_from_row(row) if row else None


def _upsert(connection: sa.Connection, owner: str, project: Project) -> None:
    """Insert a row, or replace the one with its name; its creation time stays."""
    row = {
        **to_stored(project, _NAMES),
        **target_to_row(project.target),
        "owner": owner,
        "params": asdict(project.params),
    }
    columns = {name: value for name, value in row.items() if name not in ("owner", "name", "created")}
    statement = insert(connection, projects).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["owner", "name"], set_=columns))


def _project_from_row(row: sa.Row[Any]) -> Project:
    return Project(
        **from_stored(row._asdict(), _NAMES),
        target=parse_target(row.model, row.wire),
        params=load_params(row.params),
    )
