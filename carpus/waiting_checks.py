"""The checks of ``carpus doctor`` on what waits longer than it should: files without a row, reports to senders."""

import time
from pathlib import Path

import psycopg

from carpus import database
from carpus.finding import Finding
from carpus.settings import StackSettings
from db import settings
from db.errors import CarpusError
from dicom_listener.settings import ListenerSettings

_TIMEOUT_SECONDS = 5
# The sweep registers in seconds what the listener could not; a database that is started again has as long.
_OLD_SECONDS = 300
_MAY_READ = "SELECT has_table_privilege(to_regclass('storage_commitment'), 'SELECT')"  # NULL without the table
_COUNTED = """
SELECT count(*) FILTER (WHERE due_at IS NOT NULL), count(*) FILTER (WHERE due_at IS NULL AND reported_at IS NULL)
FROM storage_commitment
"""


def inbox() -> Finding:
    """Check that nothing lies in the inbox that cannot be registered."""
    configured = settings.load(database.ConfiguredServers)
    store = configured.store if configured.database_url else settings.load(StackSettings).home / "store"
    oldest = time.time() - _OLD_SECONDS
    waiting = sum(_changed_at(path) < oldest for path in (store / "inbox").glob("*.dcm"))
    if not waiting:
        return Finding("inbox", "nothing waits for its row")
    return Finding(
        "inbox",
        f"{waiting} stored objects have waited for their row for over {_OLD_SECONDS // 60} minutes",
        "see the listener's log for server_away and registration_failed",
    )


def commitments() -> Finding:
    """Check that every report on a storage commitment was delivered; a user who may not see them is told so."""
    chosen = database.embedded_postgres(settings.load(StackSettings).home)
    if database.configured_url() is None and not chosen.is_initialised:
        return Finding("reports", "no storage commitment yet")
    try:
        with database.available() as url, psycopg.connect(url, connect_timeout=_TIMEOUT_SECONDS) as connection:
            if connection.execute(_MAY_READ).fetchone() != (True,):
                return Finding("reports", "storage commitments cannot be seen by this user, or are not there yet")
            found = connection.execute(_COUNTED).fetchone()
    except (CarpusError, psycopg.Error) as error:
        return Finding("reports", str(error).partition("\n")[0], "see PostgreSQL")
    is_open, given_up = found or (0, 0)
    words = f"{is_open} storage commitments to be reported, {given_up} given up"
    cures = []
    if is_open and not settings.load(ListenerSettings).storage_commitment:
        cures.append("set CARPUS_STORAGE_COMMITMENT until they are delivered")
    if given_up:
        cures.append("let their requesters ask again; storage_commitment.failure_reason says why")
    return Finding("reports", words, "; ".join(cures) or None, is_warning=True)


def _changed_at(path: Path) -> float:
    """Return when a file came into its folder, or for ever from now where it has left it."""
    try:
        return path.stat().st_ctime
    except FileNotFoundError:
        return float("inf")
