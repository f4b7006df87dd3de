"""Servers beyond this machine: none without a password, TLS as the address says, or no process starts."""

import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import trustme
from kombu import Connection
from kombu.exceptions import OperationalError
from sqlalchemy import text

from carpus import server_checks
from carpus.processes import LISTENER, MIGRATE, command_line
from db import network, settings
from db.errors import SettingsError, TransientError
from db.session import engine, transaction
from db.settings import SharedSettings
from tests.conftest import CarpusEnvironment, forget_process_state
from tests.tls_front import tls_front
from worker.settings import FlowerSettings

DEADLINE_SECONDS = 60.0


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("CARPUS_SECRETS", str(tmp_path))
    monkeypatch.setenv("CARPUS_DATABASE_URL", "postgresql+psycopg://carpus@127.0.0.1:5432/carpus")
    monkeypatch.setenv("CARPUS_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("CARPUS_FLOWER_LOGIN", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    "url",
    [
        "redis://queue.example:6379/0",
        "rediss://queue.example:6379/0",
        "redis://carpus@queue.example",
        "redis://:@queue.example",
        "redis://127.0.0.1@queue.example",
        "redis://127.0.0.1.queue.example",
        "redis://0.0.0.0",
        "redis://[::1%eth0",
        "redis://127.0.0.1;redis://queue.example",
    ],
)
def test_a_redis_elsewhere_without_a_password_is_refused(
    plain: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("CARPUS_BROKER_URL", url)
    with pytest.raises(SettingsError, match=r"^CARPUS_BROKER_PASSWORD: .* is not on this machine, so a password"):
        settings.load(SharedSettings)
    (plain / "carpus_broker_password").write_text("secret\n")
    settings.load(SharedSettings)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://127.8.8.8",
        "redis://LocalHost:6379",
        "redis://[::1]:6379/0",
        "redis://",
        "redis+socket:///run/redis?virtual_host=1",
        "redis://:secret@queue.example:6379/0",
        "rediss://carpus:secret@queue.example:6379/0?ssl_cert_reqs=required",
    ],
)
def test_a_redis_here_or_with_a_password_is_taken(plain: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CARPUS_BROKER_URL", url)
    assert settings.load(SharedSettings).broker_url == url


@pytest.mark.parametrize("url", ["amqp://guest@queue.example", "queue.example:6379", "memory://", "redis:queue"])
def test_what_is_no_redis_is_refused(plain: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("CARPUS_BROKER_URL", url)
    with pytest.raises(SettingsError, match=r"^CARPUS_BROKER_URL: .* begins with one of redis://, rediss://, redis"):
        settings.load(SharedSettings)


def test_no_process_starts_with_an_open_redis_elsewhere(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_BROKER_URL", "redis://queue.example:6379/0")
    monkeypatch.setenv("CARPUS_FLOWER_LOGIN", "carpus:secret")
    names = (MIGRATE, LISTENER, "read")
    with ThreadPoolExecutor(len(names)) as pool:  # at once, for each takes seconds to come to it
        for name, said in zip(names, pool.map(refusal, map(command_line, names)), strict=True):
            assert "CARPUS_BROKER_PASSWORD: Value error, Redis at queue.example is not on this machine" in said, name


@pytest.mark.parametrize("login", [None, "carpus", "carpus:", ":secret"])
def test_flower_does_not_start_on_the_network_without_a_whole_login(
    plain: Path, monkeypatch: pytest.MonkeyPatch, login: str | None
) -> None:
    monkeypatch.setenv("CARPUS_BROKER_URL", "redis://127.0.0.1:1/0")
    if login is not None:
        monkeypatch.setenv("CARPUS_FLOWER_LOGIN", login)
    with pytest.raises(SettingsError, match=r"^CARPUS_FLOWER_LOGIN: "):
        settings.load(FlowerSettings)
    if login == "carpus:":  # as a process too, which takes seconds
        said = refusal([*command_line("flower"), "--address=0.0.0.0", "--port=0"])
        assert "carpus: CARPUS_FLOWER_LOGIN: " in said


def refusal(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS)
    assert done.returncode not in {0, None}
    return done.stderr


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def served(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(params=[True, False], ids=["its authority", "another authority"])
def trusted(request: pytest.FixtureRequest, authority: trustme.CA, tmp_path: Path) -> tuple[Path, bool]:
    """The certificate of the authority that the client trusts, and whether it is the server's."""
    chosen = authority if request.param else trustme.CA()
    chosen.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem", request.param


def test_redis_is_reached_by_tls_and_only_with_a_certificate_of_the_authority_named(
    carpus_env: CarpusEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    served: ssl.SSLContext,
    trusted: tuple[Path, bool],
) -> None:
    certificate, is_right = trusted
    redis = carpus_env.servers.redis
    with tls_front(redis.port, served) as port:
        options = f"ssl_cert_reqs=required&ssl_ca_certs={certificate}"
        monkeypatch.setenv("CARPUS_BROKER_URL", f"rediss://localhost:{port}/0?{options}")
        monkeypatch.setenv("CARPUS_BROKER_PASSWORD", (redis.folder / "password").read_text())
        with Connection(settings.load(SharedSettings).broker_url_with_password()) as connection:
            if is_right:
                assert connection.default_channel.client.ping()
                assert server_checks.broker().is_well
            else:
                with pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
                    connection.ensure_connection(max_retries=0, timeout=5)
                assert "CERTIFICATE_VERIFY_FAILED" in server_checks.broker().words


def test_postgresql_is_reached_by_tls_and_only_with_a_certificate_of_the_authority_named(
    carpus_env: CarpusEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    served: ssl.SSLContext,
    trusted: tuple[Path, bool],
) -> None:
    certificate, is_right = trusted
    postgres = carpus_env.servers.postgres
    with tls_front(postgres.port, served, is_postgres=True) as port:
        options = f"sslmode=verify-full&sslrootcert={certificate}"
        monkeypatch.setenv("CARPUS_DATABASE_URL", f"postgresql+psycopg://carpus@localhost:{port}/carpus?{options}")
        monkeypatch.setenv("CARPUS_DATABASE_PASSWORD", (postgres.folder / "password").read_text())
        forget_process_state()
        if is_right:
            with engine().connect() as connection:
                driver = connection.connection.driver_connection
                assert isinstance(driver, psycopg.Connection)
                assert driver.pgconn.ssl_in_use
            assert server_checks.postgres().is_well
            engine().dispose()
        else:
            with pytest.raises(TransientError, match="certificate verify failed"), transaction() as session:
                session.execute(text("SELECT 1"))
            assert "certificate verify failed" in server_checks.postgres().words


def test_tls_that_is_asked_for_is_not_given_up(carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_DATABASE_URL", f"{carpus_env.servers.database_url}?sslmode=require")
    forget_process_state()
    with pytest.raises(TransientError, match="server does not support SSL"), transaction() as session:
        session.execute(text("SELECT 1"))


def test_the_doctor_says_how_a_server_elsewhere_is_reached() -> None:
    assert network.way("127.0.0.1", is_encrypted=False) == ""
    assert network.way("db.example", is_encrypted=True) == " by TLS"
    assert network.way("db.example", is_encrypted=False) == " without TLS, readable on the network"
