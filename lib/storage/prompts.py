"""The prompt library: entries of users and of the team, and links to snapshots of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from lib.core.audit import AuditAction
from lib.core.errors import TooManyPrompts
from lib.core.params import load_params
from lib.core.prompts import MAX_PROMPTS, Prompt, PromptLink, PromptSummary
from lib.core.target import parse_target
from lib.core.user import User
from lib.storage.audit import insert_event
from lib.storage.database.engine import Aggregate, insert
from lib.storage.rows import batches, from_stored, target_to_row, to_stored
from lib.storage.schema.tables import prompt as prompts
from lib.storage.schema.tables import prompt_link as links

_SUMMARY_NAMES = {
    **{name: name for name in ("id", "kind", "name", "description", "avatar")},
    **{"is_team": "team", "updated_at": "updated"},
}
_PROMPT_NAMES = _SUMMARY_NAMES | {"text": "text", "greeting": "greeting", "created_at": "created"}
_undeleted = prompts.c.deleted.is_(None)


class Prompts(Aggregate):
    """Entries of the prompt library. Users change their own, admins those of the team, and all read the team's."""

    def summaries(self, owner: str) -> list[PromptSummary]:
        """Return the owner's entries and the team's, by name."""
        columns = [prompts.c[name] for name in _SUMMARY_NAMES.values()]
        with self._read() as connection:
            rows = connection.execute(sa.select(*columns).where(_readable(owner)))
            found = [PromptSummary(**from_stored(row._asdict(), _SUMMARY_NAMES)) for row in rows]
        # Sorted here, because SQLite and Postgres collate differently.
        return sorted(found, key=lambda prompt: (prompt.name.casefold(), prompt.id))

    def texts(self, owner: str) -> dict[str, str]:
        """Return the texts of the owner's entries and the team's by id, for a search in them."""
        with self._read() as connection:
            rows = connection.execute(sa.select(prompts.c.id, prompts.c.text).where(_readable(owner)))
            return {row.id: row.text for row in rows}

    def get(self, owner: str, prompt_id: str) -> Prompt | None:
        """Return an entry of the owner or of the team; None when it is missing, deleted or another owner's."""
        with self._read() as connection:
            query = sa.select(prompts).where(prompts.c.id == prompt_id, _readable(owner))
            row = connection.execute(query).first()
        return _prompt_from_row(row) if row else None

    def save(self, owner: str, prompt: Prompt) -> None:
        """Insert or replace an entry of the owner; one that is not the owner's stays unchanged."""
        with self._write(owner) as connection:
            _upsert(connection, _prompt_to_row(prompt, owner), _owned(owner))

    def delete(self, owner: str, prompt_id: str) -> None:
        """Soft delete an entry, which closes its links; `restore` brings it back until the purge."""
        self._set_deleted(owner, prompt_id, time.time())

    def restore(self, owner: str, prompt_id: str) -> None:
        self._set_deleted(owner, prompt_id, None)

    def save_team(self, actor: User, prompt: Prompt) -> None:
        """Insert or replace an entry of the team, with an audit event; one of a user stays unchanged."""
        with self._write() as connection:
            insert_event(connection, actor, "prompt", prompt.id, {"letters": len(prompt.text)})
            _upsert(connection, _prompt_to_row(prompt, None), prompts.c.team)

    def delete_team(self, actor: User, prompt_id: str) -> None:
        """Soft delete an entry of the team, with an audit event."""
        self._set_team_deleted(actor, prompt_id, "prompt_deleted", time.time())

    def restore_team(self, actor: User, prompt_id: str) -> None:
        self._set_team_deleted(actor, prompt_id, "prompt", None)

    def export_all(self, owner: str) -> list[Prompt]:
        """Return the owner's entries, oldest first."""
        query = sa.select(prompts).where(_owned(owner), _undeleted).order_by(prompts.c.created, prompts.c.id)
        with self._read() as connection:
            return [_prompt_from_row(row) for row in connection.execute(query)]

    def import_all(self, owner: str, imported: Iterable[Prompt]) -> None:
        """Insert new entries of the owner in one transaction.

        Raises TooManyPrompts if they would have more than MAX_PROMPTS, and StoreError if an id exists.
        """
        rows = [_prompt_to_row(prompt, owner) for prompt in imported]
        with self._write(owner) as connection:
            count = sa.select(sa.func.count()).select_from(prompts).where(_owned(owner), _undeleted)
            if rows and (connection.scalar(count) or 0) + len(rows) > MAX_PROMPTS:
                raise TooManyPrompts
            for row in rows:
                connection.execute(sa.insert(prompts).values(row))

    def existing_ids(self, ids: Sequence[str]) -> set[str]:
        """Return those ids that any entry already has."""
        existing: set[str] = set()
        with self._read() as connection:
            for batch in batches(ids):
                existing.update(connection.scalars(sa.select(prompts.c.id).where(prompts.c.id.in_(batch))))
        return existing

    def add_link(self, owner: str, link: PromptLink, token_hash: str, snapshot: Mapping[str, Any]) -> bool:
        """Save a link to a JSON snapshot; returns False when the owner can read no such entry."""
        row = {
            "id": link.id,
            "owner": owner,
            "prompt": link.prompt_id,
            "token_hash": token_hash,
            "snapshot": dict(snapshot),
            "created": link.created_at,
        }
        with self._write(owner) as connection:
            query = sa.select(prompts.c.id).where(prompts.c.id == link.prompt_id, _readable(owner))
            if not connection.scalar(query):
                return False
            connection.execute(sa.insert(links).values(row))
        return True

    def links(self, owner: str, prompt_id: str) -> list[PromptLink]:
        """Return the owner's links to an entry, newest first."""
        query = sa.select(links).where(links.c.owner == owner, links.c.prompt == prompt_id)
        with self._read() as connection:
            rows = connection.execute(query.order_by(links.c.created.desc(), links.c.id))
            return [PromptLink(row.id, row.prompt, row.created) for row in rows]

    def snapshot(self, token_hash: str) -> dict[str, Any] | None:
        """Return the snapshot of a link; None when it is revoked or its entry deleted."""
        query = sa.select(links.c.snapshot).join(prompts).where(links.c.token_hash == token_hash, _undeleted)
        with self._read() as connection:
            snapshot: dict[str, Any] | None = connection.scalar(query)
        return snapshot

    def revoke_links(self, owner: str, prompt_id: str) -> None:
        """Revoke the owner's links to an entry."""
        where = (links.c.owner == owner) & (links.c.prompt == prompt_id)
        with self._write(owner) as connection:
            connection.execute(sa.delete(links).where(where))

    def _set_deleted(self, owner: str, prompt_id: str, deleted_at: float | None) -> None:
        where = (prompts.c.id == prompt_id) & _owned(owner)
        with self._write(owner) as connection:
            connection.execute(sa.update(prompts).where(where).values(deleted=deleted_at))

    def _set_team_deleted(self, actor: User, prompt_id: str, action: AuditAction, deleted_at: float | None) -> None:
        where = (prompts.c.id == prompt_id) & prompts.c.team
        with self._write() as connection:
            if connection.execute(sa.update(prompts).where(where).values(deleted=deleted_at)).rowcount:
                insert_event(connection, actor, action, prompt_id)


def purge_prompts(connection: sa.Connection, deleted_before: float) -> None:
    """Remove entries that were soft deleted before a time."""
    connection.execute(sa.delete(prompts).where(prompts.c.deleted < deleted_before))


def _owned(owner: str) -> sa.ColumnElement[bool]:
    return (prompts.c.owner == owner) & ~prompts.c.team


def _readable(owner: str) -> sa.ColumnElement[bool]:
    return (prompts.c.team | (prompts.c.owner == owner)) & _undeleted


def _upsert(connection: sa.Connection, row: Mapping[str, Any], where: sa.ColumnElement[bool]) -> None:
    """Insert a row, or replace the one with its id where the condition holds; its creation time stays."""
    columns = {name: value for name, value in row.items() if name not in ("id", "created")}
    statement = insert(connection, prompts).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=columns, where=where))


def _prompt_from_row(row: sa.Row[Any]) -> Prompt:
    return Prompt(
        **from_stored(row._asdict(), _PROMPT_NAMES),
        suggestions=tuple(row.suggestions),
        target=parse_target(row.model, row.wire),
        params=load_params(row.params),
    )


def _prompt_to_row(prompt: Prompt, owner: str | None) -> dict[str, Any]:
    """Columns of an entry of an owner; None for the team."""
    return {
        **to_stored(prompt, _PROMPT_NAMES),
        **target_to_row(prompt.target),
        "owner": owner or "",
        "team": owner is None,
        "suggestions": list(prompt.suggestions),
        "params": asdict(prompt.params),
        "deleted": None,
    }
