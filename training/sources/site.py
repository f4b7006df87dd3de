"""A site's own radiographs with reads, by what its patients' hashes say that they are for.

Before it: radiographs came, were read, and `training.site_split` knows when the split was last renewed. After it:
`training.fine_tune`, and whoever decides whether there is enough to fine-tune with. Nothing is written.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Select,
    and_,
    any_,
    case,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.orm import Session

from db import settings
from db.session import transaction
from db.tables import ModelDecision, Radiograph, ReferenceRead
from db.vocabulary import DRAWN_READER, Decision, Sex
from training.cases import MAX_BONE_AGE_MONTHS, Case, Part
from training.site_split import JUDGED, part_of
from training.sources.database import case_of, patient_of, radiographs

UNKNOWN_SEX = "of unknown sex"
NOT_COUNTED = (
    "for test or calibration without a blinded read that a reading list asked for, or of a patient who came as another"
)
TOO_OLD = f"read as older than {MAX_BONE_AGE_MONTHS:.0f} months"
NOT_THERE = "whose standard radiograph is missing"
TWINS = "whose picture came under another patient, too"

LEARNED = "radiographs of this site with reads"
JUDGED_BY = "radiographs of this site with blinded reads that a reading list asked for"

# In each a candidate was judged by the test part, where there was one.
_USES = (Decision.REFRESHED, Decision.REFUSED, Decision.NOT_ENOUGH_DATA)


@dataclass(frozen=True)
class SiteCounts:
    """How much a site has.

    Attributes
    ----------
    radiographs
        Of each sex in each part.
    left_out
        How many are, by the reason.
    new_reads
        Of radiographs to learn from, entered since the last candidate was judged.
    uses
        Candidates that the present test part has judged.
    last_read_id
        Of all reads now; 0 without any.
    """

    radiographs: Mapping[Part, Mapping[Sex, int]]
    left_out: Mapping[str, int]
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
        placed = _Placed(store, decided.split_began_at)
        for row in session.execute(_radiographs()).all():
            placed.place(row)
        last_read_id, new_reads = _reads(session, decided.last_read_id, placed.learned())
    parts = placed.without_twins()
    numbers = {part: Counter(one.sex for one in cases) for part, cases in parts.items()}
    counts = SiteCounts(numbers, placed.left_out, new_reads, decided.uses, last_read_id)
    return Site(parts, counts, _description(parts, counts))


class _Placed:
    """Radiographs by what they are for; one that cannot be used is left out, and counted by the reason.

    Parameters
    ----------
    store
        Where the standard radiographs lie.
    split_began_at
        When the split was last renewed.
    """

    def __init__(self, store: Path, split_began_at: datetime | None) -> None:
        self.left_out = Counter[str]()
        self._store, self._split_began_at = store, split_began_at
        self._rows: dict[Part, list[tuple[Any, Case]]] = {part: [] for part in Part}

    def place(self, row: Any) -> None:
        """Place a row of the query, or leave it out."""
        # Of the ID alone: an issuer may begin to be sent, and would move everybody. Two who share an ID go together.
        patient = patient_of(row)
        part = part_of(patient, row.arrived_at, self._split_began_at)
        counted_months = None if row.is_of_another else row.counted_months
        bone_age_months = counted_months if part in JUDGED else row.bone_age_months
        if not Sex(row.patient_sex).is_known:
            self.left_out[UNKNOWN_SEX] += 1
        elif bone_age_months is None:
            self.left_out[NOT_COUNTED] += 1
        elif bone_age_months > MAX_BONE_AGE_MONTHS:
            self.left_out[TOO_OLD] += 1
        elif not (self._store / row.standard_path).is_file():
            self.left_out[NOT_THERE] += 1
        else:
            self._rows[part].append((row, case_of(row, bone_age_months, self._store, patient)))

    def learned(self) -> list[int]:
        """Return the ids of the radiographs that are learned from or watched."""
        return [row.id for part in (Part.TRAINING, Part.VALIDATION) for row, _ in self._rows[part]]

    def without_twins(self) -> dict[Part, list[Case]]:
        """Return the cases; of one picture under several patients the first is kept, and learned from before all."""
        owners = dict[str, str]()
        parts: dict[Part, list[Case]] = {part: [] for part in Part}
        for part, rows in self._rows.items():
            for row, one in rows:
                if owners.setdefault(row.standard_sha256, one.patient) == one.patient:
                    parts[part].append(one)
                else:
                    self.left_out[TWINS] += 1
        return parts


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
    """Return the query of when the patient of each radiograph arrived, and whether she may have come as another.

    Both by all revisions. Of a patient with a radiograph that has been another's nobody knows as whom it was learned
    from, so that none of hers judges.
    """
    study = func.coalesce(Radiograph.study_instance_uid, Radiograph.sop_instance_uid)
    has_id = func.coalesce(Radiograph.patient_id, "") != ""
    patient = case((has_id, "ID " + Radiograph.patient_id), else_="study " + study)  # as `patient_of` tells them apart
    first, last = (of(patient).over(partition_by=Radiograph.sop_instance_uid) for of in (func.min, func.max))
    columns: tuple[Any, ...] = Radiograph.id, Radiograph.received_at, patient.label("patient")
    known = select(*columns, (first != last).label("is_moved")).subquery("known")
    arrived_at = func.min(known.c.received_at).over(partition_by=known.c.patient)
    is_of_another = func.bool_or(known.c.is_moved).over(partition_by=known.c.patient)
    return select(known.c.id, arrived_at.label("arrived_at"), is_of_another.label("is_of_another"))


def _decided(session: Session) -> _Decided:
    """Return what the decisions say, in the order in which they were made."""
    decision, number = ModelDecision.decision, ModelDecision.id
    renewal = select(ModelDecision).where(decision == Decision.NEW_SPLIT).order_by(number.desc()).limit(1)
    renewed = session.scalars(renewal).one_or_none()
    is_use = and_(
        decision.in_(_USES), or_(ModelDecision.model_version_id.is_not(None), decision != Decision.NOT_ENOUGH_DATA)
    )
    judged = select(func.count()).where(is_use, number > (renewed.id if renewed else 0))
    last_read_id = cast(ModelDecision.figures["last_read_id"].astext, BigInteger)
    last = select(last_read_id).where(is_use).order_by(number.desc()).limit(1)
    return _Decided(
        renewed.decided_at if renewed else None, session.scalars(judged).one(), session.scalars(last).first() or 0
    )


def _reads(session: Session, last_read_id: int, learned: list[int]) -> tuple[int, int]:
    """Return the id of the latest read of a reader, and how many of radiographs to learn from came after another."""
    is_learned = ReferenceRead.radiograph_id == any_(literal(learned, ARRAY(BigInteger)))
    is_new = and_(ReferenceRead.id > last_read_id, is_learned, ReferenceRead.superseded_at.is_(None))
    asked = select(func.max(ReferenceRead.id), func.count().filter(is_new)).where(ReferenceRead.reader != DRAWN_READER)
    latest, new = session.execute(asked).one()
    return latest or 0, new


def _description(parts: Mapping[Part, list[Case]], counts: SiteCounts) -> str:
    shares = ", ".join(f"{len(cases):,} for {part}" for part, cases in parts.items())
    left_out = (f"; left out: {number:,} {reason}" for reason, number in sorted(counts.left_out.items()))
    return f"{sum(map(len, parts.values())):,} {LEARNED}: {shares}{''.join(left_out)}"
