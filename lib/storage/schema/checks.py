"""Database tables of checks of the gateway."""

from __future__ import annotations

import sqlalchemy as sa

from lib.storage.schema.tables import flag_column, metadata, owner_column, row_id_column, seconds_column

# Runs, as gateway_checks.py writes them.
gateway_check = sa.Table(
    "gateway_check",
    metadata,
    row_id_column(),
    owner_column(),
    flag_column("team"),
    seconds_column("started"),
    # By the clock of the database; the process of a run without a new one is gone.
    seconds_column("beat"),
    flag_column("running"),
    sa.Column("run", sa.JSON, nullable=False),
    sa.Index("gateway_check_owner", "owner", "started"),
    sa.Index("gateway_check_team", "team", "started"),
)

# Times until which one process has a task of all of them.
lease = sa.Table(
    "lease",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    seconds_column("until"),
)
