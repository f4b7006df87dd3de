"""Alembic's environment: one migration at a time, no long wait for a lock, tables and views in one transaction."""

from alembic import context
from alembic.script import ScriptDirectory
from sqlalchemy import text

from db import roles, settings, views
from db.session import engine
from db.tables import Base

# Any number will do, as long as it stays: two migrations started together take turns.
MIGRATION_LOCK = 7_201_931
# A statement that waits for a table's lock makes every later query on it wait too, so it gives up early.
LOCK_TIMEOUT = "5s"


def migrate() -> None:
    """Run the revisions asked for, then bring the views up to their files and grant what each role may do."""
    with engine().connect() as connection, connection.begin():
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
        if not context.config.attributes.get("changes_schema"):
            context.run_migrations()
            return
        revision = context.get_revision_argument()
        destination = {revision} if revision else set()
        if destination != set(context.get_context().get_current_heads()):
            views.drop_all(connection)
        context.run_migrations()
        if destination == set(ScriptDirectory.from_config(context.config).get_heads()):
            views.replace_changed(connection)
            roles.apply(connection, settings.load(settings.RoleSettings))


migrate()
