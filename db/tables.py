"""The tables. What people query are the views beside them (``views/``), what changes a row's state is ``states``."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.vocabulary import AgeSource, CalibratedOn, Sex, Stage, State

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
MAX_BONE_AGE_MONTHS = 300  # far above a mature hand (228); a network's answer is clipped to it
MAX_CHRONOLOGICAL_AGE_MONTHS = 1560  # 130 years
_ENDS = ", ".join(f"'{state}'" for state in State if state.is_end)
_SHA256 = "'^[0-9a-f]{64}$'"
_NOT_NEGATIVE = ("queue_ms", "preprocess_ms", "predict_ms", "record_ms", "heat_map_peak_months")
_STAGE_PROBABILITIES = tuple(f"stage_probability_{stage}" for stage in Stage)
_UID = "'^[0-9]+([.][0-9]+)*$'"  # PS3.5 section 9.1


class Base(DeclarativeBase):
    """Root of the tables: text without length, times in UTC, named constraints."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {str: Text, datetime: TIMESTAMP(timezone=True), dict[str, Any]: JSONB}


def _one_of(column: str, vocabulary: type[StrEnum]) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in vocabulary)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def _between(column: str, low: float, high: float) -> CheckConstraint:
    return CheckConstraint(f"{column} BETWEEN {low} AND {high}", name=column)


class Radiograph(Base):
    """One stored object: a SOP instance in one revision, with its way through the states."""

    __tablename__ = "radiograph"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    sop_instance_uid: Mapped[str]
    revision: Mapped[int] = mapped_column(
        comment="1 for the first bytes sent under this UID, 2 for the next other ones"
    )
    sha256: Mapped[str] = mapped_column(comment="of the data set as received, without the file's header")
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    transfer_syntax_uid: Mapped[str]
    object_path: Mapped[str] = mapped_column(comment="the stored object, relative to the store")
    sop_class_uid: Mapped[str | None]
    study_instance_uid: Mapped[str | None]
    series_instance_uid: Mapped[str | None]
    accession_number: Mapped[str | None]
    patient_id_issuer: Mapped[str | None] = mapped_column(comment="IssuerOfPatientID, else the site's setting")
    patient_id: Mapped[str | None]
    patient_sex: Mapped[str] = mapped_column(server_default=Sex.MISSING)
    chronological_age_months: Mapped[float | None]
    chronological_age_source: Mapped[str | None]
    modality: Mapped[str | None]
    calling_ae_title: Mapped[str | None]

    state: Mapped[str] = mapped_column(server_default=State.RECEIVED)
    state_reason: Mapped[str | None] = mapped_column(comment="why it ended as it did, or why the last attempt failed")
    attempts: Mapped[int] = mapped_column(
        server_default=text("0"), comment="of the present step, as far as they are charged"
    )
    claims: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0"), comment="ever taken, never counted back: the last one's token"
    )
    due_at: Mapped[datetime | None] = mapped_column(
        comment="waiting: the message is presumed lost after this; working: the claim lapses; ended: NULL"
    )
    due_set_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="when due_at was set: later than now where the clock was set back since"
    )
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    waiting_since: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="when it began to wait, or last waited, for a step"
    )
    ended_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None] = mapped_column(comment="when a later revision of the SOP instance came")
    committed_at: Mapped[datetime | None] = mapped_column(
        comment="when a storage commitment took custody of the stored object, which is never purged then"
    )
    purged_at: Mapped[datetime | None] = mapped_column(comment="when retention removed the stored object")

    standard_path: Mapped[str | None] = mapped_column(comment="the standard radiograph, relative to the store")
    standard_sha256: Mapped[str | None]
    reads: Mapped[int] = mapped_column(server_default=text("0"), comment="how often a standard radiograph was made")
    read_ms: Mapped[float | None] = mapped_column(comment="of the last time")

    @property
    def standard_file(self) -> str:
        """Where its standard radiograph is made, relative to the store, before and after ``standard_path`` says so."""
        return f"standard/{self.sha256[:2]}/{self.sop_instance_uid}.{self.revision}.npy"

    __table_args__ = (
        UniqueConstraint("sop_instance_uid", "revision"),
        CheckConstraint(f"sop_instance_uid ~ {_UID} AND length(sop_instance_uid) <= 64", name="sop_instance_uid"),
        CheckConstraint("revision >= 1", name="revision"),
        CheckConstraint("size_bytes > 0", name="size_bytes"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("claims >= 0", name="claims"),
        CheckConstraint("reads >= 0", name="reads"),
        CheckConstraint("read_ms >= 0", name="read_ms"),
        CheckConstraint(f"sha256 ~ {_SHA256}", name="sha256"),
        CheckConstraint(f"standard_sha256 ~ {_SHA256}", name="standard_sha256"),
        CheckConstraint(f"(due_at IS NULL) = (state IN ({_ENDS}))", name="due_at"),
        CheckConstraint(f"(ended_at IS NOT NULL) = (state IN ({_ENDS}))", name="ended_at"),
        CheckConstraint(
            "(chronological_age_months IS NULL) = (chronological_age_source IS NULL)", name="age_has_source"
        ),
        CheckConstraint("committed_at IS NULL OR purged_at IS NULL", name="committed_is_kept"),
        CheckConstraint(f"purged_at IS NULL OR state IN ({_ENDS})", name="purged_has_ended"),
        _one_of("state", State),
        _one_of("patient_sex", Sex),
        _one_of("chronological_age_source", AgeSource),
        _between("chronological_age_months", 0, MAX_CHRONOLOGICAL_AGE_MONTHS),
        Index(None, "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index(None, "state", "received_at"),
        Index(None, "ended_at", postgresql_where=text("purged_at IS NULL")),
        Index(None, "patient_id", "patient_id_issuer"),
        Index(None, "study_instance_uid"),
        Index(None, "accession_number"),
        Index("uq_radiograph_current", "sop_instance_uid", unique=True, postgresql_where=text("superseded_at IS NULL")),
    )


class ModelVersion(Base):
    """One model bundle, known by the digest of its card."""

    __tablename__ = "model_version"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str]
    version: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    card: Mapped[dict[str, Any]]
    registered_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint(f"sha256 ~ {_SHA256}", name="sha256"),)


class Assessment(Base):
    """What one model version said of one radiograph, with all that a gender audit needs."""

    __tablename__ = "assessment"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    radiograph_id: Mapped[int] = mapped_column(ForeignKey("radiograph.id", ondelete="CASCADE"))
    model_version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))
    sex_used: Mapped[str | None] = mapped_column(comment="NULL where the sex was unknown or the network takes none")
    sex_source: Mapped[str | None] = mapped_column(comment="the DICOM element the sex used came from")
    bone_age_months: Mapped[float | None] = mapped_column(
        comment="NULL where sex was needed and unknown, or the network answers stages"
    )
    bone_age_if_female_months: Mapped[float | None]
    bone_age_if_male_months: Mapped[float | None]
    sex_effect_months: Mapped[float | None] = mapped_column(
        Computed("bone_age_if_male_months - bone_age_if_female_months", persisted=True),
        comment="estimate if male minus if female",
    )
    bone_age_low_months: Mapped[float | None] = mapped_column(
        comment="lower end of the 90% interval; NULL where the model is not calibrated"
    )
    bone_age_high_months: Mapped[float | None] = mapped_column(comment="upper end of the 90% interval")
    interval_calibrated_on: Mapped[str | None] = mapped_column(
        comment="what the interval and the stages' probabilities were measured on"
    )
    chronological_age_months: Mapped[float | None]
    chronological_age_source: Mapped[str | None]
    stage: Mapped[str | None] = mapped_column(
        comment="NULL where the sex was needed and unknown, and the two sexes' answers disagree on it"
    )
    stage_probability_child: Mapped[float | None] = mapped_column(comment="NULL where nothing tells it")
    stage_probability_adolescent: Mapped[float | None]
    stage_probability_adult: Mapped[float | None]
    heat_map: Mapped[list[list[float]]] = mapped_column(
        ARRAY(REAL, dimensions=2), comment="Grad-CAM over the network's input, (rows, columns), 0 to 1"
    )
    heat_map_peak_months: Mapped[float] = mapped_column(
        comment="the heat map's unit: months, or the stage's score of a network that answers stages, at its value 1"
    )
    queue_ms: Mapped[float] = mapped_column(comment="from read to claimed by the assess worker")
    preprocess_ms: Mapped[float]
    predict_ms: Mapped[float] = mapped_column(comment="network under both sexes, Grad-CAM inside")
    record_ms: Mapped[float] = mapped_column(comment="of the transaction, up to just before its commit")
    engine: Mapped[str]
    assessed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    superseded_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("radiograph_id", "model_version_id"),
        CheckConstraint("sex_used IN ('M', 'F')", name="sex_used"),
        CheckConstraint("(sex_used IS NULL) = (sex_source IS NULL)", name="sex_has_source"),
        CheckConstraint(
            "(chronological_age_months IS NULL) = (chronological_age_source IS NULL)", name="age_has_source"
        ),
        *(CheckConstraint(f"{column} >= 0", name=column) for column in _NOT_NEGATIVE),
        _one_of("stage", Stage),
        _one_of("interval_calibrated_on", CalibratedOn),
        _one_of("chronological_age_source", AgeSource),
        _between("bone_age_months", 0, MAX_BONE_AGE_MONTHS),
        _between("bone_age_if_female_months", 0, MAX_BONE_AGE_MONTHS),
        _between("bone_age_if_male_months", 0, MAX_BONE_AGE_MONTHS),
        _between("bone_age_low_months", 0, MAX_BONE_AGE_MONTHS),
        _between("bone_age_high_months", 0, MAX_BONE_AGE_MONTHS),
        CheckConstraint(
            "bone_age_months BETWEEN bone_age_low_months AND bone_age_high_months", name="interval_holds_bone_age"
        ),
        CheckConstraint(
            "num_nulls(bone_age_low_months, bone_age_high_months, interval_calibrated_on) IN (0, 3)"
            " AND (bone_age_low_months IS NULL OR bone_age_months IS NOT NULL)",
            name="interval_is_whole",
        ),
        *(_between(column, 0, 1) for column in _STAGE_PROBABILITIES),
        CheckConstraint(
            f"num_nulls({', '.join(_STAGE_PROBABILITIES)}) IN (0, 3)", name="stage_probabilities_are_whole"
        ),
        CheckConstraint(f"abs({' + '.join(_STAGE_PROBABILITIES)} - 1) <= 0.001", name="stage_probabilities_sum_to_1"),
        _between("chronological_age_months", 0, MAX_CHRONOLOGICAL_AGE_MONTHS),
        Index(None, "model_version_id"),
        Index(None, "assessed_at"),
        Index("uq_assessment_current", "radiograph_id", unique=True, postgresql_where=text("superseded_at IS NULL")),
        Index(
            "ix_assessment_without_headline",
            "radiograph_id",
            postgresql_where=text(
                "bone_age_months IS NULL AND (bone_age_if_female_months IS NOT NULL OR stage IS NULL)"
                " AND superseded_at IS NULL"
            ),
        ),
    )


class ReferenceRead(Base):
    """A human reader's bone age for a radiograph."""

    __tablename__ = "reference_read"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    radiograph_id: Mapped[int] = mapped_column(ForeignKey("radiograph.id", ondelete="CASCADE"))
    reader: Mapped[str]
    method: Mapped[str]
    bone_age_months: Mapped[float]
    read_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("radiograph_id", "reader"),
        _between("bone_age_months", 0, MAX_BONE_AGE_MONTHS),
    )


class StorageCommitment(Base):
    """One request for storage commitment; once its report was delivered or given up, no longer what it asked for.

    References
    ----------
    DICOM PS3.4 section J.3.
    """

    __tablename__ = "storage_commitment"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    transaction_uid: Mapped[str]
    calling_ae_title: Mapped[str]
    referenced: Mapped[list[dict[str, str]]] = mapped_column(
        JSONB, comment="the objects asked for: sop_class_uid and sop_instance_uid of each"
    )
    requested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(server_default=text("0"), comment="to deliver the report")
    due_at: Mapped[datetime | None] = mapped_column(comment="when the report is tried next; NULL once it is over")
    reported_at: Mapped[datetime | None] = mapped_column(comment="when the peer took the report")
    failure_reason: Mapped[str | None] = mapped_column(comment="why the last attempt to deliver it failed")

    __table_args__ = (
        UniqueConstraint("calling_ae_title", "transaction_uid"),
        CheckConstraint(f"transaction_uid ~ {_UID} AND length(transaction_uid) <= 64", name="transaction_uid"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("reported_at IS NULL OR due_at IS NULL", name="reported_is_over"),
        Index(None, "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )
