"""What each day's radiographs came to and how long they took, by rows worked out by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from db.roles import Role
from db.session import transaction
from db.vocabulary import State
from tests.conftest import CarpusEnvironment
from tests.rows import add_assessment, add_model_version, add_radiograph

pytestmark = pytest.mark.usefixtures("carpus_env")

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAY = TODAY - timedelta(days=3)
A_DAY = timedelta(days=1)
SHADOW = "1" * 64


def came(session: Session, number: int, at: datetime, state: str = State.COMPLETED, **columns: Any) -> int:
    """Add a radiograph that came then and, where it has ended, ended two seconds later."""
    if State(state).is_end:
        columns = {"ended_at": at + timedelta(seconds=2), "due_at": None} | columns
    return add_radiograph(session, f"1.2.{number}", **{"state": state, "received_at": at} | columns)


def days(view: str) -> list[Any]:
    order = "day, engine" if view == "latency" else "day"
    with transaction() as session:
        return list(session.execute(text(f"SELECT * FROM {view} ORDER BY {order}")))


@pytest.mark.parametrize("view", ["latency", "daily_throughput"])
def test_an_empty_database_has_no_days(view: str) -> None:
    assert days(view) == []


def test_the_steps_of_a_day_are_what_one_reckons_by_hand() -> None:
    with transaction() as session:
        model = add_model_version(session)
        for number in range(3):
            ended = {"ended_at": DAY + timedelta(seconds=1 + number), "read_ms": 10.0 * (1 + number)}
            took = {f"{step}_ms": 100.0 * number for step in ("queue", "preprocess", "predict", "record")}
            add_assessment(session, came(session, number, DAY, **ended), model, **took)
    (row,) = days("latency")
    assert (row.day, row.engine, row.n) == (DAY, "test", 3)
    # Nineteen of twenty lies nine tenths of the way from the second to the third.
    assert (row.read_p50_ms, row.read_p95_ms) == (20.0, pytest.approx(29.0))
    for step in ("queue", "preprocess", "predict", "record"):
        assert (getattr(row, f"{step}_p50_ms"), getattr(row, f"{step}_p95_ms")) == (100.0, pytest.approx(190.0)), step
    assert (row.latency_p50_ms, row.latency_p95_ms) == (2000.0, pytest.approx(2900.0))


def test_of_one_radiograph_both_are_its_own_and_what_was_not_measured_is_unknown() -> None:
    with transaction() as session:
        add_assessment(session, came(session, 1, DAY), add_model_version(session), predict_ms=7.0)
    (row,) = days("latency")
    assert (row.n, row.predict_p50_ms, row.predict_p95_ms, row.read_p50_ms) == (1, 7.0, 7.0, None)


def test_each_day_and_engine_has_its_row_and_a_day_is_that_of_arrival() -> None:
    with transaction() as session:
        model = add_model_version(session)
        last_moment = DAY + A_DAY - timedelta(microseconds=1)
        add_assessment(session, came(session, 1, DAY), model)
        add_assessment(session, came(session, 2, last_moment), model)  # its result is of the next day
        add_assessment(session, came(session, 3, DAY), model, engine="other")
        add_assessment(session, came(session, 4, DAY + A_DAY), model)
    found = [(row.day, row.engine, row.n) for row in days("latency")]
    assert found == [(DAY, "other", 1), (DAY, "test", 2), (DAY + A_DAY, "test", 1)]
    assert [(row.day, row.n_received) for row in days("daily_throughput")] == [(DAY, 3), (DAY + A_DAY, 1)]


@pytest.mark.parametrize(("view", "shown"), [("latency", 31), ("daily_throughput", 366)])
@pytest.mark.parametrize("time_zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def test_so_many_days_are_shown_with_todays_and_all_of_the_first(view: str, shown: int, time_zone: str) -> None:
    first = TODAY - (shown - 1) * A_DAY
    with transaction() as session:
        model = add_model_version(session)
        for number, at in enumerate((first - timedelta(microseconds=1), first, TODAY)):
            add_assessment(session, came(session, number, at), model)
        session.execute(text(f"SET LOCAL timezone = '{time_zone}'"))
        found = session.scalars(text(f"SELECT day FROM {view} ORDER BY day")).all()
    assert found == [first, TODAY]


def test_a_shadow_the_superseded_and_the_imported_take_no_time() -> None:
    with transaction() as session:
        model, shadow = add_model_version(session), add_model_version(session, SHADOW)
        one = came(session, 1, DAY)
        add_assessment(session, one, model, predict_ms=5.0)
        add_assessment(session, one, shadow, predict_ms=900.0, is_shadow=True)
        twice = came(session, 2, DAY)
        add_assessment(session, twice, shadow, predict_ms=900.0, superseded_at=DAY)
        add_assessment(session, twice, model, predict_ms=5.0)
        gone = came(session, 3, DAY, superseded_at=DAY)
        add_assessment(session, gone, model, predict_ms=900.0, superseded_at=DAY)
        imported = came(session, 4, DAY, object_path="imported/0/one")
        add_assessment(session, imported, model, predict_ms=0.0, engine="imported")
        again = came(session, 5, DAY, State.READ)  # its object was damaged, and came again
        add_assessment(session, again, model, predict_ms=900.0)
    (row,) = days("latency")
    assert (row.n, row.predict_p50_ms, row.predict_p95_ms) == (2, 5.0, 5.0)


def test_what_came_is_what_ended_and_what_waits() -> None:
    waiting = [state for state in State if not state.is_end]
    states = [State.COMPLETED] * 5 + [State.REJECTED] * 4 + [State.FAILED] * 3 + [State.NOT_APPLICABLE] * 2 + waiting
    with transaction() as session:
        for number, state in enumerate(states):
            came(session, number, DAY, state)
    (row,) = days("daily_throughput")
    assert (row.day, row.n_received) == (DAY, 18)
    assert (row.n_completed, row.n_rejected, row.n_failed, row.n_not_applicable, row.n_waiting) == (5, 4, 3, 2, 4)
    assert row.n_to_review == 0


def test_what_needs_a_review_is_counted_once_and_as_the_result_says() -> None:
    reviewed = {"review_reasons": ["the hand is cut off", "hardly any contrast"]}
    with transaction() as session:
        model, shadow = add_model_version(session), add_model_version(session, SHADOW)
        add_assessment(session, came(session, 1, DAY), model, **reviewed)
        add_assessment(session, came(session, 2, DAY), model)
        beside = came(session, 3, DAY)
        add_assessment(session, beside, model)
        add_assessment(session, beside, shadow, is_shadow=True, **reviewed)
        twice = came(session, 4, DAY)
        add_assessment(session, twice, shadow, superseded_at=DAY, **reviewed)
        add_assessment(session, twice, model, **reviewed)
        again = came(session, 5, DAY, State.ASSESSING)
        add_assessment(session, again, model, **reviewed)
        shown = session.scalar(text("SELECT count(*) FROM result WHERE needs_review"))
    (row,) = days("daily_throughput")
    assert (row.n_received, row.n_completed, row.n_waiting, row.n_to_review) == (5, 4, 1, 2)
    assert row.n_to_review == shown


def test_the_superseded_and_the_imported_did_not_come() -> None:
    with transaction() as session:
        came(session, 1, DAY, superseded_at=DAY)
        came(session, 1, DAY, revision=2)
        came(session, 2, DAY, object_path="imported/0/two")
    (row,) = days("daily_throughput")
    assert (row.n_received, row.n_completed) == (1, 1)


@pytest.mark.parametrize("view", ["latency", "daily_throughput"])
@pytest.mark.parametrize("role", Role)
def test_every_role_sees_the_days(carpus_env: CarpusEnvironment, role: Role, view: str) -> None:
    with transaction() as session:
        add_assessment(session, came(session, 1, DAY), add_model_version(session))
    with psycopg.connect(carpus_env.servers.postgres.libpq_url_of(role)) as connection:
        assert len(connection.execute(f"SELECT * FROM {view}".encode()).fetchall()) == 1
