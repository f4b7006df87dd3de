"""Rows made, claimed and looked at again by the tests of the transitions and of what is overdue."""

from sqlalchemy import text, update

from db import states, steps
from db.session import transaction
from db.states import Claim
from db.steps import READ
from db.tables import Radiograph
from tests.rows import add_radiograph

LEASE_SECONDS = 60.0


def new_row(**columns: object) -> int:
    with transaction() as session:
        return add_radiograph(session, **columns)


def try_claim(radiograph_id: int, step: steps.Step = READ) -> Claim | None:
    with transaction() as session:
        return states.claim(session, radiograph_id, step, LEASE_SECONDS)


def claim_of(radiograph_id: int, step: steps.Step = READ) -> Claim:
    taken = try_claim(radiograph_id, step)
    assert taken is not None
    return taken


def row_of(radiograph_id: int) -> Radiograph:
    with transaction() as session:
        return session.get_one(Radiograph, radiograph_id)


def let_time_pass(radiograph_id: int) -> None:
    with transaction() as session:
        session.execute(
            update(Radiograph).where(Radiograph.id == radiograph_id).values(due_at=text("now() - interval '1 second'"))
        )
