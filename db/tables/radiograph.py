"""The table of radiographs: one row for each stored object, with its way through the states of ``db.states``."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Identity,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import (
    MAX_CHRONOLOGICAL_AGE_MONTHS,
    SHA256,
    SPAN,
    UID,
    Base,
    age_span,
    between,
    one_of,
)
from db.vocabulary import AgeSource, Laterality, Sex, State, ViewPosition

_ORIENTATION = r"'^[APRLHF]{1,3}\\[APRLHF]{1,3}$'"  # PS3.3 C.7.6.1.1.1
_ENDS = ", ".join(f"'{state}'" for state in State if state.is_end)
_OPEN = ", ".join(f"'{state}'" for state in State if state not in {State.COMPLETED, State.NOT_APPLICABLE})


class Radiograph(Base):
    """One stored object: a SOP instance in one revision, with its way through the states.

    The table is vacuumed whenever 2% of it have changed, which migration 0012 sets.
    """

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
    chronological_age_span_months: Mapped[float | None] = mapped_column(comment=SPAN)
    modality: Mapped[str | None]
    laterality: Mapped[str | None] = mapped_column(comment="ImageLaterality, else Laterality; NULL where not L or R")
    patient_orientation: Mapped[str | None] = mapped_column(
        comment="where the rows and the columns run to, as in the header"
    )
    view_position: Mapped[str | None] = mapped_column(
        comment="ViewPosition, else ViewCodeSequence; NULL where not PA or AP"
    )
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
        CheckConstraint(f"sop_instance_uid ~ {UID} AND length(sop_instance_uid) <= 64", name="sop_instance_uid"),
        CheckConstraint("revision >= 1", name="revision"),
        CheckConstraint("size_bytes > 0", name="size_bytes"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("claims >= 0", name="claims"),
        CheckConstraint("reads >= 0", name="reads"),
        CheckConstraint("read_ms >= 0", name="read_ms"),
        CheckConstraint(f"sha256 ~ {SHA256}", name="sha256"),
        CheckConstraint(f"standard_sha256 ~ {SHA256}", name="standard_sha256"),
        CheckConstraint(f"(due_at IS NULL) = (state IN ({_ENDS}))", name="due_at"),
        CheckConstraint(f"(ended_at IS NOT NULL) = (state IN ({_ENDS}))", name="ended_at"),
        CheckConstraint(
            "(chronological_age_months IS NULL) = (chronological_age_source IS NULL)", name="age_has_source"
        ),
        age_span(),
        CheckConstraint("committed_at IS NULL OR purged_at IS NULL", name="committed_is_kept"),
        CheckConstraint(f"purged_at IS NULL OR state IN ({_ENDS})", name="purged_has_ended"),
        one_of("state", State),
        one_of("patient_sex", Sex),
        one_of("laterality", Laterality),
        one_of("view_position", ViewPosition),
        CheckConstraint(f"patient_orientation ~ {_ORIENTATION}", name="patient_orientation"),
        one_of("chronological_age_source", AgeSource),
        between("chronological_age_months", 0, MAX_CHRONOLOGICAL_AGE_MONTHS),
        Index(None, "due_at", postgresql_where=text("due_at IS NOT NULL")),
        # What waits for a worker or a person, and not the many that are done.
        Index(None, "state", "received_at", postgresql_where=text(f"state IN ({_OPEN})")),
        # What may be purged some day: what a storage commitment keeps is not looked at again and again.
        Index(None, "ended_at", postgresql_where=text("purged_at IS NULL AND committed_at IS NULL")),
        Index(None, "patient_id", "patient_id_issuer"),
        Index(None, "study_instance_uid"),
        Index(None, "accession_number"),
        # The days count what is here of each of them, and no row. What was imported did not come.
        Index(
            "ix_radiograph_arrived",
            "received_at",
            postgresql_include=["state"],
            postgresql_where=text("superseded_at IS NULL AND NOT starts_with(object_path, 'imported/')"),
        ),
        # The gender audit reads the sex of each of them, and no row.
        Index(
            "ix_radiograph_completed",
            "id",
            postgresql_include=["patient_sex"],
            postgresql_where=text("superseded_at IS NULL AND state = 'COMPLETED'"),
        ),
        Index("uq_radiograph_current", "sop_instance_uid", unique=True, postgresql_where=text("superseded_at IS NULL")),
    )
