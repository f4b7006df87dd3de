"""The tables of model versions: the registry, every decision about them, and what a site corrects of their answers."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import SHA256, Base, one_of
from db.vocabulary import Decision, ModelStatus


class ModelVersion(Base):
    """One model bundle, known by the digest of its card.

    At most one is active and at most one shadow; once one was active, there always is one, which a trigger of the
    table, made by migration 0010, sees to at the end of each transaction.
    """

    __tablename__ = "model_version"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str]
    version: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    card: Mapped[dict[str, Any]]
    registered_at: Mapped[datetime] = mapped_column(server_default=func.now())
    status: Mapped[str | None] = mapped_column(
        comment="NULL where no bundle of it is kept, as of imported predictions; such a one cannot be promoted"
    )
    recipe: Mapped[dict[str, Any] | None] = mapped_column(comment="that it was made by, if its bundle says")
    parent_id: Mapped[int | None] = mapped_column(
        ForeignKey("model_version.id"), comment="the version that it was fine-tuned from"
    )

    __table_args__ = (
        CheckConstraint(f"sha256 ~ {SHA256}", name="sha256"),
        one_of("status", ModelStatus),
        Index(
            "uq_model_version_serving", "status", unique=True, postgresql_where=text("status IN ('active', 'shadow')")
        ),
        Index(None, "parent_id"),
    )


class ModelDecision(Base):
    """One decision about which model version is active; those that changed nothing, too."""

    __tablename__ = "model_decision"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    decided_at: Mapped[datetime] = mapped_column(server_default=func.now())
    decision: Mapped[str]
    model_version_id: Mapped[int | None] = mapped_column(
        ForeignKey("model_version.id"), comment="whom it is about; NULL where there was no candidate"
    )
    active_id: Mapped[int | None] = mapped_column(
        ForeignKey("model_version.id"), comment="the active version after it; NULL where there was none yet"
    )
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    figures: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"), comment="the numbers it rests on")
    report: Mapped[str | None] = mapped_column(comment="its page, among the models")

    __table_args__ = (
        one_of("decision", Decision),
        Index(None, "model_version_id"),
        Index(None, "active_id"),
        Index(None, "decided_at"),
    )


class SiteCalibration(Base):
    """What a site's own reads say of a version's bone ages: a linear correction per sex, where it helps for certain."""

    __tablename__ = "site_calibration"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    model_version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))
    fitted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    correction: Mapped[dict[str, Any]] = mapped_column(
        comment="intercept_months and slope by sex, M and F; nothing of a sex whose estimates stay as they are"
    )
    calibration: Mapped[dict[str, Any] | None] = mapped_column(
        comment="of the corrected estimates' intervals; NULL where those of the card stay"
    )
    figures: Mapped[dict[str, Any]] = mapped_column(comment="what it changes, cross-validated")
    retired_at: Mapped[datetime | None] = mapped_column(comment="when another took its place")

    __table_args__ = (
        Index(
            "uq_site_calibration_current",
            "model_version_id",
            unique=True,
            postgresql_where=text("retired_at IS NULL"),
        ),
        Index(None, "model_version_id"),
    )
