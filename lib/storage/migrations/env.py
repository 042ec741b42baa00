"""Run the migrations on the connection of the store, inside its transaction."""

from alembic import context

from lib.storage.schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
