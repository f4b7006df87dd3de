"""The disk is full: while receiving, reading, queueing and recording. Nothing promised is lost, no attempt charged."""

from pathlib import Path

import psutil
import pytest

from carpus.processes import LISTENER
from tests.faults.disk import SmallDisk, small_disk
from tests.faults.trial import Plant, Trial
from worker.model_store import FOLDER

pytestmark = pytest.mark.timeout(1800)
OUT_OF_RESOURCES = str(0xA700)
_SECONDS = {True: 20.0, False: 2.0}  # that a disk stays full


def test_a_file_may_not_grow_while_receiving(plant: Plant) -> None:
    listener = psutil.Process(plant.stack.processes[LISTENER].pid)
    with plant.trial("50", "file size limit while receiving (EFBIG)") as trial:
        for _ in range(plant.rounds(1, 5)):
            listener.rlimit(psutil.RLIMIT_FSIZE, (1024, -1))
            with trial.sending(6) as modalities:
                plant.wait_until(lambda: modalities.refusals[OUT_OF_RESOURCES] >= 4, "senders are refused")
                assert trial.ledger.promised % 6 == 0, "nothing of this round was promised"
                listener.rlimit(psutil.RLIMIT_FSIZE, (-1, -1))
                trial.fault_is_over()
            trial.recover()


def test_the_store_is_full_while_receiving(plant: Plant) -> None:
    def full(trial: Trial, disk: SmallDisk) -> None:
        disk.fill()
        with trial.sending(12, senders=4) as modalities:
            plant.wait_until(lambda: modalities.refusals[OUT_OF_RESOURCES] >= 4, "senders are refused")
            assert set(modalities.refusals) == {OUT_OF_RESOURCES}
            disk.make_room()
            trial.fault_is_over()

    _with_a_small_store(plant, "51", "store full while receiving (ENOSPC)", full)


@pytest.mark.long
def test_the_store_is_full_while_reading(plant: Plant) -> None:
    def full(trial: Trial, disk: SmallDisk) -> None:
        with plant.without("read"):
            with trial.sending(12, senders=4):
                pass
            disk.fill()
        plant.wait_until(lambda: _reasons(plant, "the disk is full") > 0, "a reading fails for want of room")
        plant.pause(_SECONDS[plant.is_long])
        disk.make_room()
        trial.fault_is_over()

    balance = _with_a_small_store(plant, "52", "store full while reading (ENOSPC)", full)
    assert set(balance) == {"COMPLETED"}


def test_the_database_is_full_while_recording(plant: Plant) -> None:
    postgres = plant.stack.postgres
    with plant.trial("53", "database's disk full (ENOSPC)") as trial:
        postgres.stop()
        with small_disk(postgres.folder / "data", 160) as disk:
            postgres.start()
            for _ in range(plant.rounds(1, 3)):
                disk.fill()
                with trial.sending(40, senders=4):
                    plant.pause(_SECONDS[plant.is_long])
                    disk.make_room()
                    trial.fault_is_over()
                trial.recover()
            postgres.stop()
        postgres.start()
    assert trial.balance is not None
    assert set(trial.balance.states) == {"COMPLETED"}


@pytest.mark.long
def test_the_queue_is_full_on_disk(plant: Plant) -> None:
    queue = plant.stack.redis
    with plant.trial("54", "Redis's disk full (ENOSPC)") as trial:
        queue.stop()
        with small_disk(queue.folder / "data", 32) as disk:
            queue.start()
            for _ in range(plant.rounds(1, 3)):
                disk.fill()
                with trial.sending(20, senders=4):
                    plant.pause(_SECONDS[plant.is_long])
                    disk.make_room()
                    trial.fault_is_over()
                trial.recover()
            queue.stop()
        queue.start()


def _with_a_small_store(plant: Plant, order: str, name: str, full) -> dict[str, int]:  # type: ignore[no-untyped-def]
    """Try a fault with the store on a small disk; return how many ended in which state."""
    listener, reader = plant.stack.processes[LISTENER], plant.stack.processes["read"]
    with plant.trial(order, name) as trial:
        listener.stop()
        reader.stop()
        with small_disk(plant.stack.store, 8 + _mib(plant.stack.store / FOLDER)) as disk:
            listener.start()
            reader.start()
            for _ in range(plant.rounds(1, 3)):
                full(trial, disk)
                trial.recover()
            listener.stop()
            reader.stop()
        listener.start()
        reader.start()
    assert trial.balance is not None
    return trial.balance.states


def _mib(folder: Path) -> int:
    """Return how much room a folder's files take: the models lie in the store, and are nothing of this."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) // 2**20 + 1


def _reasons(plant: Plant, words: str) -> int:
    with plant.database() as connection:
        found = connection.execute(
            "SELECT count(*) FROM radiograph WHERE ended_at IS NULL AND state_reason LIKE %s", [f"%{words}%"]
        ).fetchone()
    assert found is not None
    return int(found[0])
