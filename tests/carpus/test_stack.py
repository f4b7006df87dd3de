"""The whole stack as an operator has it: up, restarting, stopped or killed, and nothing left behind."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

import pytest

from carpus import ports, up
from carpus.processes import COMMANDS, SERVICES, command_line
from carpus.settings import StackSettings
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
    command = [sys.executable, "-m", "carpus", "up"]
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


def test_a_killed_process_is_started_again_and_sigterm_stops_everything(tmp_path: Path) -> None:
    with carpus_up(tmp_path) as process:
        read_until(process, "carpus is up")
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


def test_commands_run_with_this_interpreter_from_any_folder(tmp_path: Path) -> None:
    assert command_line("listener") == [sys.executable, "-m", "dicom_listener"]
    assert command_line("read")[:6] == [sys.executable, "-m", "celery", "-A", "worker.app", "worker"]
    [conf] = [word for word in command_line("flower") if word.startswith("--conf=")]
    assert Path(conf.removeprefix("--conf=")).is_file()
    assert set(COMMANDS) == {"migrate", *SERVICES}


def test_make_starts_the_demonstration_without_a_shell_that_would_outlive_it() -> None:
    plan = subprocess.run(["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    command = plan.splitlines()[-1]
    assert command == ".venv/bin/python -I -S carpus/launch.py - SIGTERM - - .venv/bin/carpus demo"
