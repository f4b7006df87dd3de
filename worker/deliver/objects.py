"""The objects of a claimed delivery, made anew from the row, the stored object and the standard radiograph.

Called by :mod:`deliver`. The same rows and files give the same objects, whenever and however often.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from sqlalchemy import select, text
from sqlalchemy.orm import Session, aliased

from db import settings
from db.errors import TransientError
from db.session import transaction
from db.tables import Assessment, Delivery, Radiograph
from db.vocabulary import ResultObject, ReviewReason
from worker import radiograph as standard
from worker.deliver import picture, report, secondary_capture
from worker.deliver.maker import Reference, Uids
from worker.deliver.report import Beside
from worker.deliver.result import Result
from worker.deliver.source import source_header
from worker.deliver.uids import object_uid
from worker.settings import limits, worker
from worker.store_outage import told_apart

_RESULT = text("SELECT * FROM result WHERE assessment_id = :assessment_id")


class OutdatedResultError(TransientError):
    """The assessment is no result at present: its radiograph is on its way again, or a later one came just now."""


@dataclass(frozen=True)
class Made:
    """An object to be sent, and its row."""

    row: Delivery
    dataset: Dataset


@dataclass(frozen=True)
class _Facts:
    """All that objects are made of that is in the database."""

    result: Result
    radiograph: Radiograph
    predecessor: Reference | None


def make(held: Sequence[Delivery]) -> list[Made]:
    """Make the objects of deliveries of one assessment.

    Parameters
    ----------
    held
        The rows, claimed.

    Raises
    ------
    OutdatedResultError
        When there is no such result at present.
    OutageError
        When the store or the database is away.
    CarpusError
        When the files cannot be read.
    """
    facts = _facts(held[0].assessment_id)
    store = settings.shared().store
    made = {ResultObject.REPORT: _report, ResultObject.PICTURE: _picture}
    with told_apart(store):
        source = source_header(store / facts.radiograph.object_path, limits())
        return [Made(row, made[ResultObject(row.object)](facts, source)) for row in held]


def _facts(assessment_id: int) -> _Facts:
    with transaction() as session:
        row = session.execute(_RESULT, {"assessment_id": assessment_id}).mappings().one_or_none()
        if row is None:
            raise OutdatedResultError("its radiograph is being assessed again")
        result = Result.of(row)
        radiograph = session.get_one(Radiograph, result.radiograph_id)
        return _Facts(result, radiograph, _predecessor(session, assessment_id, radiograph))


def _predecessor(session: Session, assessment_id: int, radiograph: Radiograph) -> Reference | None:
    """Return the last report that was delivered of an earlier assessment of the same SOP instance, if there was one."""
    earlier = aliased(Radiograph)
    found = session.execute(
        select(Delivery.sop_instance_uid, earlier.study_instance_uid)
        .join(Assessment, Assessment.id == Delivery.assessment_id)
        .join(earlier, earlier.id == Assessment.radiograph_id)
        .where(
            earlier.sop_instance_uid == radiograph.sop_instance_uid,
            Assessment.id < assessment_id,
            Delivery.object == ResultObject.REPORT,
            Delivery.delivered_at.is_not(None),
        )
        .order_by(Assessment.id.desc())
        .limit(1)
    ).one_or_none()
    if found is None or found.study_instance_uid is None:
        return None
    uids = Uids.of(found.sop_instance_uid)
    return Reference(report.SOP_CLASS_UID, uids.instance, found.study_instance_uid, uids.series)


def _uids(facts: _Facts, kind: ResultObject) -> Uids:
    radiograph = facts.radiograph
    return Uids.of(object_uid(radiograph, facts.result.model_sha256, kind))


def _report(facts: _Facts, source: Dataset) -> Dataset:
    shown = _uids(facts, ResultObject.PICTURE)
    seen = Reference(secondary_capture.SOP_CLASS_UID, shown.instance, source.StudyInstanceUID, shown.series)
    uids = _uids(facts, ResultObject.REPORT)
    return report.make_report(facts.result, source, uids, Beside(seen, facts.predecessor), _laterality(facts))


def _picture(facts: _Facts, source: Dataset) -> Dataset:
    row = facts.radiograph
    pixels = standard.load(settings.shared().store / str(row.standard_path), str(row.standard_sha256))
    drawn = picture.draw(facts.result, pixels, worker().bundle)
    uids = _uids(facts, ResultObject.PICTURE)
    return secondary_capture.make_picture(facts.result, drawn, source, uids, _laterality(facts))


def _laterality(facts: _Facts) -> str | None:
    """Return the side that the header says, unless the hand appears to be another."""
    return None if ReviewReason.SIDE in facts.result.review_reasons else facts.radiograph.laterality
