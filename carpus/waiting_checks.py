"""The checks of ``carpus doctor`` on what waits longer than it should: files, reports to senders, results."""

import time
from pathlib import Path
from typing import LiteralString

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
_MAY_READ = "SELECT has_table_privilege(to_regclass(%s), 'SELECT')"  # NULL without the table
_REPORTS = """
SELECT count(*) FILTER (WHERE due_at IS NOT NULL), count(*) FILTER (WHERE due_at IS NULL AND reported_at IS NULL)
FROM storage_commitment
"""
_DELIVERIES = """
SELECT
    count(*) FILTER (WHERE due_at IS NOT NULL),
    count(*) FILTER (WHERE state = 'FAILED'),
    count(*) FILTER (
        WHERE commitment_uid IS NOT NULL AND committed_at IS NULL AND delivered_at < now() - interval '1 day'
    )
FROM delivery
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
    counted = _counts("reports", "storage_commitment", _REPORTS)
    if isinstance(counted, Finding):
        return counted
    is_open, given_up = counted
    words = f"{is_open} storage commitments to be reported, {given_up} given up"
    cures = []
    if is_open and not settings.load(ListenerSettings).storage_commitment:
        cures.append("set CARPUS_STORAGE_COMMITMENT until they are delivered")
    if given_up:
        cures.append("let their requesters ask again; storage_commitment.failure_reason says why")
    return Finding("reports", words, "; ".join(cures) or None, is_warning=True)


def deliveries() -> Finding:
    """Check that results get to their destinations; a user who may not see that is told so."""
    counted = _counts("deliveries", "delivery", _DELIVERIES)
    if isinstance(counted, Finding):
        return counted
    waiting, failed, unreported = counted
    words = (
        f"{waiting} objects to be delivered, {failed} failed, {unreported} asked to be kept without a report in a day"
    )
    cures = []
    if failed:
        cures.append("`carpus deliver` says why, and `carpus deliver --retry` sends them again")
    if waiting and not settings.load(ListenerSettings).destinations:
        cures.append("set CARPUS_DESTINATIONS until they are delivered")
    if unreported:
        cures.append("let the destination know this listener as one that it may report to")
    return Finding("deliveries", words, "; ".join(cures) or None, is_warning=True)


def _counts(subject: str, table: str, query: LiteralString) -> tuple[int, ...] | Finding:
    """Return the numbers that a query counts in a table, or what there is to say instead."""
    chosen = database.embedded_postgres(settings.load(StackSettings).home)
    if database.configured_url() is None and not chosen.is_initialised:
        return Finding(subject, "none yet")
    try:
        with database.available() as url, psycopg.connect(url, connect_timeout=_TIMEOUT_SECONDS) as connection:
            if connection.execute(_MAY_READ, [table]).fetchone() != (True,):
                return Finding(subject, "cannot be seen by this user, or are not there yet")
            counted = connection.execute(query).fetchone()
    except (CarpusError, psycopg.Error) as error:
        return Finding(subject, str(error).partition("\n")[0], "see PostgreSQL")
    assert counted is not None
    return tuple(counted)


def _changed_at(path: Path) -> float:
    """Return when a file came into its folder, or for ever from now where it has left it."""
    try:
        return path.stat().st_ctime
    except FileNotFoundError:
        return float("inf")
