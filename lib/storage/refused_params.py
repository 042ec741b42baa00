"""Parameters that models refused, learnt once for the whole team."""

from __future__ import annotations

import sqlalchemy as sa

from lib.core.refused_params import MAX_WORDS_LENGTH, RefusedParam
from lib.core.target import parse_target
from lib.core.user import User
from lib.storage.audit import insert_event
from lib.storage.database.engine import Aggregate, upsert
from lib.storage.schema.tables import refused_param as table

MAX_ROWS = 2_000  # beyond any real number of models and fields
MAX_MODEL_LENGTH = 320  # characters; a longer name is no model's


class RefusedParams(Aggregate):
    """Refused parameters by model, wire and field."""

    def load(self) -> list[RefusedParam]:
        """Return all of them, the newest first."""
        with self._read() as connection:
            rows = connection.execute(sa.select(table).order_by(table.c.at.desc(), table.c.model, table.c.field)).all()
        return [
            RefusedParam(target, row.field, row.beside, row.at, row.words)
            for row in rows
            if (target := parse_target(row.model, row.wire))
        ]

    def learn(self, refused: RefusedParam) -> None:
        """Keep a refusal, or its newer date and words; ignored for an impossible name and a full table."""
        if len(refused.target.model) > MAX_MODEL_LENGTH:
            return
        with self._write() as connection:
            if (connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0) < MAX_ROWS:
                columns = {"at": refused.refused_at, "words": refused.words[:MAX_WORDS_LENGTH]}
                upsert(connection, table, _key(refused), columns)

    def reset(self, actor: User, refused: RefusedParam | None) -> None:
        """Forget one refusal, None for all, so that the parameter is sent again."""
        resource = refused.target.model if refused else ""
        details = {"wire": refused.target.wire, "field": refused.field} if refused else {}
        with self._write() as connection:
            insert_event(connection, actor, "refused_params_reset", resource, details)
            statement = sa.delete(table)
            if refused:
                statement = statement.where(*(table.c[name] == value for name, value in _key(refused).items()))
            connection.execute(statement)


def _key(refused: RefusedParam) -> dict[str, str]:
    target = refused.target
    return {"model": target.model, "wire": target.wire, "field": refused.field, "beside": refused.beside}
