"""Each transition of a delivery, and who may make it."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, text, update

from db import commitment_report, deliveries, destinations
from db.destinations import Patience
from db.session import transaction
from db.tables import Assessment, Delivery
from db.vocabulary import DeliveryState, ResultObject
from tests.rows import add_assessment, add_model_version, add_radiograph

pytestmark = pytest.mark.usefixtures("carpus_env")

UIDS = {ResultObject.REPORT: "2.25.1", ResultObject.PICTURE: "2.25.2"}
LEASE = 60.0


@pytest.fixture
def assessment(carpus_env: object) -> int:
    with transaction() as session:
        ended = {"state": "COMPLETED", "due_at": None, "ended_at": func.now()}
        return add_assessment(session, add_radiograph(session, **ended), add_model_version(session), stage="child")


def plan(assessment_id: int, *destinations: str) -> list[int]:
    with transaction() as session:
        return deliveries.plan(session, assessment_id, UIDS, destinations)


def claim(delivery_id: int) -> list[Delivery]:
    with transaction() as session:
        return deliveries.claim(session, delivery_id, LEASE)


def rows() -> dict[tuple[str, str], Delivery]:
    with transaction() as session:
        return {(row.destination, row.object): row for row in session.query(Delivery)}


def states() -> list[str]:
    return sorted(row.state for row in rows().values())


def away(held: Sequence[Delivery], days: float = 7) -> int:
    with transaction() as session:
        return destinations.away(session, held, "nobody answers", Patience(30, 60, days))


def test_each_object_goes_to_each_destination_once(assessment: int) -> None:
    first = plan(assessment, "A", "B")
    assert len(first) == 2  # a message for each destination
    assert plan(assessment, "A", "B") == []
    assert len(plan(assessment, "A", "B", "C")) == 1
    assert set(rows()) == {(to, kind) for to in "ABC" for kind in ("report", "picture")}


def test_nothing_is_planned_without_destinations(assessment: int) -> None:
    assert plan(assessment) == []
    assert rows() == {}


def test_a_claim_takes_both_objects_of_its_destination_the_report_first(assessment: int) -> None:
    (a, b) = plan(assessment, "A", "B")
    held = claim(a)
    assert [(row.object, row.attempts) for row in held] == [("report", 1), ("picture", 1)]
    assert len({row.destination for row in held}) == 1
    assert claim(a) == []
    assert len(claim(b)) == 2


def test_what_a_later_assessment_has_outdated_is_withdrawn(assessment: int) -> None:
    (a,) = plan(assessment, "A")
    with transaction() as session:
        session.execute(update(Assessment).values(superseded_at=func.now()))
    assert claim(a) == []
    assert {(row.state, row.due_at) for row in rows().values()} == {("WITHDRAWN", None)}


def test_a_refusal_is_charged_and_the_last_one_ends_it(assessment: int) -> None:
    (a,) = plan(assessment, "A")
    seen = []
    for _ in range(3):
        with transaction() as session:
            session.execute(text("UPDATE delivery SET due_at = now() WHERE due_at IS NOT NULL"))
        held = claim(a)
        with transaction() as session:
            seen.append(deliveries.refused(session, held[0], "it answered status 0xA900", 5))
            for row in held[1:]:
                deliveries.delivered(session, row.id)
    assert seen == [DeliveryState.WAITING, DeliveryState.WAITING, DeliveryState.FAILED]
    row = rows()["A", "report"]
    assert (row.state, row.refusals, row.due_at) == ("FAILED", 3, None)
    with transaction() as session:
        told = session.execute(text("SELECT needs_person, state_reason FROM worklist")).all()
    assert told == [(True, "the report was not delivered to A: it answered status 0xA900")]


def test_who_lost_its_claim_charges_nothing(assessment: int) -> None:
    (a,) = plan(assessment, "A")
    held = claim(a)
    with transaction() as session:
        session.execute(text("UPDATE delivery SET due_at = now() - interval '1 second'"))
    again = claim(a)  # the lease is over
    assert [row.attempts for row in again] == [2, 2]
    with transaction() as session:
        assert deliveries.refused(session, held[0], "late", 5) is None
    away(held)
    assert {(row.state, row.refusals, row.last_error) for row in rows().values()} == {("SENDING", 0, None)}


def test_a_success_counts_whoever_has_the_row_by_now(assessment: int) -> None:
    (a,) = plan(assessment, "A")
    held = claim(a)
    with transaction() as session:
        session.execute(text("UPDATE delivery SET due_at = now() - interval '1 second'"))
    claim(a)
    with transaction() as session:
        deliveries.delivered(session, held[0].id)
    assert rows()["A", "report"].state == "DELIVERED"


def test_a_destination_that_is_away_postpones_all_that_waits_for_it_and_nothing_else(assessment: int) -> None:
    with transaction() as session:
        other = add_assessment(
            session,
            add_radiograph(session, "1.2.4", state="COMPLETED", due_at=None, ended_at=func.now()),
            1,
        )
    (a, _) = plan(assessment, "A", "B")
    plan(other, "A")
    held = claim(a)
    assert away(held) == 0
    with transaction() as session:
        found = session.execute(
            text("SELECT destination, state, refusals, due_at > now() + interval '20 s' AS is_later FROM delivery")
        ).all()
    assert {tuple(row) for row in found if row.destination == held[0].destination} == {
        (held[0].destination, "WAITING", 0, True)
    }
    assert {tuple(row)[1:] for row in found if row.destination != held[0].destination} == {("WAITING", 0, False)}
    assert claim(a) == []  # not due
    with transaction() as session:
        assert destinations.reached(session, held[0].destination) == 4
    assert len(claim(a)) == 2


def test_a_destination_that_stays_away_is_given_up_after_days(assessment: int) -> None:
    (a,) = plan(assessment, "A")
    with transaction() as session:
        session.execute(update(Delivery).values(planned_at=func.now() - timedelta(days=8)))
    assert away(claim(a)) == 2
    assert states() == ["FAILED", "FAILED"]
    with transaction() as session:
        assert deliveries.retry(session, [a]) == 1
    assert states() == ["FAILED", "WAITING"]
    assert away(claim(a)) == 0  # it has its days again


def test_the_wait_for_a_destination_doubles_whichever_row_is_tried(assessment: int) -> None:
    def wait_seconds() -> list[float]:
        with transaction() as session:
            found = session.scalars(text("SELECT extract(epoch FROM due_at - now()) FROM delivery ORDER BY id"))
            return [round(float(one), -1) for one in found]

    def due() -> None:
        with transaction() as session:
            session.execute(text("UPDATE delivery SET due_at = now()"))

    with transaction() as session:
        fresh = add_radiograph(session, "1.2.4", state="COMPLETED", due_at=None, ended_at=func.now())
        other = add_assessment(session, fresh, 1)
    (a,), (b,) = plan(assessment, "A"), plan(other, "A")
    away(claim(a))
    assert wait_seconds() == [30.0] * 4
    due()
    away(claim(b))  # its first attempt, and the destination's second
    assert wait_seconds() == [30.0] * 4
    due()
    away(claim(a))
    assert wait_seconds() == [60.0] * 4
    due()
    away(claim(b))
    assert wait_seconds() == [60.0] * 4


def test_what_waits_already_for_a_destination_that_is_away_is_left(assessment: int) -> None:
    (a,) = plan(assessment, "A")
    held = claim(a)
    away(held[:1])
    with transaction() as session:
        before = session.scalar(text("SELECT due_at FROM delivery WHERE state = 'WAITING'"))
    away(held[1:])
    with transaction() as session:
        assert session.scalar(text("SELECT min(due_at) FROM delivery")) == before


def test_what_ended_without_arriving_is_planned_anew_where_the_result_is_one_again(assessment: int) -> None:
    (a,) = plan(assessment, "A")
    with transaction() as session:
        session.execute(text("UPDATE delivery SET state = 'FAILED', due_at = NULL, refusals = 0 WHERE id = 1"))
        session.execute(text("UPDATE delivery SET state = 'WITHDRAWN', due_at = NULL WHERE id = 2"))
    assert len(plan(assessment, "A")) == 1
    assert states() == ["WAITING", "WAITING"]
    assert len(claim(a)) == 2


@pytest.mark.parametrize(
    ("state", "study", "is_named"),
    [
        ("DELIVERED", "2.25.5", True),
        ("SENDING", "2.25.5", True),
        ("WITHDRAWN", "2.25.5", False),
        ("DELIVERED", "2.25.6", False),
    ],
)
def test_a_report_replaces_the_last_one_in_its_study_that_may_be_there(state: str, study: str, is_named: bool) -> None:
    ended = {"state": "COMPLETED", "due_at": None, "ended_at": func.now()}
    with transaction() as session:
        model = add_model_version(session)
        first = add_radiograph(session, study_instance_uid="2.25.5", superseded_at=func.now(), **ended)
        old = add_assessment(session, first, model, superseded_at=func.now())
        deliveries.plan(session, old, {ResultObject.REPORT: "2.25.10", ResultObject.PICTURE: "2.25.11"}, ["A"])
        columns = {
            "DELIVERED": "delivered_at = now(), due_at = NULL",
            "SENDING": "attempts = 1",
            "WITHDRAWN": "due_at = NULL",
        }
        session.execute(text(f"UPDATE delivery SET state = '{state}', {columns[state]}"))
        second = add_radiograph(session, revision=2, sha256="1" * 64, study_instance_uid=study, **ended)
        new = add_assessment(session, second, model)
        deliveries.plan(session, new, UIDS, ["A", "B"])
    later = [row for row in rows().values() if row.assessment_id == new]
    named = {(row.object, row.predecessor_uid) for row in later}
    assert named == {("report", "2.25.10" if is_named else None), ("picture", None)}


def test_what_is_being_sent_is_not_put_back_by_hand(assessment: int) -> None:
    (a,) = plan(assessment, "A")
    claim(a)
    with transaction() as session:
        assert deliveries.retry(session, [a]) == 0


def test_what_died_while_sending_waits_again_and_is_published_once_for_both_objects(assessment: int) -> None:
    (a,) = plan(assessment, "A")
    claim(a)
    with transaction() as session:
        assert deliveries.is_at_work(session)
        assert deliveries.due(session, 10) == []
        session.execute(text("UPDATE delivery SET due_at = now() - interval '1 second'"))
        assert not deliveries.is_at_work(session)
        assert deliveries.expire_claims(session) == 2
        assert len(deliveries.due(session, 10)) == 1
    assert len(claim(a)) == 2


def test_a_commitment_is_noted_by_its_transaction_alone(assessment: int) -> None:
    (a,) = plan(assessment, "A")
    held = claim(a)
    with transaction() as session:
        for row in held:
            deliveries.delivered(session, row.id)
        commitment_report.note_asked(session, [row.id for row in held], "2.25.77")
        assert commitment_report.committed(session, "2.25.78", list(UIDS.values())) == 0
        assert commitment_report.committed(session, "2.25.77", ["2.25.1", "2.25.99"]) == 1
        assert commitment_report.committed(session, "2.25.77", ["2.25.1"]) == 0  # a report that comes twice
        assert (
            commitment_report.not_committed(session, "2.25.77", {"2.25.1": "no", "2.25.2": "it does not keep it"}, 60)
            == 1
        )
    found = rows()
    assert found["A", "report"].committed_at is not None
    assert (found["A", "picture"].state, found["A", "picture"].refusals) == ("WAITING", 1)


def test_the_view_tells_how_far_each_object_got(assessment: int) -> None:
    (a,) = plan(assessment, "A")
    held = claim(a)
    with transaction() as session:
        deliveries.delivered(session, held[0].id)
        told = session.execute(
            text("SELECT radiograph_id, destination, object, state, attempts, is_commitment_asked FROM deliveries")
        ).all()
    assert sorted(map(tuple, told)) == [
        (1, "A", "picture", "SENDING", 1, False),
        (1, "A", "report", "DELIVERED", 1, False),
    ]


def _due_in_seconds() -> dict[str, float]:
    with transaction() as session:
        due = text("SELECT destination, extract(epoch FROM max(due_at) - clock_timestamp()) FROM delivery GROUP BY 1")
        return {destination: float(seconds) for destination, seconds in session.execute(due)}


def test_a_clock_set_back_prolongs_no_claim_and_no_wait_for_a_destination(assessment: int) -> None:
    def mended() -> int:
        with transaction() as session:
            return destinations.mend_due_times(session)

    held, waiting, refused = plan(assessment, "HELD", "WAITS", "REFUSED")
    claim(held)
    away(claim(waiting))
    with transaction() as session:
        for row in deliveries.claim(session, refused, LEASE):
            deliveries.refused(session, row, "0xC000", 500)
    assert mended() == 0
    with transaction() as session:
        session.execute(text("UPDATE delivery SET due_at = due_at + interval '1 hour'"))
    assert [mended(), mended()] == [4, 0]
    found = _due_in_seconds()
    assert 95 < found["HELD"] <= deliveries.LEASE_SECONDS
    assert 55 < found["WAITS"] <= destinations.LONGEST_WAIT_SECONDS
    assert found["REFUSED"] > 4000
