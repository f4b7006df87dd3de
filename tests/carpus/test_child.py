"""Nothing that Carpus starts lives on after it, whatever happens."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from carpus import child, launch
from tests.carpus.waiting import descendants, wait_until

STACK_OF_SERVERS = """
import os, sys, time
from pathlib import Path
from carpus import child, embedded, ports
folder = Path(sys.argv[1])
postgres = embedded.Postgres(folder / "postgres", ports.free_port())
redis = embedded.Redis(folder / "redis", ports.free_port())
postgres.start()
redis.start()
pool = (
    "import os, time; from db.process import die_with_parent; parent = os.getpid(); "
    "os.fork() or die_with_parent(parent_pid=parent); time.sleep(600)"
)
with open(os.devnull, "wb") as log:
    worker = child.spawn([sys.executable, "-c", pool], log, os.environ)
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def stack_of_servers(tmp_path: Path) -> Iterator[Popen[str]]:
    tmp_path.chmod(0o700)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", STACK_OF_SERVERS, str(tmp_path)]
    with Popen(command, env=environment, stdout=PIPE, text=True, start_new_session=True) as process:
        yield process
        process.kill()


def test_servers_workers_and_their_children_end_when_their_parent_is_killed(
    stack_of_servers: Popen[str], tmp_path: Path
) -> None:
    assert stack_of_servers.stdout is not None
    assert stack_of_servers.stdout.readline() == "started\n"
    # PostgreSQL with at least six processes of its own, Redis, a worker and its child
    wait_until(lambda: len(descendants(stack_of_servers.pid)) > 9, lambda: descendants(stack_of_servers.pid))
    started = descendants(stack_of_servers.pid)

    stack_of_servers.kill()

    wait_until(lambda: not any(one.is_running for one in started), lambda: [one for one in started if one.is_running])


def test_a_launcher_whose_parent_died_meanwhile_starts_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made"
    command = [sys.executable, "-I", "-S", launch.__file__, "1", "SIGKILL", "-", "-", "/usr/bin/touch", str(made)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not made.exists()


def test_a_child_is_started_from_the_main_thread_only(tmp_path: Path) -> None:
    said: list[str] = []

    def start() -> None:
        try:
            with (tmp_path / "log").open("wb") as log:
                child.spawn(["/bin/true"], log, {})
        except RuntimeError as error:
            said.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert said == ["a child must be started from the main thread, for it ends with the thread that started it"]


def test_a_program_that_cannot_be_executed_is_named(tmp_path: Path) -> None:
    log_path = tmp_path / "log"
    with log_path.open("wb") as log:
        assert child.spawn([str(tmp_path / "missing")], log, {}).wait(30) == launch.CANNOT_LAUNCH
    assert log_path.read_text() == f"carpus: cannot execute {tmp_path / 'missing'} (No such file or directory)\n"


def test_a_child_that_does_not_listen_is_killed_after_its_time(tmp_path: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    log_path = tmp_path / "log"
    with log_path.open("wb") as log:
        started = child.spawn([sys.executable, "-c", deaf], log, {})
    wait_until(lambda: log_path.read_text() == "deaf\n", log_path.read_text)
    child.stop(started, timeout_seconds=0.1)
    assert started.returncode == -signal.SIGKILL


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
class TestAsRoot:
    def test_a_child_of_another_user_has_no_capability_where_folders_are_open(self, tmp_path: Path) -> None:
        assert self._capabilities(tmp_path, Path("/")) == "0000000000000000"

    def test_it_may_pass_closed_folders_and_nothing_else(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        assert self._capabilities(tmp_path, tmp_path) in {"0000000000000004", "0000000000000002"}

    def test_a_folder_that_cannot_be_entered_is_named_with_its_cure(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        command = [
            sys.executable,
            "-I",
            "-S",
            launch.__file__,
            "-",
            "SIGKILL",
            "nobody",
            f"{tmp_path}/data",
            "/bin/true",
        ]
        libc = ctypes.CDLL(None)
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, preexec_fn=lambda: [libc.prctl(24, c) for c in (1, 2)]
        )  # PR_CAPBSET_DROP of CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
        assert done.returncode == launch.CANNOT_LAUNCH
        closed = next(parent for parent in reversed(tmp_path.parents) if not parent.stat().st_mode & 0o001)
        assert f"the user nobody, as whom /bin/true has to run, cannot enter {closed}" in done.stderr
        assert f"chmod o+x {closed}" in done.stderr

    @staticmethod
    def _capabilities(folder: Path, reach: Path) -> str:
        """Return the effective capabilities, hexadecimal, of a child that has become nobody."""
        with (folder / "log").open("wb") as log:
            command = ["/bin/grep", "-E", "^(CapEff|Uid)", "/proc/self/status"]
            assert child.spawn(command, log, {}, user="nobody", reach=[reach]).wait(30) == 0
        uid, capabilities = (line.split() for line in (folder / "log").read_text().splitlines())
        assert uid[1:] == ["65534"] * 4
        return capabilities[1]
