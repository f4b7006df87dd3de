"""The database that is measured is Carpus's own, at the embedded server's settings."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from carpus import embedded, ports
from db import migrate
from db.session import engine, transaction
from tests.bench import database, filled
from tests.conftest import forget_process_state

RADIOGRAPHS = 20_000


def _settings_and_indexes() -> list[tuple[str, str]]:
    asked = (
        "SELECT name, setting FROM pg_settings WHERE name IN ('wal_level', 'max_wal_senders', 'maintenance_work_mem')"
        " UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        " UNION ALL SELECT conname, replace(pg_get_constraintdef(oid), ' NOT VALID', '') FROM pg_constraint"
        " WHERE conrelid <> 0 ORDER BY 1, 2"
    )
    with engine().connect() as connection:
        return [(name, value) for name, value in connection.execute(text(asked))]


def test_what_is_filled_is_what_the_migrations_made_and_everything_can_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = embedded.Postgres(tmp_path / "postgres", ports.free_port())
    server.start()
    try:
        monkeypatch.setenv("CARPUS_DATABASE_URL", server.url)
        monkeypatch.setenv("CARPUS_BROKER_URL", "redis://127.0.0.1:1/0")
        monkeypatch.setenv("CARPUS_STORE", str(tmp_path))
        forget_process_state()
        migrate.upgrade()
        before = _settings_and_indexes()
        filled.fill(server, RADIOGRAPHS, 10, lambda _: None)
        engine().dispose()  # its server was started anew
        assert _settings_and_indexes() == before
        with transaction() as session:
            assert session.scalar(text("SELECT sum(n_received) FROM daily_throughput")) > RADIOGRAPHS / 4
            # A tenth of those that are not on their way.
            assert session.scalar(text("SELECT sum(n) FROM gender_audit WHERE model_version_id = 1")) == 1970
            waiting = session.scalar(text("SELECT count(*) FROM worklist WHERE NOT needs_person"))
            assert waiting == filled.WAITING - 1  # one was sent again
        for ask, _ in database.asked(RADIOGRAPHS).values():
            with Session(engine()) as session:
                ask(session)
    finally:
        forget_process_state()
        server.stop()
