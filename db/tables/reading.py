"""The tables of what readers say of radiographs, and of what they were asked to read."""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import MAX_BONE_AGE_MONTHS, Base, between
from db.vocabulary import Stratum

_STRATA = ", ".join(f"'{stratum}'" for stratum in Stratum)


class ReadingList(Base):
    """Radiographs drawn at random for readers, who do not choose what they read then."""

    __tablename__ = "reading_list"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    drawn_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seed: Mapped[int] = mapped_column(BigInteger, comment="of the random numbers it was drawn by")
    stratified_by: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        server_default=text("'{}'"),
        comment="what it has the same shares of as the radiographs it was drawn from",
    )

    __table_args__ = (CheckConstraint(f"stratified_by <@ ARRAY[{_STRATA}]", name="stratified_by"),)


class ReadingListItem(Base):
    """One radiograph of a reading list."""

    __tablename__ = "reading_list_item"

    reading_list_id: Mapped[int] = mapped_column(ForeignKey("reading_list.id", ondelete="CASCADE"), primary_key=True)
    radiograph_id: Mapped[int] = mapped_column(ForeignKey("radiograph.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(comment="1 is read first")

    __table_args__ = (
        UniqueConstraint("reading_list_id", "position"),
        CheckConstraint("position >= 1", name="position"),
        Index(None, "radiograph_id"),
    )


class ReferenceRead(Base):
    """A human reader's bone age for a radiograph.

    Of the same reader's reads of a radiograph the latest stands; a trigger of the table, made by migration 0008, marks
    the others as superseded when one is inserted.
    """

    __tablename__ = "reference_read"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    radiograph_id: Mapped[int] = mapped_column(ForeignKey("radiograph.id", ondelete="CASCADE"))
    reader: Mapped[str]
    method: Mapped[str]
    bone_age_months: Mapped[float]
    read_at: Mapped[datetime] = mapped_column(server_default=func.now())
    reading_list_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="the list that asked for it; NULL where its reader entered it by himself"
    )
    is_blinded: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="whether the reader had not seen the estimate"
    )
    superseded_at: Mapped[datetime | None] = mapped_column(
        comment="when a later read of the same reader took its place"
    )

    __table_args__ = (
        # A read is sampled only where its list holds the radiograph.
        ForeignKeyConstraint(
            ["reading_list_id", "radiograph_id"],
            ["reading_list_item.reading_list_id", "reading_list_item.radiograph_id"],
        ),
        between("bone_age_months", 0, MAX_BONE_AGE_MONTHS),
        Index(None, "radiograph_id"),
        Index(None, "reading_list_id", "radiograph_id", postgresql_where=text("reading_list_id IS NOT NULL")),
        Index(
            "uq_reference_read_current",
            "radiograph_id",
            "reader",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )
