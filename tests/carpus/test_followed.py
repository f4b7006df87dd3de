"""What is known of radiographs is stored as whoever enters reads; what is corrected is kept beside it."""

from sqlalchemy import select, text

from carpus import followed
from carpus.outgoing import Reference
from db.roles import Role
from db.session import transaction
from db.tables import ReferenceRead
from tests.conftest import CarpusEnvironment
from tests.rows import add_radiograph


def reads() -> list[tuple[str, float]]:
    with transaction() as session:
        found = (
            select(ReferenceRead.method, ReferenceRead.bone_age_months)
            .where(ReferenceRead.superseded_at.is_(None))
            .order_by(ReferenceRead.id)
        )
        return [tuple(row) for row in session.execute(found)]


def test_a_reference_is_noted_once_and_follows_its_reader(carpus_env: CarpusEnvironment) -> None:
    postgres = carpus_env.servers.postgres
    with transaction() as session:
        for uid in ("1.2.1", "1.2.2"):
            add_radiograph(session, uid)
        ended = {"state": "REJECTED", "due_at": None, "ended_at": text("now()"), "superseded_at": text("now()")}
        add_radiograph(session, "1.2.3", **ended)
    as_reads = postgres.libpq_url_of(Role.READS)
    first = {uid: Reference("A", "labels", 94.0) for uid in ("1.2.1", "1.2.2", "1.2.3")}
    followed.note_references(as_reads, first)
    followed.note_references(as_reads, first)
    assert reads() == [("labels", 94.0)] * 2

    followed.note_references(as_reads, {"1.2.1": Reference("A", "corrected", 95.0)})
    followed.note_references(as_reads, {"1.2.2": Reference("B", "another reader", 95.0)})
    assert reads() == [("labels", 94.0), ("corrected", 95.0), ("another reader", 95.0)]
