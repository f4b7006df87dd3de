"""The clock publishes, the trainer takes it from its own queue, and what cannot be refreshed says why."""

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from celery.schedules import crontab

from carpus import child
from carpus.processes import COMMANDS, wanted
from db.errors import SettingsError
from tests.conftest import CarpusEnvironment
from tests.worker.working import wait_until
from training import beat, settings, tasks
from worker.app import REFRESH_QUEUE, app, queue_length

ROOT = Path(__file__).parents[2]


def start(name: str, log: Path, **environment: str) -> child.Child:
    """Start one of the processes by the command that the stack and the README name."""
    program, *arguments = COMMANDS[name]
    assert program == "celery"
    with log.open("ab") as output:
        return child.spawn(
            [sys.executable, "-m", "celery", *arguments],
            output,
            os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(log.parent)} | environment,
        )


def test_the_schedule_is_as_crontab_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_REFRESH_SCHEDULE", "30 2 * * 1")
    planned = settings.training.__wrapped__().beat()
    assert planned == {"refresh": {"task": REFRESH_QUEUE, "schedule": crontab(30, 2, day_of_week=1)}}


@pytest.mark.parametrize("schedule", ["weekly", "0 3 * *", "61 3 * * 0"])
def test_a_malformed_schedule_names_the_setting(schedule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_REFRESH_SCHEDULE", schedule)
    with pytest.raises(SettingsError, match=r"CARPUS_REFRESH_SCHEDULE.*expected five fields as in crontab"):
        settings.training.__wrapped__()


def test_the_clock_runs_and_shows_that_it_ticks(carpus_env: CarpusEnvironment, tmp_path: Path) -> None:
    log = tmp_path / "beat.log"
    clock = start("beat", log, CARPUS_REFRESH_SCHEDULE="0 3 * * 0")
    try:
        wait_until((tmp_path / f"carpus-beat-{os.getuid()}").exists, log.read_text)
    finally:
        child.kill(clock)


def test_what_is_due_is_published_to_the_queue_of_the_trainer(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CARPUS_REFRESH_SCHEDULE", "0 3 * * 0")
    monkeypatch.setattr(beat, "TICKED", tmp_path / "ticked")
    scheduler = beat.WatchedScheduler(app, schedule={}, lazy=True)
    scheduler.update_from_dict(settings.training.__wrapped__().beat())
    assert 0 < scheduler.tick() <= beat.LONGEST_TICK_SECONDS
    assert queue_length(REFRESH_QUEUE) == 0
    entry = scheduler.schedule["refresh"]
    entry.last_run_at -= timedelta(days=8)
    scheduler.old_schedulers = None  # as if it had just started
    scheduler.tick()
    assert queue_length(REFRESH_QUEUE) == 1
    assert beat.TICKED.exists()


def test_a_clock_without_a_schedule_says_what_is_missing(carpus_env: CarpusEnvironment, tmp_path: Path) -> None:
    log = tmp_path / "beat.log"
    clock = start("beat", log)
    wait_until(lambda: clock.poll() is not None, log.read_text)
    assert clock.returncode != 0
    assert "CARPUS_REFRESH_SCHEDULE: missing" in log.read_text()


def test_the_trainer_takes_the_task_and_says_why_nothing_can_be_refreshed(
    carpus_env: CarpusEnvironment, tmp_path: Path
) -> None:
    log = tmp_path / "refresh.log"
    tasks.refresh.delay()
    assert queue_length(REFRESH_QUEUE) == 1
    trainer = start("refresh", log)
    try:
        wait_until(lambda: "refresh_failed" in log.read_text(), log.read_text)
        assert "no model version is active yet" in log.read_text()
        wait_until(lambda: queue_length(REFRESH_QUEUE) == 0, log.read_text)
    finally:
        child.kill(trainer)


def test_a_clock_that_stands_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(beat, "TICKED", tmp_path / "ticked")
    assert beat.main() == 1
    beat.TICKED.touch()
    assert beat.main() == 0
    long_ago = time.time() - 3600
    os.utime(beat.TICKED, (long_ago, long_ago))
    assert beat.main() == 1


def test_clock_and_trainer_run_only_where_a_schedule_is_set() -> None:
    assert not {"refresh", "beat"} & set(wanted({}))
    assert {"refresh", "beat"} <= set(wanted({"CARPUS_REFRESH_SCHEDULE": "0 3 * * 0"}))


def test_importing_the_tasks_is_light() -> None:
    heavy = "import sys, training.tasks; print({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.strip() == "set()"
