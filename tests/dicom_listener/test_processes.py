"""Several processes on one port: they share its associations, their caps hold together, and each can die alone."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom.association import Association

from dicom_listener.places import Places, packed
from tests.dicom_listener.conftest import Modality, poll, registered, rows
from tests.dicom_listener.peers import ACCEPT_TYPE, REJECT_TYPE, associate, connect
from tests.dicom_listener.test_process import listening
from tests.objects import hand_radiograph

PROCESSES = 2
Serving = tuple[subprocess.Popen[str], Modality]


@pytest.fixture
def serving(carpus_env: object, request: pytest.FixtureRequest) -> Iterator[Serving]:
    with listening(processes=PROCESSES) as (process, port):
        yield process, Modality(port)


def children(parent_pid: int) -> list[int]:
    """Return the processes that a process has started and that have not ended."""
    pids = Path(f"/proc/{parent_pid}/task/{parent_pid}/children").read_text().split()
    return sorted(
        int(pid) for pid in pids if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    )


def connections(pid: int, port: int) -> int:
    """Return how many of a port's connections a process holds."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    established = "01"
    of_port = {
        f"socket:[{line[9]}]" for line in lines if int(line[1].split(":")[1], 16) == port and line[3] == established
    }
    held = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held += str(descriptor.readlink()) in of_port
        except FileNotFoundError:
            continue
    return held


def shares(process: subprocess.Popen[str], port: int) -> dict[int, int]:
    """Return each process's connections."""
    return {pid: connections(pid, port) for pid in children(process.pid)}


def associated(modality: Modality, count: int) -> list[Association]:
    return [modality.associate(hand_radiograph()) for _ in range(count)]


def test_the_processes_share_the_associations(serving: Serving) -> None:
    process, modality = serving
    held = associated(modality, 6)
    # Each leaves the next connection to the other where that has fewer; a machine under load may not let it.
    assert min(shares(process, modality.port).values()) >= 2
    for association in held:
        assert association.send_c_store(hand_radiograph()).Status == 0x0000
        association.release()
    registered(6)


def test_the_caps_hold_over_all_processes(carpus_env: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_MAX_ASSOCIATIONS_PER_ADDRESS", "3")
    monkeypatch.setenv("CARPUS_MAX_ASSOCIATIONS", "4")
    with listening(processes=PROCESSES) as (_, port), ExitStack() as held:
        sources = ["127.0.0.1"] * 4 + ["127.0.0.2"] * 2
        answers = [associate(held.enter_context(connect(port, source)))[0] for source in sources]
        assert answers == [*[ACCEPT_TYPE] * 3, REJECT_TYPE, ACCEPT_TYPE, REJECT_TYPE]


def test_a_process_that_dies_takes_only_its_own_associations_and_is_started_again(serving: Serving) -> None:
    process, modality = serving
    held = associated(modality, 4)
    before = shares(process, modality.port)
    dying = next(iter(before))
    assert min(before.values()) >= 1, before
    os.kill(dying, signal.SIGKILL)
    left = poll(lambda: [one for one in held if one.is_established], lambda found: len(found) == 4 - before[dying])
    for association in left:
        assert association.send_c_store(hand_radiograph()).Status == 0x0000
    poll(lambda: children(process.pid), lambda found: len(found) == PROCESSES and dying not in found)

    def spread() -> list[int]:
        association = modality.associate()
        found = shares(process, modality.port)
        association.release()
        return [count for pid, count in found.items() if pid not in before]

    # While the other has associations, the new one takes the next once it serves.
    poll(spread, lambda of_new: of_new == [1])
    for association in left:
        association.release()
    registered(len(left))


def test_sigterm_lets_the_associations_of_all_processes_finish(serving: Serving) -> None:
    process, modality = serving
    held = associated(modality, 4)
    assert min(shares(process, modality.port).values()) >= 1
    process.send_signal(signal.SIGTERM)
    for association in held:
        assert association.send_c_store(hand_radiograph()).Status == 0x0000
        association.release()
    assert process.wait(20) == 0
    registered(4)


def test_no_process_outlives_the_one_that_started_them(serving: Serving) -> None:
    process, _ = serving
    started = children(process.pid)
    assert len(started) == PROCESSES
    process.kill()
    poll(
        lambda: [pid for pid in started if Path(f"/proc/{pid}/fd").exists() and list_open(pid)], lambda left: left == []
    )


def list_open(pid: int) -> bool:
    """Whether a process still has descriptors: one that has ended and waits for its parent has none."""
    try:
        return any(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def store_until_answered(modality: Modality, data_set: Dataset) -> None:
    """Send an object as a modality does, again and again until it has Success."""

    def send() -> int | None:
        try:
            association = modality.associate(data_set)
        except AssertionError:
            return None
        try:
            return int(association.send_c_store(data_set).get("Status", -1))
        except (RuntimeError, ValueError):
            return None
        finally:
            association.abort()

    poll(send, lambda status: status == 0x0000, 30)


def test_nothing_is_lost_when_processes_are_killed_in_the_middle_of_storing(serving: Serving) -> None:
    process, modality = serving
    # Long ones too, which are written while they come.
    sent = [hand_radiograph(PixelData=bytes(10_000 if number % 2 else 2_000_000)) for number in range(24)]

    def send(part: list[Dataset]) -> None:
        for data_set in part:
            store_until_answered(modality, data_set)

    senders = [threading.Thread(target=send, args=(sent[start::3],)) for start in range(3)]
    for sender in senders:
        sender.start()
    killed = 0
    while any(sender.is_alive() for sender in senders):
        alive = children(process.pid)
        if killed < 4 and len(alive) == PROCESSES:
            os.kill(alive[killed % PROCESSES], signal.SIGKILL)
            killed += 1
        for sender in senders:
            sender.join(0.05)
    assert killed
    uids = {data_set.SOPInstanceUID for data_set in sent}
    assert poll(lambda: {row.sop_instance_uid for row in rows()}, lambda found: found == uids, 20) == uids


def test_a_process_knows_the_others_associations_and_forgets_those_of_one_that_left() -> None:
    places = Places(3, most=4)
    places.tell(0, waiting=0, origins=["10.0.0.1"])
    places.tell(1, waiting=2, origins=["10.0.0.1", "2001:db8::"])
    assert places.others(0) == [packed("10.0.0.1"), packed("2001:db8::")]
    assert places.others(2) == [packed("10.0.0.1"), packed("10.0.0.1"), packed("2001:db8::")]
    assert not places.is_another_freer(0, 1)  # the third does not serve
    assert places.is_another_freer(1, 4)
    places.leave(0)
    assert places.others(1) == []
    assert not places.is_another_freer(1, 4)
