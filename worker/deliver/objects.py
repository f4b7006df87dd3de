"""The objects of a claimed delivery, made anew from the row, the stored object and the standard radiograph.

Called by :mod:`deliver`. The same rows and files give the same objects, whenever and however often.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.dataset import Dataset
from sqlalchemy import text

from db import settings
from db.errors import TransientError
from db.session import transaction
from db.tables import Delivery, Radiograph
from db.vocabulary import ResultObject, ReviewReason
from worker import radiograph as standard
from worker.deliver import picture, report, secondary_capture
from worker.deliver.maker import Reference, Uids
from worker.deliver.report import Beside
from worker.deliver.result import Result
from worker.deliver.source import source_header
from worker.deliver.uids import object_uid
from worker.model_store import model_store
from worker.preprocess import Preprocessing
from worker.settings import limits
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
        return [Made(row, made[ResultObject(row.object)](row, facts, source)) for row in held]


def _facts(assessment_id: int) -> _Facts:
    with transaction() as session:
        row = session.execute(_RESULT, {"assessment_id": assessment_id}).mappings().one_or_none()
        if row is None:
            raise OutdatedResultError("its radiograph is being assessed again")
        result = Result.of(row)
        radiograph = session.get_one(Radiograph, result.radiograph_id)
        return _Facts(result, radiograph)


def _report(row: Delivery, facts: _Facts, source: Dataset) -> Dataset:
    shown = Uids.of(object_uid(facts.radiograph, facts.result.model_sha256, ResultObject.PICTURE))
    study = str(source.StudyInstanceUID)
    beside = Beside(Reference(secondary_capture.SOP_CLASS_UID, shown.instance, study, shown.series))
    if row.predecessor_uid is not None:
        before = Uids.of(row.predecessor_uid)
        beside = replace(beside, predecessor=Reference(report.SOP_CLASS_UID, before.instance, study, before.series))
    return report.make_report(facts.result, source, Uids.of(row.sop_instance_uid), beside, _laterality(facts))


def _picture(delivery: Delivery, facts: _Facts, source: Dataset) -> Dataset:
    row = facts.radiograph
    pixels = standard.load(settings.shared().store / str(row.standard_path), str(row.standard_sha256))
    drawn = picture.draw(facts.result, pixels, _bundle_folder(facts.result))
    uids = Uids.of(delivery.sop_instance_uid)
    return secondary_capture.make_picture(facts.result, drawn, source, uids, _laterality(facts))


def _bundle_folder(result: Result) -> Path:
    """Return the folder of the model that assessed, which only one that crops the hand by a network is asked for."""
    if Preprocessing.model_validate(result.model_preprocessing).crop_model is None:
        return Path()
    return model_store().fetch(result.model_sha256).folder


def _laterality(facts: _Facts) -> str | None:
    """Return the side that the header says, unless the hand appears to be another."""
    return None if ReviewReason.SIDE in facts.result.review_reasons else facts.radiograph.laterality
