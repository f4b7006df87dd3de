"""The whole stack as an operator has it: up, restarting, stopped or killed, and nothing left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

import pytest

from carpus import demo, ports, send, stack, up
from carpus.embedded import Postgres
from carpus.processes import COMMANDS, SERVICES, Process, command_line, stop_seconds
from carpus.settings import StackSettings, absolute
from carpus.supervise import StackError
from dicom_listener.settings import ListenerSettings
from tests.carpus.waiting import Seen, descendants, wait_until

ROOT = Path(__file__).parents[2]


@contextmanager
def carpus_up(home: Path, **settings: str) -> Iterator[Popen[str]]:
    names = ("LISTENER", "POSTGRES", "REDIS", "FLOWER")
    chosen = {f"CARPUS_{name}_PORT": str(ports.free_port()) for name in names} | settings
    foreign = {"CARPUS_DATABASE_URL", "CARPUS_BROKER_URL", "CARPUS_STORE"}
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    environment |= chosen | {"CARPUS_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-P", "-m", "carpus", "up"]  # -P: as the installed command, not from where we are
    with Popen(command, env=environment, stdout=PIPE, stderr=STDOUT, text=True, start_new_session=True) as process:
        yield process
        process.kill()


def read_until(process: Popen[str], words: str) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
    return pytest.fail(f"it ended without {words!r}: {seen}")


def ends(started: list[Seen]) -> None:
    wait_until(lambda: not any(one.is_running for one in started), lambda: [one for one in started if one.is_running])


@pytest.fixture
def foreign_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder whose packages are called as ours."""
    for name in ("db", "worker", "dicom_listener"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong package')")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_stack_serves_where_it_is_told_from_any_folder_starts_again_what_was_killed_and_stops_on_sigterm(
    foreign_folder: Path,
) -> None:
    with carpus_up(Path("home"), CARPUS_LISTENER_HOST="127.0.0.2", CARPUS_LISTENER_PORT="0") as process:
        said = read_until(process, "carpus is up")
        assert f"login carpus, password in {foreign_folder}/home/flower_password" in said
        [port] = re.findall(r"DICOM listener CARPUS on 127\.0\.0\.2:(\d+)", said)
        assert send.echo(send.Peer("127.0.0.2", int(port), "CARPUS", "TEST")) is None
        [flower] = [one for one in descendants(process.pid) if " flower " in one.command]
        os.kill(flower.pid, signal.SIGKILL)
        read_until(process, "flower ended unasked")
        wait_until(
            lambda: any(" flower " in one.command for one in descendants(process.pid)), lambda: descendants(process.pid)
        )
        started = descendants(process.pid)
        process.terminate()
        read_until(process, "stopped")
        assert process.wait(30) == 0
        assert [one for one in started if one.is_running] == []


def test_a_killed_stack_leaves_no_process_and_can_be_started_again_at_once(tmp_path: Path) -> None:
    taken = {"CARPUS_POSTGRES_PORT": str(ports.free_port()), "CARPUS_REDIS_PORT": str(ports.free_port())}
    with carpus_up(tmp_path, **taken) as process:
        wait_until((tmp_path / "redis" / "port").exists, lambda: descendants(process.pid))
        process.kill()
        process.wait(30)
    with carpus_up(tmp_path, **taken) as process:
        read_until(process, "carpus is up")
        # the services with two reading processes, PostgreSQL with six of its own, Redis
        wait_until(lambda: len(descendants(process.pid)) >= len(SERVICES) + 10, lambda: descendants(process.pid))
        started = descendants(process.pid)
        process.kill()
        ends(started)


def test_a_taken_port_is_said_with_the_setting_that_moves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "PATIENCE_SECONDS", 0.0)
    free = {name: ports.free_port() for name in ("postgres_port", "redis_port")}
    listener = ListenerSettings(listener_port=ports.free_port())
    with socket.create_server((ports.LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ports.PortTakenError) as caught:
            up.usual_ports(StackSettings(**free, flower_port=port), listener)
    expected = f"port {port} (Flower) is taken by another program; choose another by CARPUS_FLOWER_PORT"
    assert str(caught.value) == expected


def test_a_port_taken_by_this_folders_own_stack_is_no_reason_to_choose_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "PATIENCE_SECONDS", 0.0)
    running = Postgres(tmp_path / "postgres", ports.free_port())
    running.start()
    try:
        chosen = StackSettings(home=tmp_path, postgres_port=running.port)
        with pytest.raises(StackError, match=f"^Carpus already runs in {tmp_path}$"):
            up.usual_ports(chosen, ListenerSettings(listener_port=0))
    finally:
        running.stop()


def test_a_signal_that_was_ignored_at_the_start_stays_ignored() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        stack.stop_on_signals()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_log_folder_that_was_moved_away_is_made_again(tmp_path: Path) -> None:
    process = Process("migrate", {}, tmp_path / "gone" / "migrate.log")
    process.start()
    process.kill()
    assert process.log.exists()


def test_a_process_has_a_little_longer_to_stop_than_its_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (stop_seconds("listener"), stop_seconds("read"), stop_seconds("assess")) == (13, 15, 15)
    monkeypatch.setenv("CARPUS_STOP_SECONDS", "40")
    monkeypatch.setenv("CARPUS_WORKER_STOP_SECONDS", "300")
    assert (stop_seconds("listener"), stop_seconds("read"), stop_seconds("assess")) == (45, 305, 305)


def test_relative_folders_mean_the_same_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"CARPUS_BUNDLE": "models/mine", "CARPUS_HOME": "/home", "CARPUS_AE_TITLE": "A", "CARPUS_STORE": ""}
    assert absolute(given) == given | {"CARPUS_BUNDLE": str(tmp_path / "models" / "mine")}


def test_every_setting_in_a_file_reaches_the_processes_and_no_foreign_servers_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_files = {
        "PATIENT_ID": "hmac",
        "PATIENT_ID_KEY": "k" * 32,
        "CALLING_AE_TITLES": "CT1, CT2",
        "PEERS": "10.0.0.0/8",
        "COMMITMENT_PEERS": "PACS=10.0.0.5:104",
        "ACCEPT_FOR_PROCESSING": "true",
        "READ_SECONDS": "50",
        "ATTEMPTS": "4",
        "FLOWER_LOGIN": "jane:secret",
    }
    foreign = {"DATABASE_URL", "BROKER_URL", "STORE", "HOME"}
    passwords = {f"{name}_PASSWORD" for name in ("DATABASE", "BROKER", "WRITER", "READER", "READS")} | {"BROKER_MASTER"}
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, text in (in_files | dict.fromkeys(foreign | passwords, "foreign")).items():
        (folder / f"carpus_{name.lower()}").write_text(f"{text}\n")
        monkeypatch.delenv(f"CARPUS_{name}", raising=False)
    monkeypatch.setenv("CARPUS_SECRETS", str(folder))
    monkeypatch.setenv("CARPUS_ATTEMPTS", "5")  # which comes before its file
    for server in ("postgres", "redis"):
        (tmp_path / server).mkdir()
    started = stack.Stack(tmp_path, stack.Ports.free(), print)
    environment = started.environment()
    expected = {f"CARPUS_{name}": text for name, text in (in_files | {"ATTEMPTS": "5"}).items()}
    assert {name: environment.get(name) for name in expected} == expected
    assert "foreign" not in environment.values()
    assert not {f"CARPUS_{name}" for name in passwords} & environment.keys()
    assert environment["CARPUS_SECRETS"] != str(folder)  # where the passwords are
    assert started.flower_login_place == "login as CARPUS_FLOWER_LOGIN says"


def test_commands_run_with_this_interpreter_from_any_folder(tmp_path: Path) -> None:
    assert command_line("listener") == [sys.executable, "-m", "dicom_listener"]
    assert command_line("read")[:6] == [sys.executable, "-m", "celery", "-A", "worker.app", "worker"]
    [conf] = [word for word in command_line("flower") if word.startswith("--conf=")]
    assert Path(conf.removeprefix("--conf=")).is_file()
    assert set(COMMANDS) == {"migrate", *SERVICES}


def test_make_starts_the_demonstration_without_a_shell_that_would_outlive_it() -> None:
    of_make = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}  # set when it is make that runs the tests
    environment = {name: value for name, value in os.environ.items() if name not in of_make}
    plan = subprocess.run(
        ["make", "--no-print-directory", "-n", "demo"], cwd=ROOT, env=environment, stdout=PIPE, text=True, check=True
    ).stdout
    command = plan.splitlines()[-1]
    assert command == ".venv/bin/python -I -S carpus/launch.py - SIGTERM - - .venv/bin/carpus demo"


def test_the_demonstration_is_open_to_itself_whatever_the_settings_keep_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping_out = {"CARPUS_PEERS": "10.0.0.0/8", "CARPUS_TLS_KEY": "a.key", "CARPUS_CALLING_AE_TITLES": "CT1"}
    for name, value in keeping_out.items():
        monkeypatch.setenv(name, value)
    for server in ("postgres", "redis"):
        (tmp_path / server).mkdir()
    usual = stack.Stack(tmp_path, stack.Ports.free(), print).environment()
    assert keeping_out.keys() <= usual.keys()
    of_demo = stack.Stack(tmp_path, stack.Ports.free(), print, without=demo.DOORS).environment()
    assert not keeping_out.keys() & of_demo.keys()
