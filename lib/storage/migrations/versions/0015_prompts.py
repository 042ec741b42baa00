"""Add the prompt library, with the system prompts that the policy held, and the persona of answers."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_POLICY = sa.table("policy", sa.column("name"), sa.column("value", sa.JSON), sa.column("changed"))


def upgrade() -> None:
    prompt = op.create_table(
        "prompt",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("team", sa.Boolean, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "description", "avatar", "text", "greeting")),
        sa.Column("suggestions", sa.JSON, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("wire", sa.String(16)),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("updated", sa.Double, nullable=False),
        sa.Column("deleted", sa.Double),
    )
    op.create_index("prompt_owner", "prompt", ["owner", "created", "id"])
    deleted = sa.column("deleted").is_not(None)
    op.create_index("prompt_deleted", "prompt", ["deleted"], sqlite_where=deleted, postgresql_where=deleted)
    op.create_table(
        "prompt_link",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("prompt", sa.String(32), sa.ForeignKey("prompt.id", ondelete="CASCADE"), nullable=False),
        sa.Column("token_hash", sa.String(128), nullable=False),
        sa.Column("snapshot", sa.JSON, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_index("prompt_link_token", "prompt_link", ["token_hash"], unique=True)
    op.create_index("prompt_link_prompt", "prompt_link", ["prompt"])
    for table in ("conversation", "node"):
        op.add_column(table, sa.Column("persona", sa.JSON(none_as_null=True)))
    _move_shared_prompts(prompt)


def _move_shared_prompts(prompt: sa.Table) -> None:
    """Make personas of the team of the system prompts in the policy."""
    connection = op.get_bind()
    row = connection.execute(sa.select(_POLICY).where(_POLICY.c.name == "prompts")).first()
    values, changed = (row.value, row.changed) if row else ([], 0.0)
    for number, shared in enumerate(values if isinstance(values, list) else []):
        name, text = (shared.get("name"), shared.get("text")) if isinstance(shared, dict) else (None, None)
        if isinstance(name, str) and isinstance(text, str):
            columns = {
                **{"id": secrets.token_urlsafe(12), "owner": "", "team": True, "kind": "persona", "name": name},
                **{"description": "", "avatar": "", "greeting": "", "suggestions": [], "params": {}},
                # Two braces begin a variable from now on.
                "text": text.replace("{{", "\\{{"),
                # In their order.
                **{"created": changed + number / 1000, "updated": changed},
            }
            connection.execute(sa.insert(prompt).values(columns))
    connection.execute(sa.delete(_POLICY).where(_POLICY.c.name == "prompts"))
