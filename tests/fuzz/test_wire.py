"""Damaged conversations with a running listener: whatever is said, it goes on to serve, and nothing of it is left."""

import itertools
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from db.vocabulary import State
from tests.dicom_listener.conftest import Running, poll, rows
from tests.fuzz.conversations import conversation
from tests.objects import hand_radiograph

SHORT_CASES = 200
CASES = int(os.environ.get("FUZZ_WIRE", SHORT_CASES))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
ROUND_CASES = 1_000
PEERS = 8  # at once; the listener serves 20
CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 0.2
SETTLED_SECONDS = 30.0
MORE_DESCRIPTORS = 10  # connections to PostgreSQL and Redis, which each thread opens when it first needs one
MORE_THREADS = 2  # of the pool's own, that may still be ending


def speak(port: int, pdus: list[bytes]) -> None:
    """Say all of it, listen a little, and hang up, whatever the listener thinks of it."""
    with socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.sendall(b"".join(pdus))
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):
                pass
        except (TimeoutError, ConnectionError, BrokenPipeError, OSError):
            pass


def say(port: int, cases: int, first_seed: int) -> int:
    """Hold a number of conversations, some at once; return how many were held."""
    held: list[Future[None]] = []

    with ThreadPoolExecutor(PEERS) as pool:

        @seed(first_seed)
        @settings(
            max_examples=cases,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(conversation())
        def held_one(pdus: list[bytes]) -> None:
            held.append(pool.submit(speak, port, pdus))
            while sum(not one.done() for one in held[-4 * PEERS :]) > 2 * PEERS:
                time.sleep(0.001)

        held_one()
    for one in held:
        one.result()
    return len(held)


def errors_of(logged: str) -> list[str]:
    """Lines that someone would have to look at: errors, and whatever carries a traceback."""
    lines = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    return [str(line)[:2_000] for line in lines if line.get("level") in {"error", "critical"} or "exception" in line]


@pytest.mark.timeout(180 + CASES // 5)
def test_a_listener_serves_on_after_whatever_is_said_to_it(listener: Running, written: Callable[[], str]) -> None:
    process = psutil.Process()
    assert listener.send(hand_radiograph()) == 0x0000
    poll(listener.inbox, lambda left: left == [])
    server = listener.listener.server
    threads, descriptors, began, held = threading.active_count(), process.num_fds(), time.monotonic(), 0
    seeds = itertools.count(SEED)
    while held < CASES:  # hypothesis leaves out what it would draw twice, so that there may be a round more
        held += say(listener.port, min(ROUND_CASES, CASES - held), next(seeds))
        poll(lambda: server.active_associations, lambda active: active == [], SETTLED_SECONDS)
        assert listener.send(hand_radiograph()) == 0x0000
        words = f"{held} conversations in {time.monotonic() - began:.0f} s"
        sys.stdout.write(f"\n{words}, {process.memory_info().rss / 1e6:.0f} MB")
        sys.stdout.flush()
    association = listener.associate()
    assert association.send_c_echo().Status == 0x0000
    association.release()

    poll(lambda: server.active_associations, lambda active: active == [], SETTLED_SECONDS)
    poll(listener.inbox, lambda left: left == [], SETTLED_SECONDS)
    poll(threading.active_count, lambda now: now <= threads + MORE_THREADS, SETTLED_SECONDS)
    poll(process.num_fds, lambda now: now <= descriptors + MORE_DESCRIPTORS, SETTLED_SECONDS)
    assert list((listener.store / "incoming").iterdir()) == []
    states = {row.state for row in rows("SELECT DISTINCT state FROM radiograph")}
    assert states <= {State.RECEIVED, State.NOT_APPLICABLE, State.REJECTED}
    assert errors_of(written()) == []
