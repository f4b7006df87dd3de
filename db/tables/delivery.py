"""The table of deliveries: what goes back to the archives, with its way through the states of ``db.deliveries``."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import UID, Base, one_of
from db.vocabulary import DeliveryState, ResultObject

_UNDER_WAY = f"('{DeliveryState.WAITING}', '{DeliveryState.SENDING}')"
_UNDELIVERED = f"'{DeliveryState.WAITING}', '{DeliveryState.SENDING}', '{DeliveryState.FAILED}'"


class Delivery(Base):
    """One object of one assessment on its way to one destination."""

    __tablename__ = "delivery"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessment.id", ondelete="CASCADE"))
    destination: Mapped[str] = mapped_column(comment="its AE title in CARPUS_DESTINATIONS")
    object: Mapped[str] = mapped_column(comment="the report, or the picture with the heat map")
    sop_instance_uid: Mapped[str] = mapped_column(
        comment="the same for all destinations, and whenever it is sent again"
    )
    predecessor_uid: Mapped[str | None] = mapped_column(
        comment="of a report: that of an earlier assessment, which it replaces in the study"
    )
    state: Mapped[str] = mapped_column(server_default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(server_default=text("0"), comment="how often its sending began")
    refusals: Mapped[int] = mapped_column(
        server_default=text("0"),
        comment="attempts that failed though the destination was there; only these are charged",
    )
    last_error: Mapped[str | None] = mapped_column(comment="why the last attempt failed")
    due_at: Mapped[datetime | None] = mapped_column(
        comment="waiting: not sent before; sending: whoever sends is presumed dead after; ended: NULL"
    )
    planned_at: Mapped[datetime] = mapped_column(server_default=func.now())
    delivered_at: Mapped[datetime | None] = mapped_column(comment="when the destination answered Success")
    commitment_uid: Mapped[str | None] = mapped_column(
        comment="transaction UID by which it was asked to commit to the object; NULL where it offers no such"
    )
    committed_at: Mapped[datetime | None] = mapped_column(
        comment="when the destination reported that it keeps the object"
    )

    __table_args__ = (
        UniqueConstraint("assessment_id", "destination", "object"),
        CheckConstraint(f"sop_instance_uid ~ {UID} AND length(sop_instance_uid) <= 64", name="sop_instance_uid"),
        CheckConstraint(f"predecessor_uid ~ {UID} AND length(predecessor_uid) <= 64", name="predecessor_uid"),
        CheckConstraint(f"commitment_uid ~ {UID} AND length(commitment_uid) <= 64", name="commitment_uid"),
        CheckConstraint("refusals BETWEEN 0 AND attempts", name="refusals"),
        CheckConstraint(f"(due_at IS NOT NULL) = (state IN {_UNDER_WAY})", name="due_at"),
        CheckConstraint(f"state <> '{DeliveryState.DELIVERED}' OR delivered_at IS NOT NULL", name="delivered_at"),
        CheckConstraint("committed_at IS NULL OR commitment_uid IS NOT NULL", name="committed_was_asked"),
        one_of("object", ResultObject),
        one_of("state", DeliveryState),
        Index(None, "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index(
            "ix_delivery_waiting", "destination", "due_at", postgresql_where=text(f"state = '{DeliveryState.WAITING}'")
        ),
        # What still needs the stored object, or a person.
        Index("ix_delivery_undelivered", "assessment_id", postgresql_where=text(f"state IN ({_UNDELIVERED})")),
        Index(None, "commitment_uid", postgresql_where=text("commitment_uid IS NOT NULL")),
    )
