"""Redis behind Sentinels: who publishes and who works find the master, also after another has become it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kombu.exceptions import OperationalError

from carpus import server_checks
from db.session import transaction
from db.steps import READ
from tests.conftest import CarpusEnvironment, forget_process_state
from tests.rows import add_radiograph
from tests.sentinels import MASTER_NAME, PASSWORD, Watched, watched
from tests.worker.working import Working, rows, states_seen, sweep_until, wait_until
from worker.app import _configuration, app, enqueue, queue_length

_OF_THE_BROKER = ("broker_url", "broker_transport_options")  # which Celery reads once


@pytest.fixture
def sentinels(carpus_env: CarpusEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    before = {name: app.conf[name] for name in _OF_THE_BROKER}
    with watched(tmp_path) as servers:
        wait_until(servers.is_watched, (tmp_path / str(servers.sentinel_port) / "log").read_text)
        monkeypatch.setenv("CARPUS_BROKER_URL", servers.url)
        monkeypatch.setenv("CARPUS_BROKER_MASTER", MASTER_NAME)
        monkeypatch.setenv("CARPUS_BROKER_PASSWORD", PASSWORD)
        forget_process_state()
        app.conf.update({name: value for name, value in _configuration().items() if name in _OF_THE_BROKER})
        yield servers
        app.conf.update(before)


def _is_published(radiograph_id: int) -> bool:
    try:
        enqueue(READ.queue, radiograph_id)
    except OperationalError:
        return False
    return True


def test_messages_go_to_whichever_redis_is_the_master(sentinels: Watched) -> None:
    enqueue(READ.queue, 1)
    with sentinels.client(0) as master:
        assert master.llen(READ.queue) == queue_length(READ.queue) == 1
    sentinels.kill_master()
    wait_until(lambda: sentinels.master_port() == sentinels.redis_ports[1], sentinels.master_port)
    wait_until(lambda: _is_published(2), sentinels.master_port)
    with sentinels.client(1) as master:
        assert master.llen(READ.queue) >= 1  # the first one too, where the replica had it in time
    assert queue_length(READ.queue) >= 1


def test_a_worker_goes_on_with_the_next_master(working: Callable[..., Working], sentinels: Watched) -> None:
    worker = working(READ.queue)
    worker.wait_for_event("ready.")
    with transaction() as session:
        for number in range(1, 7):
            add_radiograph(session, f"1.2.{number}", patient_id=f"takes a while {number}")
    for number in range(1, 7):
        enqueue(READ.queue, number)
    wait_until(lambda: any(row.state == READ.done for row in rows().values()), states_seen)
    sentinels.kill_master()
    wait_until(lambda: sentinels.master_port() == sentinels.redis_ports[1], sentinels.master_port)
    wait_until(lambda: _is_published(1), sentinels.master_port)
    done = sweep_until(lambda found: all(row.state == READ.done for row in found.values()))
    assert [row.reads for row in done.values()] == [1] * 6
    assert worker.is_alive


def test_the_doctor_asks_the_master(sentinels: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server_checks.broker().is_well, server_checks.broker()
    monkeypatch.setenv("CARPUS_BROKER_MASTER", "another")
    assert "CARPUS_BROKER_MASTER" in str(server_checks.broker().cure)
