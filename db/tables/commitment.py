"""The table of requests for storage commitment."""

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
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import (
    UID,
    Base,
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
        CheckConstraint(f"transaction_uid ~ {UID} AND length(transaction_uid) <= 64", name="transaction_uid"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("reported_at IS NULL OR due_at IS NULL", name="reported_is_over"),
        Index(None, "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )
