"""What people and services ask of the database, over a million radiographs or ten: times, plans, and what indexes take.

The rows are those of :mod:`tests.bench.filled`, in a scratch server at the settings of the embedded one. Services' own
questions are their own functions, in transactions that are rolled back. What is timed is the median of three, after a
first time, as by whoever asks often; what writes to disk is not in it.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, event, text
from sqlalchemy.orm import Session

from carpus import embedded, ports
from db import deliveries, destinations, migrate, overdue, states, steps
from db.session import engine
from dicom_listener.retention import Retention
from dicom_listener.revision import insert_revision
from tests.bench import filled
from tests.conftest import forget_process_state
from tests.rows import DIGEST

RADIOGRAPHS, WHOLE = 1_000_000, 10_000_000
TIMES = 3
EXPLAIN = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF) "
KEPT_DAYS = 731  # the first third was purged by then

Ask = Callable[[Session], Any]

# By ids in the middle: a patient's radiographs, a radiograph's deliveries. Targets are in milliseconds.
VIEWS: dict[str, tuple[str, float | None]] = {
    "result of one patient": (
        "SELECT * FROM result WHERE patient_id_issuer = 'bench' AND patient_id = 'P-{patient}'",
        10,
    ),
    "result, the last ten": ("SELECT * FROM result ORDER BY assessed_at DESC LIMIT 10", 10),
    "worklist": ("SELECT * FROM worklist", 50),
    "latency": ("SELECT * FROM latency", 2000),
    "daily_throughput": ("SELECT * FROM daily_throughput", 2000),
    "gender_audit": ("SELECT * FROM gender_audit", 2000),
    "gender_audit_gap": ("SELECT * FROM gender_audit_gap", None),
    "drift": ("SELECT * FROM drift", None),
    "drift of eight weeks": ("SELECT * FROM drift WHERE week > now() - interval '8 weeks'", None),
    "deliveries of one radiograph": ("SELECT * FROM deliveries WHERE radiograph_id = {delivered}", 10),
}


def measure() -> Table:
    """Ask a million radiographs, each with a sampled read."""
    return _measure(RADIOGRAPHS, one_read_of=1)


def measure_whole() -> Table:
    """Ask ten million radiographs with a million sampled reads; 30 GB of disk, and half an hour or so."""
    return _measure(WHOLE, one_read_of=10)


def _measure(radiographs: int, one_read_of: int) -> Table:
    """Fill a scratch database, ask, print the plans, and return the times beside their targets."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    told = Table(f"{radiographs:,} radiographs", "rows", "ms", "target, ms", title="database")
    with _server() as server:
        started = perf_counter()
        filled.fill(
            server, radiographs, one_read_of, lambda words: console.print(f"{perf_counter() - started:7.1f} s  {words}")
        )
        uses = _uses()
        for name, (ask, target) in asked(radiographs).items():
            console.rule(name)
            rows, milliseconds = _asked(ask, console)
            told.add_row(name, f"{rows:,}", f"{milliseconds:,.1f}", f"{target:,.0f}" if target else "–")
        console.print(_indexes(uses))
    return told


def asked(radiographs: int) -> dict[str, tuple[Ask, float | None]]:
    """Return what is asked of so many radiographs, by name, each with its target in milliseconds."""
    return _of_views(radiographs) | _of_services(radiographs)


@contextmanager
def _server() -> Iterator[embedded.Postgres]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o755)  # the server is another user where we are root
        server = embedded.Postgres(Path(folder) / "postgres", ports.free_port())
        server.start()
        try:
            patch.setenv("CARPUS_DATABASE_URL", server.url)
            patch.setenv("CARPUS_BROKER_URL", "redis://127.0.0.1:1/0")
            patch.setenv("CARPUS_STORE", folder)
            forget_process_state()
            migrate.upgrade()
            yield server
        finally:
            forget_process_state()
            server.stop()


def _of_views(radiographs: int) -> dict[str, tuple[Ask, float | None]]:
    delivered = radiographs * 19 // 20 + 3  # of the newest tenth, and completed
    with Session(engine()) as session:
        wanted = text(f"SELECT substr(patient_id, 3) FROM radiograph WHERE id = {radiographs // 2}")
        names = {"patient": session.scalar(wanted), "delivered": delivered}

    def ask(query: str, session: Session) -> Any:
        return session.execute(text(query)).all()

    return {name: (partial(ask, query.format(**names)), target) for name, (query, target) in VIEWS.items()}


def _of_services(radiographs: int) -> dict[str, tuple[Ask, float | None]]:
    waiting = next(n for n in range(radiographs, 0, -1) if n % 4 == 0)  # RECEIVED
    retention = Retention(Path("/nowhere"), KEPT_DAYS)
    asks: dict[str, Ask] = {
        "listener: register a new object": partial(_register, "1.2.3"),
        "listener: register a new revision": lambda session: _register(_uid(session, radiographs // 2), session),
        "worker: claim": lambda session: states.claim(session, waiting, steps.READ, 60),
        "sweep: due times": lambda session: (overdue.mend_due_times(session), destinations.mend_due_times(session)),
        "sweep: claims that lapsed": lambda session: overdue.expire_claims(session, steps.READ),
        "sweep: attempts used up": lambda session: overdue.end_used_up(session, steps.READ),
        "sweep: how many wait": lambda session: overdue.waiting_count(session, steps.READ),
        "sweep: overdue": lambda session: overdue.take_overdue(session, steps.READ, 100),
        "sweep: deliveries that lapsed": deliveries.expire_claims,
        "sweep: deliveries that are due": lambda session: deliveries.due(session, 1000),
        "retention: a batch to purge": lambda _: list(retention._next_batch(KEPT_DAYS)),
        "doctor: is anybody at work": lambda session: steps.is_at_work(session, steps.READ),
    }
    return {name: (ask, 10) for name, ask in asks.items()}


def _uid(session: Session, radiograph_id: int) -> str:
    found = text("SELECT sop_instance_uid FROM radiograph WHERE id = :id")
    return str(session.scalar(found, {"id": radiograph_id}))


def _register(sop_instance_uid: str, session: Session) -> int | None:
    columns = {
        "sop_instance_uid": sop_instance_uid,
        "sha256": DIGEST,
        "size_bytes": 1000,
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "object_path": f"objects/00/{sop_instance_uid}.dcm",
        "due_at": text("now()"),
    }
    return insert_revision(session, columns)


def _asked(ask: Ask, console: Console) -> tuple[int, float]:
    """Ask again and again, print the plan of each statement, and return how many rows and milliseconds it is."""
    statements: list[tuple[str, Any]] = []

    def note(_: Connection, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        statements.append((statement, parameters))

    event.listen(engine(), "before_cursor_execute", note)
    try:
        answer, _ = _timed(ask)
    finally:
        event.remove(engine(), "before_cursor_execute", note)
    milliseconds = median(_timed(ask)[1] for _ in range(TIMES))
    with engine().connect() as connection:
        for statement, parameters in statements:
            for (line,) in connection.exec_driver_sql(EXPLAIN + statement, parameters):
                console.print(line)
        connection.rollback()
    return len(answer) if isinstance(answer, list) else 1, milliseconds


def _timed(ask: Ask) -> tuple[Any, float]:
    with Session(engine()) as session:
        session.connection()
        started = perf_counter()
        answer = ask(session)
        milliseconds = 1000 * (perf_counter() - started)
        session.rollback()
    return answer, milliseconds


def _uses() -> dict[str, int]:
    """Return how often each index was used, as connections tell when they close."""
    engine().dispose()
    sleep(1)
    with engine().connect() as connection:
        found = connection.execute(text("SELECT indexrelname, idx_scan FROM pg_stat_user_indexes"))
        return {row.indexrelname: row.idx_scan for row in found}


def _indexes(before: dict[str, int]) -> Table:
    """Return each index of a large table: its size, and how often what was asked used it."""
    sizes = text(
        "SELECT relname, indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes"
        " WHERE relname = ANY(:tables) ORDER BY relname, indexrelname"
    )
    table = Table("table", "index", "MB", "used")
    after = _uses()
    with engine().connect() as connection:
        for of, name, size_bytes in connection.execute(sizes, {"tables": list(filled.FILLED)}):
            table.add_row(of, name, f"{size_bytes / 1e6:,.0f}", f"{after[name] - before[name]:,}")
    return table
