"""A clock of ours in the place of the database's, to be set ahead and back."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.faults.trial import Plant


@contextmanager
def another_clock(plant: Plant) -> Iterator[None]:
    """Let every session ask a clock of ours, found before PostgreSQL's own by the order of schemas."""
    with plant.database() as connection:
        connection.execute("CREATE SCHEMA clock")
        connection.execute("CREATE TABLE clock.jump AS SELECT interval '0' AS by")
        connection.execute(
            "CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql SECURITY DEFINER AS"
            " 'SELECT pg_catalog.clock_timestamp() + by FROM clock.jump'"
        )
        connection.execute("GRANT USAGE ON SCHEMA clock TO PUBLIC")
        connection.execute("ALTER DATABASE carpus SET search_path = clock, public, pg_catalog")
        _begin_new_sessions(connection)
        try:
            yield
        finally:
            connection.execute("ALTER DATABASE carpus RESET search_path")
            connection.execute("DROP SCHEMA clock CASCADE")
            _begin_new_sessions(connection)


def jump(plant: Plant, seconds: float) -> None:
    """Set that clock ahead, or back."""
    with plant.database() as connection:
        connection.execute("UPDATE clock.jump SET by = by + make_interval(secs => %s)", [seconds])


def _begin_new_sessions(connection: psycopg.Connection) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
