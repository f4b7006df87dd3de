"""One fault on a running stack: senders that keep what is not promised, the fault, and the balance afterwards."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery import Celery
from pydicom import Dataset
from sqlalchemy import make_url

from carpus import ports
from carpus.embedded.postgres import DATABASE
from carpus.processes import Process
from carpus.stack import Stack
from db.vocabulary import State
from tests.conftest import forget_process_state
from tests.faults.archives import Archive
from tests.faults.ledger import Balance, Ledger
from tests.faults.modalities import Modalities
from tests.faults.objects import radiographs
from tests.faults.resources import Resources
from tests.faults.table import Row

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.05


def some(cases: Iterable[Any], in_short: Iterable[Any]) -> list[Any]:
    """Return the cases of a parametrized test; those not in the short form are marked ``long``."""
    kept = set(in_short)
    return [pytest.param(case, marks=[] if case in kept else [pytest.mark.long]) for case in cases]


@dataclass
class Trial:
    """What happens under one fault.

    Attributes
    ----------
    rounds
        How often the fault struck.
    recoveries_seconds
        From the end of a fault to the end state of everything promised.
    over_at
        When the last round's fault ended, by the monotonic clock.
    """

    plant: "Plant"
    rounds: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    recoveries_seconds: list[float] = field(default_factory=list)
    over_at: float = 0.0
    balance: Balance | None = None

    @contextmanager
    def sending(
        self, count: int, senders: int = 2, objects: Sequence[Dataset] = (), pause_seconds: float = 0
    ) -> Iterator[Modalities]:
        """Send radiographs while the block runs, until all are promised."""
        waiting = list(objects) or radiographs(count)
        modalities = self.plant.modalities
        shares = [share for start in range(senders) if (share := waiting[start::senders])]
        modalities.send(shares, self.ledger, pause_seconds)
        try:
            yield modalities
            self.plant.wait_until(lambda: modalities.are_done, lambda: f"promised {self.ledger.promised}")
        finally:
            modalities.give_up()

    def fault_is_over(self) -> None:
        """Note when one round's fault ended: from here the recovery counts."""
        self.rounds += 1
        self.over_at = time.monotonic()

    def recover(self) -> None:
        """Wait until all that was promised has ended and gone out; note how long after the fault's end that was."""
        self.wait_for_ends()
        self.wait_for_deliveries()
        self.recoveries_seconds.append(time.monotonic() - self.over_at)

    def wait_for_ends(self) -> None:
        """Wait until all that was promised has ended."""
        self.plant.wait_until(self.plant.has_a_database, "PostgreSQL is started again")
        with self.plant.database() as connection:
            self.plant.wait_until(
                lambda: self.ledger.unfinished(connection) == 0,
                lambda: f"{self.ledger.unfinished(connection)} of {self.ledger.promised} end; {self.plant.states()}",
            )

    def wait_for_deliveries(self, destination: str = "%") -> None:
        """Wait until all reports and pictures were delivered, to one archive or to all; at once where there is none."""
        with self.plant.database() as connection:
            self.plant.wait_until(
                lambda: self.ledger.undelivered(connection, destination) == 0,
                lambda: f"{self.ledger.undelivered(connection, destination)} delivered; {self.plant.deliveries()}",
            )

    def row(self, order: str, fault: str) -> Row:
        """Draw the balance."""
        with self.plant.database() as connection:
            self.balance = self.ledger.balance(connection, self.plant.stack.store, self.plant.archives)
        longest = max(self.recoveries_seconds, default=0.0)
        lost, doubled = len(self.balance.lost), len(self.balance.doubled)
        found = self.balance.promised - lost
        failed = self.balance.states.get(State.FAILED, 0)
        return Row(order, fault, self.rounds, self.balance.promised, found, lost, doubled, failed, round(longest, 1))


@dataclass
class Plant:
    """A running stack with its fault points, and how many rounds a trial has.

    Attributes
    ----------
    is_long
        Whether this is ``make faults`` at default settings, or the short form of ``make test``.
    commitment_port
        Where the modality that asks for storage commitment is called back.
    longest_recovery_seconds
        What is stated in the README; a longer one fails.
    archives
        Where results go, by AE title.
    """

    stack: Stack
    modalities: Modalities
    faults: Path
    is_long: bool
    longest_recovery_seconds: float
    commitment_port: int
    archives: Mapping[str, Archive] = field(default_factory=dict)
    is_supervised: bool = True
    chance: random.Random = field(default_factory=lambda: random.Random(3))

    @contextmanager
    def trial(self, order: str, fault: str, failed_a_round: int = 0, *, is_kept: bool = True) -> Iterator[Trial]:
        """Try a fault; at the end nothing promised may be lost or doubled, nor failed but what had to."""
        trial = Trial(self)
        try:
            yield trial
        finally:
            self.disarm()
            self.settle()
            row = trial.row(order, fault)
            if self.is_long and is_kept:
                row.keep()
        assert trial.balance is not None
        assert (trial.balance.lost, trial.balance.doubled) == (frozenset(), frozenset()), trial.balance
        assert row.failed == failed_a_round * row.rounds
        assert row.promised > 0
        assert row.longest_recovery_seconds <= self.longest_recovery_seconds

    def sent(self, trial: Trial, count: int) -> list[Dataset]:
        """Send radiographs without any fault, and return them."""
        objects = radiographs(count)
        with trial.sending(count, objects=objects):
            trial.fault_is_over()
        trial.recover()
        return objects

    def wait_for_listener(self) -> None:
        """Wait until the listener takes connections."""
        port, host = self.stack.ports.listener, self.stack.ports.listener_host
        self.wait_until(lambda: not ports.is_free(port, host), "the listener listens")

    def rounds(self, short: int, long: int) -> int:
        """Return how many rounds this run has time for."""
        return long if self.is_long else short

    def arm(self, point: str, signal: str = "") -> None:
        """Let the next process that comes to a fault point die there."""
        (self.faults / point).write_text(signal)

    def was_hit(self, point: str) -> bool:
        """Whether a process came to the point."""
        return not (self.faults / point).exists()

    def disarm(self) -> None:
        """Let nobody die any more."""
        for order in self.faults.iterdir():
            order.unlink(missing_ok=True)

    def settle(self) -> None:
        """Start again at once whatever is dead, without the supervisor's pause, as if the fault had just ended."""
        for server in (self.stack.postgres, self.stack.redis):
            if not server.is_alive:
                server.start()
        if self.is_supervised:
            for process in self.stack.processes.values():
                if not process.is_alive:
                    process.start()

    def wait_until(self, is_so: Callable[[], bool], what: str | Callable[[], object]) -> None:
        """Wait until something is so, looking after the stack meanwhile as ``carpus up`` does."""
        deadline = time.monotonic() + 2 * self.longest_recovery_seconds
        while not is_so():
            if time.monotonic() > deadline:
                said = what if isinstance(what, str) else what()
                raise AssertionError(f"not within {2 * self.longest_recovery_seconds} s: {said}")
            self._look_after()
            time.sleep(POLL_SECONDS)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Stop a process of the stack while the block runs; the supervisor is not asked meanwhile."""
        process = self.stack.processes[name]
        process.stop()
        self.is_supervised = False
        try:
            yield
        finally:
            self.is_supervised = True
            process.start()

    def _look_after(self) -> None:
        if self.is_supervised:
            self.stack.look_after()

    def wait_until_dead(self, process: Process, point: str) -> None:
        """Wait until a process died at a fault point; the supervisor is not asked, so the test starts it again."""
        deadline = time.monotonic() + self.longest_recovery_seconds
        while process.is_alive:
            assert time.monotonic() < deadline, f"{process.name} did not come to {point}"
            time.sleep(POLL_SECONDS)
        assert self.was_hit(point)

    def pause(self, seconds: float) -> None:
        """Let a fault last, looking after the stack meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._look_after()
            time.sleep(POLL_SECONDS)

    def database(self) -> "psycopg.Connection":
        """Connect to the database as an administrator, each statement by itself."""
        url = make_url(self.stack.postgres.admin_url).set(drivername="postgresql", database=DATABASE)
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)

    @contextmanager
    def as_the_owner(self) -> Iterator[None]:
        """Let this process see the stack's settings, as a migration of its own would."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.stack.environment().items():
                patch.setenv(name, value)
            patch.setenv("CARPUS_DATABASE_URL", self.stack.postgres.url)
            forget_process_state()
            yield
            forget_process_state()

    def resources(self, name: str) -> Resources:
        """Return what a process of the stack holds."""
        ports = (self.stack.ports.postgres, self.stack.ports.redis)
        return Resources.of(self.stack.processes[name].pid, ports)

    def publish(self, queue: str, radiograph_ids: Sequence[int]) -> None:
        """Publish messages, as whoever comes by may."""
        with Celery(broker=self.stack.redis.url) as application:
            for radiograph_id in radiograph_ids:
                application.send_task(queue, args=[radiograph_id], queue=queue)

    def promised_ids(self, ledger: Ledger) -> list[int]:
        """Return the ids of the promised radiographs that have a row."""
        with self.database() as connection:
            rows = connection.execute(
                "SELECT id FROM radiograph WHERE sop_instance_uid = ANY(%s)", [ledger.uids()]
            ).fetchall()
        return [row[0] for row in rows]

    def has_a_database(self) -> bool:
        """Whether the database answers."""
        try:
            self.database().close()
        except psycopg.OperationalError:
            return False
        return True

    def states(self) -> object:
        """Return what is not at an end, for a message."""
        with self.database() as connection:
            return connection.execute(
                "SELECT state, attempts, count(*), max(state_reason) FROM radiograph"
                " WHERE ended_at IS NULL GROUP BY state, attempts"
            ).fetchall()

    def deliveries(self) -> object:
        """Return what is not delivered, for a message."""
        with self.database() as connection:
            return connection.execute(
                "SELECT destination, state, attempts, refusals, count(*), max(last_error) FROM delivery"
                " WHERE due_at IS NOT NULL GROUP BY destination, state, attempts, refusals"
            ).fetchall()
