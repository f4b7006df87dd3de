"""``python -m db.migrate``: bring the database to this version's tables and views; run it before the services start."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, OperationalError

from db import log
from db.errors import CarpusError, PermanentError, TransientError


def configuration(*, changes_schema: bool) -> Config:
    """Return Alembic's configuration, which needs no file.

    Parameters
    ----------
    changes_schema
        Whether the command will upgrade or downgrade, and so touches the views.
    """
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))  # which the format takes for its own
    config.set_main_option("path_separator", "os")
    config.attributes["changes_schema"] = changes_schema
    return config


def upgrade(revision: str = "head") -> None:
    """Go up to a revision; at the newest one the views follow their files.

    Raises
    ------
    TransientError
        When the database is away or a lock was held too long; nothing was changed.
    PermanentError
        When the database refuses a statement; nothing was changed.
    """
    with _explained():
        command.upgrade(configuration(changes_schema=True), revision)


def downgrade(revision: str) -> None:
    """Go back down to a revision; the views are dropped and come back with the next upgrade.

    Raises
    ------
    TransientError, PermanentError
        As in :func:`upgrade`.
    """
    with _explained():
        command.downgrade(configuration(changes_schema=True), revision)


def check() -> None:
    """Compare the tables in code with the database's.

    Raises
    ------
    alembic.util.CommandError
        When a revision is missing.
    """
    command.check(configuration(changes_schema=False))


def newest_revisions() -> set[str]:
    """Return the revision that a database of this version is at; one, unless two were written side by side."""
    return set(ScriptDirectory.from_config(configuration(changes_schema=False)).get_heads())


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).partition("\n")[0]
        if isinstance(error, OperationalError):
            raise TransientError(f"the migration did not run: {reason}") from error
        # Such as a view of somebody's own that stands on one of ours, which then cannot be replaced.
        raise PermanentError(f"the migration cannot run, and nothing was changed: {reason}") from error


def main(arguments: list[str]) -> int:
    """Upgrade, or with ``--check`` only compare."""
    log.configure("migrate")
    try:
        if arguments == ["--check"]:
            check()
        elif arguments:
            print("usage: python -m db.migrate [--check]", file=sys.stderr)
            return 2
        else:
            upgrade()
    except (CarpusError, CommandError) as error:
        print(f"carpus: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
