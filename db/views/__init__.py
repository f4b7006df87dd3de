"""The SQL views, one file each: what people query. A migration to the newest revision replaces those that changed.

The file is the truth. Its digest is kept as the view's comment, so that a migration with no change takes no lock.
"""

import hashlib
from importlib.resources import files

from sqlalchemy import Connection, text


def definitions() -> dict[str, str]:
    """Return each view's SELECT by its name; each stands on tables alone, so that their order does not matter."""
    folder = files(__name__)
    return {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".sql")
    }


def replace_changed(connection: Connection) -> list[str]:
    """Create the views anew whose definition is not the one in the database.

    Parameters
    ----------
    connection
        A connection in a transaction, its tables at the newest revision.

    Returns
    -------
    list of str
        Names of the views that were replaced.
    """
    found = connection.execute(
        text(
            "SELECT relname AS name, obj_description(oid, 'pg_class') AS mark FROM pg_class"
            " WHERE relkind = 'v' AND relnamespace = current_schema()::regnamespace"
        )
    )
    present = {row.name: row.mark for row in found}
    changed = [name for name, select in definitions().items() if present.get(name) != _mark(select)]
    for name in changed:
        connection.execute(text(f"DROP VIEW IF EXISTS {name}"))
        select = definitions()[name]
        connection.exec_driver_sql(f"CREATE VIEW {name} AS\n{select}")
        connection.execute(text(f"COMMENT ON VIEW {name} IS '{_mark(select)}'"))
    return changed


def drop_all(connection: Connection) -> None:
    """Drop the views, for tables they stand on are about to change."""
    for name in definitions():
        connection.execute(text(f"DROP VIEW IF EXISTS {name}"))


def _mark(select: str) -> str:
    return f"definition {hashlib.sha256(select.encode()).hexdigest()}"
