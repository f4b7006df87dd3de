"""A site's own radiographs with reads, by what its patients' hashes say that they are for.

Before it: radiographs came, were read, and `training.site_split` knows when the split was last renewed. After it:
`training.fine_tune`, and whoever decides whether there is enough to fine-tune with. Nothing is written.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Select, case, cast, column, func, select, table, text
from sqlalchemy.orm import Session

from db import settings
from db.session import transaction
from db.tables import ModelDecision, Radiograph, ReferenceRead
from db.vocabulary import DRAWN_READER, Decision, Sex
from training.cases import Case, Part
from training.site_split import JUDGED, part_of
from training.sources.database import case_of, check_bone_ages, patient_of, radiographs

LEARNED = "radiographs of this site with reads"
JUDGED_BY = "radiographs of this site with blinded reads that a reading list asked for"

_USES = (Decision.REFRESHED, Decision.REFUSED)  # in each a candidate was judged by the test part


@dataclass(frozen=True)
class SiteCounts:
    """How much a site has.

    Attributes
    ----------
    radiographs
        Of each sex in each part.
    unknown_sex
        Left out, for their sex is not known.
    not_counted
        Left out, for they are of patients for test or calibration, and none of their reads was sampled and blinded; or
        they came under another patient's ID before, as whose they may have been learned from.
    new_reads
        Entered since the last candidate was judged.
    uses
        Candidates that the present test part has judged.
    last_read_id
        Of all reads now; 0 without any.
    """

    radiographs: Mapping[Part, Mapping[Sex, int]]
    unknown_sex: int
    not_counted: int
    new_reads: int
    uses: int
    last_read_id: int


@dataclass(frozen=True)
class Site:
    """The radiographs of a site, in words for a card, too; no patient is in two parts."""

    parts: Mapping[Part, list[Case]]
    counts: SiteCounts
    description: str


@dataclass(frozen=True)
class _Decided:
    """What decisions about model versions say: when the split began, how often it was used, and up to which read."""

    split_began_at: datetime | None
    uses: int
    last_read_id: int


def open_site() -> Site:
    """Return the radiographs of the database and the store of the settings that have reads, by what they are for.

    Returns
    -------
    Site
        Of each SOP instance the current revision. For test and calibration the bone age is the mean of the reads that
        the view `reads` counts, each reader's latest that was sampled and blinded, and who has none is left out; for
        training and validation it is the mean of the reads that stand. It may be empty.

    Raises
    ------
    DataError
        Telling all radiographs whose mean is above 240 months.
    OutageError
        When the database does not answer.
    SettingsError
        When ``CARPUS_DATABASE_URL`` or its like is missing.
    """
    store = settings.shared().store
    with transaction() as session:
        # One state of the database for all that is asked, while readers go on.
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        decided = _decided(session)
        rows = session.execute(_radiographs()).all()
        last_read_id, new_reads = _reads(session, decided.last_read_id)
    parts: dict[Part, list[Case]] = {part: [] for part in Part}
    known, not_counted = [row for row in rows if Sex(row.patient_sex).is_known], 0
    for row in known:
        part = part_of(patient_of(row), row.arrived_at, decided.split_began_at)
        counted_months = None if row.is_of_another else row.counted_months
        bone_age_months = counted_months if part in JUDGED else row.bone_age_months
        if bone_age_months is None:
            not_counted += 1
        else:
            parts[part].append(case_of(row, bone_age_months, store))
    check_bone_ages([one for cases in parts.values() for one in cases])
    numbers = {part: Counter(one.sex for one in cases) for part, cases in parts.items()}
    counts = SiteCounts(numbers, len(rows) - len(known), not_counted, new_reads, decided.uses, last_read_id)
    return Site(parts, counts, _description(parts, counts))


def _radiographs() -> Select[Any]:
    """Return the query of radiographs, with the mean of counted reads and the patient's arrival beside them."""
    reads = table("reads", *(column(name) for name in ("radiograph_id", "reader", "bone_age_months", "is_counted")))
    counted = (
        select(reads.c.radiograph_id, func.avg(reads.c.bone_age_months).label("counted_months"))
        .where(reads.c.is_counted, reads.c.reader != DRAWN_READER)
        .group_by(reads.c.radiograph_id)
        .subquery("counted")
    )
    arrivals = _arrivals().subquery("arrivals")
    return (
        radiographs(counted.c.counted_months, arrivals.c.arrived_at, arrivals.c.is_of_another)
        .outerjoin(counted, counted.c.radiograph_id == Radiograph.id)
        .join(arrivals, arrivals.c.id == Radiograph.id)
    )


def _arrivals() -> Select[Any]:
    """Return the query of when the patient of each radiograph arrived, and whether it first came as another's.

    Both by all revisions: of the patient's radiographs, and of the radiograph.
    """
    has_id, separator = func.coalesce(Radiograph.patient_id, "") != "", "\x1f"
    named = func.coalesce(Radiograph.patient_id_issuer, "") + separator + Radiograph.patient_id
    patient = case((has_id, named), else_=Radiograph.sop_instance_uid)  # as `patient_of` tells patients apart
    arrived_at = func.min(Radiograph.received_at).over(partition_by=patient)
    first, last = (of(patient).over(partition_by=Radiograph.sop_instance_uid) for of in (func.min, func.max))
    columns: tuple[Any, ...] = Radiograph.id, arrived_at.label("arrived_at"), (first != last).label("is_of_another")
    return select(*columns)


def _decided(session: Session) -> _Decided:
    """Return what the decisions say, in the order in which they were made."""
    decision, number = ModelDecision.decision, ModelDecision.id
    renewal = select(ModelDecision).where(decision == Decision.NEW_SPLIT).order_by(number.desc()).limit(1)
    renewed = session.scalars(renewal).one_or_none()
    judged = select(func.count()).where(decision.in_(_USES), number > (renewed.id if renewed else 0))
    last_read_id = cast(ModelDecision.figures["last_read_id"].astext, BigInteger)
    last = select(last_read_id).where(decision.in_(_USES)).order_by(number.desc()).limit(1)
    return _Decided(
        renewed.decided_at if renewed else None, session.scalars(judged).one(), session.scalars(last).first() or 0
    )


def _reads(session: Session, last_read_id: int) -> tuple[int, int]:
    """Return the id of the latest read of a reader, and how many came after another."""
    is_new = ReferenceRead.id > last_read_id
    asked = select(func.max(ReferenceRead.id), func.count().filter(is_new)).where(ReferenceRead.reader != DRAWN_READER)
    latest, new = session.execute(asked).one()
    return latest or 0, new


def _description(parts: Mapping[Part, list[Case]], counts: SiteCounts) -> str:
    shares = ", ".join(f"{len(cases):,} for {part}" for part, cases in parts.items())
    left_out = (
        f"; {number:,} {why} left out"
        for number, why in (
            (counts.unknown_sex, "of unknown sex"),
            (counts.not_counted, "for test or calibration without a blinded read that a reading list asked for"),
        )
        if number
    )
    return f"{sum(map(len, parts.values())):,} {LEARNED}: {shares}{''.join(left_out)}"
