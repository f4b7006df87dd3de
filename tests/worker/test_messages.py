"""What arrives by the queue and is no message of ours: nothing of it is executed, and the worker goes on."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from kombu import Connection, Exchange
from kombu.serialization import disable_insecure_serializers, dumps, enable_insecure_serializers, loads

from carpus import child
from carpus.processes import COMMANDS
from db.session import transaction
from db.tables import Radiograph
from db.vocabulary import State
from tests.conftest import CarpusEnvironment
from tests.rows import add_radiograph
from worker.app import app, enqueue

DEADLINE_SECONDS = 60.0
PLANTED = "DOE^JANE"  # no stranger's words belong into the log


class Exploit:
    """Touches a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self._file,)


def wait_until(is_so: Callable[[], bool], what: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {DEADLINE_SECONDS} s: {what()}")
        time.sleep(0.1)


@pytest.fixture
def worker(carpus_env: CarpusEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[child.Child]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    _, *arguments = COMMANDS["read"]
    hostile = (word.replace("worker.app", "tests.worker.hostile_app") for word in arguments)
    with (tmp_path / "worker.log").open("wb") as log:
        started = child.spawn([sys.executable, "-m", "celery", *hostile], log, os.environ)
    yield started
    child.stop(started)


@pytest.fixture
def insecure() -> Iterator[None]:
    enable_insecure_serializers()
    yield
    disable_insecure_serializers(allowed=["json"])


def publish(environment: CarpusEnvironment, body: object, serializer: str, exchange: Exchange, task: str) -> None:
    with Connection(environment.servers.broker_url) as connection:
        headers = {"id": "1", "task": task, "lang": "py", "argsrepr": PLANTED}
        key = "" if exchange.type == "fanout" else "read"
        connection.Producer().publish(
            body, exchange=exchange, routing_key=key, serializer=serializer, headers=headers, declare=[exchange]
        )


def is_read(radiograph_id: int) -> bool:
    with transaction() as session:
        return session.get_one(Radiograph, radiograph_id).state == State.READ


@pytest.mark.usefixtures("insecure")
def test_what_is_not_json_is_thrown_away_unread_and_unquoted_and_the_worker_goes_on(
    worker: child.Child, carpus_env: CarpusEnvironment, tmp_path: Path
) -> None:
    log, touched = tmp_path / "worker.log", tmp_path / "touched"
    with transaction() as session:
        first, last = (add_radiograph(session, uid) for uid in ("1.2.1", "1.2.2"))
    enqueue("read", first)
    wait_until(lambda: is_read(first), log.read_text)  # from here on the worker listens to both kinds of message

    tasks, commands = Exchange("read", "direct"), Exchange("celery.pidbox", "fanout")
    by_pickle, by_yaml = Exploit(touched), f"!!python/object/apply:os.system ['touch {touched}']"
    publish(carpus_env, [[by_pickle, PLANTED], {}, {}], "pickle", tasks, "read")
    publish(carpus_env, [[by_yaml, PLANTED], {}, {}], "yaml", tasks, "read")
    publish(carpus_env, [[PLANTED], {}, {}], "json", tasks, f"no task of ours: {PLANTED}")
    publish(carpus_env, {"method": "ping", "arguments": {"a": by_pickle, "b": PLANTED}}, "pickle", commands, "")
    publish(carpus_env, {"method": PLANTED, "arguments": {}}, "json", commands, "")
    with redis.Redis.from_url(carpus_env.servers.broker_url) as client:
        client.publish("/0.celery.pidbox", PLANTED)
        enqueue("read", last)
        wait_until(lambda: is_read(last), log.read_text)
        wait_until(lambda: client.hlen("unacked") == 0, lambda: client.hgetall("unacked"))
        assert client.llen("read") == 0
    with app.connection_for_write() as connection:  # a pooled one may be to a server of an earlier test
        assert app.control.inspect(timeout=5, connection=connection).ping()
    assert worker.poll() is None
    assert not touched.exists()
    said = log.read_text()
    assert PLANTED not in said
    events = [json.loads(line)["event"] for line in said.splitlines() if line.startswith("{")]
    refused = ["Received invalid task message", "Can't decode message body", "Received unregistered task of type"]
    assert [events.count(event) for event in refused] == [2, 1, 1], said


def test_the_messages_planted_would_be_executed_by_a_worker_that_took_them(insecure: None, tmp_path: Path) -> None:
    loads(*(dumps([Exploit(tmp_path / "touched")], serializer="pickle")[index] for index in (2, 0, 1)))
    assert (tmp_path / "touched").exists()
