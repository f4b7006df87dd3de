"""What all tables share: names of constraints, kinds of columns, and the checks that several have."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    CheckConstraint,
    MetaData,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
MAX_BONE_AGE_MONTHS = 300  # far above a mature hand (228); a network's answer is clipped to it
MAX_CHRONOLOGICAL_AGE_MONTHS = 1560  # 130 years
SHA256 = "'^[0-9a-f]{64}$'"
SPAN = "the true age is less than so much greater, for a stated one is in whole units; NULL where that is not noted"
UID = "'^[0-9]+([.][0-9]+)*$'"  # PS3.5 section 9.1


class Base(DeclarativeBase):
    """Root of the tables: text without length, times in UTC, named constraints."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {str: Text, datetime: TIMESTAMP(timezone=True), dict[str, Any]: JSONB}


def one_of(column: str, vocabulary: type[StrEnum]) -> CheckConstraint:
    """Return the check that a column holds a word of a closed vocabulary."""
    allowed = ", ".join(f"'{value}'" for value in vocabulary)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def between(column: str, low: float, high: float) -> CheckConstraint:
    """Return the check that a column is within bounds, both included."""
    return CheckConstraint(f"{column} BETWEEN {low} AND {high}", name=column)


def age_span() -> CheckConstraint:
    """Return the check of how exactly a chronological age is known."""
    return CheckConstraint(
        "chronological_age_span_months >= 0 AND chronological_age_months IS NOT NULL"
        " OR chronological_age_span_months IS NULL",
        name="age_span",
    )
