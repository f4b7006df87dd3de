"""A worker that does not answer is found, and ended only where it has a container of its own."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from signal import SIGSTOP

import pytest

from db import steps
from db.steps import STEPS, Step
from tests.conftest import CarpusEnvironment
from tests.worker.working import Working, rows, wait_until
from worker import health, hung, settings


@pytest.fixture
def container(tmp_path: Path) -> Callable[[str, int], Path]:
    """The processes of a container as seen from inside: its init and one other."""

    def seen(queue: str, pid: int) -> Path:
        folder = tmp_path / "proc"
        (folder / "1").mkdir(parents=True)
        init = ("/sbin/docker-init", "--", "celery", "-A", "worker.app", "worker", "--hostname", f"{queue}@%h", "")
        (folder / "1" / "cmdline").write_text("\0".join(init))
        (folder / str(pid)).symlink_to(f"/proc/{pid}")
        (folder / str(os.getpid())).symlink_to("/proc/self")
        return folder

    return seen


def test_a_hung_worker_is_ended_in_a_container_of_its_own_when_it_is_not_just_starting(
    working: Callable[..., Working], container: Callable[[str, int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = working("read")
    worker.wait_for_event("ready.")
    assert worker.pid is not None
    os.kill(worker.pid, SIGSTOP)
    processes = container("read", worker.pid)
    assert not hung.end("assess", processes)
    assert not hung.end("read", processes)
    assert worker.is_alive
    monkeypatch.setattr(hung, "START_SECONDS", 0.0)
    assert hung.end("read", processes)
    wait_until(lambda: not worker.is_alive, rows)


def test_outside_a_container_nothing_is_ended(
    working: Callable[..., Working], container: Callable[[str, int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = working("read")
    assert worker.pid is not None
    processes = container("read", worker.pid)
    (processes / "1" / "cmdline").write_text("/sbin/init\0")
    monkeypatch.setattr(hung, "START_SECONDS", 0.0)
    assert not hung.end("read", processes)
    (processes / "1" / "cmdline").unlink()
    assert not hung.end("read", processes)
    assert worker.is_alive


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.queue)
def test_a_worker_that_stands_still_is_said_to_hang(
    working: Callable[..., Working], step: Step, impatient: None, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = working(step.queue)
    worker.wait_for_event("ready.")
    assert health_of(step) == 0
    assert worker.pid is not None
    os.kill(worker.pid, SIGSTOP)
    assert health_of(step) == settings.HUNG_STATUS
    assert capsys.readouterr().err.endswith("does not answer\n")


def test_a_worker_that_answers_late_is_well(
    carpus_env: CarpusEnvironment, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([[], [], [{"read@here": {"ok": "pong"}}]])
    monkeypatch.setattr(settings, "unanswered_seconds", lambda: 60.0)
    monkeypatch.setattr(health.app.control, "ping", lambda **named: next(answers))
    assert health_of(steps.READ) == 0


def test_patience_is_longer_than_a_reconnection_and_than_an_orderly_stop(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.unanswered_seconds() == 40
    settings.worker.cache_clear()
    monkeypatch.setenv("CARPUS_WORKER_STOP_SECONDS", "300")
    assert settings.unanswered_seconds() == 315


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "unanswered_seconds", lambda: 0.0)


def health_of(step: Step) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["worker.health", step.queue])
        return health.main()
