"""docker-compose.yml says what the tests run: the same commands, known settings, the same PostgreSQL, no open door."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from sqlalchemy import make_url

from carpus.embedded import postgres
from carpus.ports import free_port
from carpus.processes import COMMANDS
from carpus.settings import known_settings
from db import migrate
from db.roles import Role
from tests.conftest import forget_process_state
from worker import settings as worker_settings

ROOT = Path(__file__).parents[1]
SERVERS = {"postgres", "redis"}
LOG_OF_ERRORS = {
    "log_error_verbosity",
    "log_min_error_statement",
    "log_parameter_max_length",
    "log_parameter_max_length_on_error",
}
# What a container needs beside the command on one machine: to be reached from the other containers.
OWN_TO_CONTAINERS = {"flower": ["--address=0.0.0.0", "--port=5555"]}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])


def test_every_process_has_its_service(services: dict[str, Any]) -> None:
    assert set(services) - SERVERS == {*COMMANDS, "assess-gpu-0"}


@pytest.mark.parametrize("name", [*COMMANDS, "assess-gpu-0"])
def test_a_service_runs_the_command_that_the_tests_run(services: dict[str, Any], name: str) -> None:
    expected = [*COMMANDS[name.removesuffix("-gpu-0")], *OWN_TO_CONTAINERS.get(name, [])]
    assert services[name]["command"] == expected


def test_every_variable_set_is_a_known_setting(services: dict[str, Any]) -> None:
    known = {setting.variable for setting in known_settings()}
    ours = {name: service["environment"] for name, service in services.items() if name not in SERVERS}
    for name, environment in ours.items():
        assert set(environment) <= known | {"TZ"}, name


def secrets(service: dict[str, Any]) -> dict[str, str]:
    """Return the secrets of a service by the file it finds each in."""
    listed = [{"source": one, "target": one} if isinstance(one, str) else one for one in service.get("secrets", [])]
    return {one["target"]: one["source"] for one in listed}


def test_every_secret_is_a_file_of_a_known_setting(services: dict[str, Any]) -> None:
    known = {setting.variable.lower() for setting in known_settings()}
    for name, service in services.items():
        assert set(secrets(service)) <= known | {"postgres_password"}, name


def test_only_the_migration_is_the_owner_and_nobody_has_a_password_not_its_own(services: dict[str, Any]) -> None:
    users = {name: make_url(service["environment"]["CARPUS_DATABASE_URL"]).username for name, service in ours(services)}
    assert users.pop("migrate") == "carpus"
    assert set(users.values()) == {Role.WRITER}
    passwords = {name: secrets(service).get("carpus_database_password") for name, service in ours(services)}
    assert [passwords.pop(name) for name in ("flower", "beat")] == [None, None]  # they ask Redis only
    assert passwords.pop("migrate") == "carpus_database_password"
    assert set(passwords.values()) == {"carpus_writer_password"}
    assert all("carpus_broker_password" in secrets(service) for _, service in ours(services))  # else none would start
    of_roles = {f"carpus_{role.name.lower()}_password" for role in Role}
    assert of_roles <= set(secrets(services["migrate"]))
    assert not any(of_roles & set(secrets(service)) for name, service in ours(services) if name != "migrate")
    assert [name for name, service in services.items() if "postgres_password" in secrets(service)] == ["postgres"]


def test_the_listener_s_settings_come_from_outside_and_the_store_goes_to_whom_it_needs(
    services: dict[str, Any],
) -> None:
    files = [{"path": name, "required": False} for name in ("listener.env", "results.env")]
    with_file = {name: service["env_file"] for name, service in services.items() if "env_file" in service}
    assert (
        with_file
        == {
            "listener": files,
            "migrate": files[:1],  # which forgets patients as the listener knows them
            "deliver": files,
            **dict.fromkeys(("assess", "assess-gpu-0"), files[1:]),  # which plan what goes where
        }
    )
    with_store = {name for name, service in ours(services) if "store:/var/lib/carpus/store" in service["volumes"]}
    assert with_store == set(dict(ours(services))) - {"flower", "beat"}
    assert {"listener.env", "results.env"} <= set((ROOT / ".gitignore").read_text().split())


def test_the_image_makes_an_owner_who_is_no_superuser_and_may_migrate(
    tmp_path: Path, services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "./db/owner.sh:/docker-entrypoint-initdb.d/owner.sh:ro" in services["postgres"]["volumes"]
    cluster = postgres.Postgres(tmp_path / "postgres", free_port())
    cluster.start()
    try:
        image(cluster, tmp_path / "secrets")
        url = f"postgresql+psycopg://carpus:own'er@127.0.0.1:{cluster.port}/carpus"
        for name, value in {
            "DATABASE_URL": url,
            "BROKER_URL": "redis://",
            "STORE": "/",
            "WRITER_PASSWORD": "w",
        }.items():
            monkeypatch.setenv(f"CARPUS_{name}", value)
        forget_process_state()
        migrate.upgrade()
        with psycopg.connect(f"postgresql://carpus_writer:w@127.0.0.1:{cluster.port}/carpus") as connection:
            super_users = connection.execute("SELECT array_agg(rolname) FROM pg_roles WHERE rolsuper").fetchone()
            assert super_users == (["postgres"],)
            assert connection.execute("SELECT count(*) FROM radiograph").fetchone() == (0,)
    finally:
        forget_process_state()
        cluster.stop()


def image(cluster: postgres.Postgres, secrets_folder: Path) -> None:
    """Do with a fresh cluster what the image does at its first start."""
    admin = make_url(cluster.admin_url)
    with psycopg.connect(cluster.admin_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("DROP DATABASE carpus")
        for role in ("carpus", *Role):
            connection.execute(f"DROP ROLE {role}".encode())
    secrets_folder.mkdir()
    (secrets_folder / "carpus_database_password").write_text("own'er\n")
    address = {"PGHOST": "127.0.0.1", "PGPORT": str(cluster.port), "PGPASSWORD": str(admin.password)}
    programs = f"{postgres.binary('psql').parent}:{os.environ['PATH']}"
    environment = os.environ | address | {"PATH": programs, "POSTGRES_USER": postgres.ADMIN}
    environment["CARPUS_SECRETS"] = str(secrets_folder)
    subprocess.run(["sh", "-e", ROOT / "db" / "owner.sh"], env=environment, check=True)


def ours(services: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, service) for name, service in services.items() if name not in SERVERS]


def test_the_servers_are_the_embedded_ones_major_version_and_redis_7(services: dict[str, Any]) -> None:
    version = subprocess.run([postgres.binary("postgres"), "--version"], capture_output=True, text=True, check=True)
    major = re.search(r"\d+", version.stdout)
    assert major is not None
    assert services["postgres"]["image"].startswith(f"postgres:{major[0]}-")
    assert services["redis"]["image"].startswith("redis:7")


def test_postgresql_logs_as_little_of_rows_as_the_embedded_one(services: dict[str, Any]) -> None:
    program, *options = services["postgres"]["command"]
    about_the_log = {f"-c{name}={value}" for name, value in postgres.SETTINGS.items() if name in LOG_OF_ERRORS}
    assert (program, set(options), len(options)) == ("postgres", about_the_log, len(LOG_OF_ERRORS))


def test_redis_keeps_what_it_was_given_and_asks_for_a_password(services: dict[str, Any]) -> None:
    command = services["redis"]["command"][-1]
    assert "docker-entrypoint.sh redis-server" in command  # which gives root up, as the image's own command does
    for option in ("--appendonly yes", "--maxmemory-policy noeviction", "--requirepass"):
        assert option in command


def test_no_container_of_ours_is_root_or_listens_beyond_the_host_by_default(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name not in SERVERS:
            assert service["user"].split(":")[0] not in {"0", "root"}, name
        for port in service.get("ports", []):
            assert port.startswith(("127.0.0.1:", "${CARPUS_BIND:-127.0.0.1}:")), name


def test_each_gpu_worker_reserves_its_own_device_and_runs_only_when_asked_for(services: dict[str, Any]) -> None:
    gpu = {name: service for name, service in services.items() if name.startswith("assess-gpu-")}
    devices = [s["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"][0] for s in gpu.values()]
    assert [name.removeprefix("assess-gpu-") for name in gpu] == devices
    assert all(service["profiles"] == ["gpu"] for service in gpu.values())


def test_services_wait_for_healthy_servers_and_long_running_ones_have_a_health_check(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name != "migrate":
            assert service["healthcheck"]["test"], name
    assert services["listener"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", ["read", "assess", "assess-gpu-0", "deliver"])
def test_a_worker_that_hangs_is_ended_by_its_health_check(services: dict[str, Any], name: str) -> None:
    service, queue = services[name], name.removesuffix("-gpu-0")
    assert service["healthcheck"]["test"] == ["CMD", "python", "-m", "worker.health", queue]
    assert (service["init"], service["restart"]) == (True, "unless-stopped")
    assert f"{queue}@%h" in service["command"]  # by which it is known
    assert float(service["healthcheck"]["timeout"].removesuffix("s")) > worker_settings.unanswered_seconds() + 15


def test_every_stage_named_is_in_the_dockerfile(services: dict[str, Any]) -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert {service["build"]["target"] for service in services.values() if "build" in service} <= stages
    locks = re.findall(r"--requirement (\S+)", (ROOT / "Dockerfile").read_text())
    assert len(locks) == 4
    assert all((ROOT / name).is_file() for name in locks)
