"""The table of what a model version says of a radiograph."""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import (
    MAX_BONE_AGE_MONTHS,
    MAX_CHRONOLOGICAL_AGE_MONTHS,
    SPAN,
    Base,
    age_span,
    between,
    one_of,
)
from db.vocabulary import AgeSource, CalibratedOn, Maturity, Note, ReviewReason, SdsUnknown, Side, Stage

_REVIEW_REASONS = ", ".join(f"'{reason}'" for reason in ReviewReason)
_NOTES = ", ".join(f"'{note}'" for note in Note)
_NOT_NEGATIVE = ("queue_ms", "preprocess_ms", "predict_ms", "record_ms", "heat_map_peak_months")
_STAGE_PROBABILITIES = tuple(f"stage_probability_{stage}" for stage in Stage)
_AUDITED = [
    *("model_version_id", "bone_age_months", "bone_age_low_months", "bone_age_high_months", "stage", "novelty"),
    *("sex_effect_months", "chronological_age_months"),
]
_TO_REVIEW = [
    "review_reasons",
    *("bone_age_months", "bone_age_if_female_months", "bone_age_if_male_months", "stage"),
]
_MATURITY_PROBABILITIES = ("probability_delayed", "probability_normal", "probability_advanced")


class Assessment(Base):
    """What one model version said of one radiograph, with all that a gender audit needs.

    The table is vacuumed whenever 2% of it have changed, which migration 0012 sets.
    """

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
    chronological_age_span_months: Mapped[float | None] = mapped_column(comment=SPAN)
    bone_age_sds: Mapped[float | None] = mapped_column(
        comment="Brush standard deviations that the bone age is ahead of the chronological age"
    )
    bone_age_low_sds: Mapped[float | None] = mapped_column(
        comment="of the interval's lower end, at the oldest that the child may be; NULL where not calibrated"
    )
    bone_age_high_sds: Mapped[float | None] = mapped_column(
        comment="of the interval's upper end, at the youngest that the child may be"
    )
    sds_unknown_because: Mapped[str | None] = mapped_column(comment="why there is no bone_age_sds")
    probability_delayed: Mapped[float | None] = mapped_column(comment="that the bone age is below -2 of them")
    probability_normal: Mapped[float | None]
    probability_advanced: Mapped[float | None] = mapped_column(comment="that the bone age is above 2 of them")
    maturity: Mapped[str | None] = mapped_column(comment="the likeliest; indeterminate where that is under 80%")
    stage: Mapped[str | None] = mapped_column(
        comment="NULL where the sex was needed and unknown, and the two sexes' answers disagree on it"
    )
    stage_probability_child: Mapped[float | None] = mapped_column(comment="NULL where nothing tells it")
    stage_probability_adolescent: Mapped[float | None]
    stage_probability_adult: Mapped[float | None]
    novelty: Mapped[float | None] = mapped_column(
        comment="distance from what the model learned from, over its card's threshold; NULL where that has none"
    )
    review_reasons: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="why a person must look before the estimate is used"
    )
    notes: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{}'"), comment="what was done to the radiograph before"
    )
    apparent_side: Mapped[str | None] = mapped_column(
        comment="as which hand it appears if it is seen from its back; NULL where not sure"
    )
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
    views: Mapped[int] = mapped_column(
        server_default=text("1"), comment="of the radiograph, turned and mirrored, that were averaged"
    )
    assessed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    superseded_at: Mapped[datetime | None]
    is_shadow: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="made beside the active version's, to be compared; never the result"
    )
    site_calibration_id: Mapped[int | None] = mapped_column(
        ForeignKey("site_calibration.id"), comment="by which the network's bone ages were corrected, if they were"
    )

    __table_args__ = (
        UniqueConstraint("radiograph_id", "model_version_id"),
        CheckConstraint("views >= 1", name="views"),
        CheckConstraint("sex_used IN ('M', 'F')", name="sex_used"),
        CheckConstraint("(sex_used IS NULL) = (sex_source IS NULL)", name="sex_has_source"),
        CheckConstraint(
            "(chronological_age_months IS NULL) = (chronological_age_source IS NULL)", name="age_has_source"
        ),
        *(CheckConstraint(f"{column} >= 0", name=column) for column in _NOT_NEGATIVE),
        one_of("stage", Stage),
        one_of("interval_calibrated_on", CalibratedOn),
        one_of("chronological_age_source", AgeSource),
        between("bone_age_months", 0, MAX_BONE_AGE_MONTHS),
        between("bone_age_if_female_months", 0, MAX_BONE_AGE_MONTHS),
        between("bone_age_if_male_months", 0, MAX_BONE_AGE_MONTHS),
        between("bone_age_low_months", 0, MAX_BONE_AGE_MONTHS),
        between("bone_age_high_months", 0, MAX_BONE_AGE_MONTHS),
        CheckConstraint(
            "bone_age_months BETWEEN bone_age_low_months AND bone_age_high_months", name="interval_holds_bone_age"
        ),
        CheckConstraint(
            "num_nulls(bone_age_low_months, bone_age_high_months, interval_calibrated_on) IN (0, 3)"
            " AND (bone_age_low_months IS NULL OR bone_age_months IS NOT NULL)",
            name="interval_is_whole",
        ),
        *(between(column, 0, 1) for column in _STAGE_PROBABILITIES),
        CheckConstraint(
            f"num_nulls({', '.join(_STAGE_PROBABILITIES)}) IN (0, 3)", name="stage_probabilities_are_whole"
        ),
        CheckConstraint(f"abs({' + '.join(_STAGE_PROBABILITIES)} - 1) <= 0.001", name="stage_probabilities_sum_to_1"),
        between("chronological_age_months", 0, MAX_CHRONOLOGICAL_AGE_MONTHS),
        age_span(),
        one_of("maturity", Maturity),
        one_of("apparent_side", Side),
        one_of("sds_unknown_because", SdsUnknown),
        CheckConstraint("num_nonnulls(bone_age_sds, sds_unknown_because) <= 1", name="sds_or_reason"),
        CheckConstraint("bone_age_sds IS NULL OR num_nulls(bone_age_months, chronological_age_months) = 0", name="sds"),
        CheckConstraint("bone_age_sds BETWEEN bone_age_low_sds AND bone_age_high_sds", name="interval_holds_sds"),
        CheckConstraint(
            "num_nulls(bone_age_low_sds, bone_age_high_sds) IN (0, 2)"
            " AND (bone_age_low_sds IS NULL OR num_nulls(bone_age_sds, bone_age_low_months) = 0)",
            name="sds_interval_is_whole",
        ),
        *(between(column, 0, 1) for column in _MATURITY_PROBABILITIES),
        CheckConstraint(
            f"num_nulls({', '.join(_MATURITY_PROBABILITIES)}, maturity) IN (0, 4)"
            " AND (maturity IS NULL OR bone_age_low_sds IS NOT NULL)",
            name="maturity_is_whole",
        ),
        CheckConstraint(f"abs({' + '.join(_MATURITY_PROBABILITIES)} - 1) <= 0.001", name="maturity_sums_to_1"),
        Index(None, "model_version_id"),
        Index(None, "assessed_at"),
        # The gender audit reads these of every assessment, and no row with its heat map.
        Index(
            "ix_assessment_audited",
            "radiograph_id",
            postgresql_include=_AUDITED,
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index(
            "uq_assessment_current",
            "radiograph_id",
            unique=True,
            postgresql_where=text("superseded_at IS NULL AND NOT is_shadow"),
        ),
        CheckConstraint("novelty >= 0", name="novelty"),
        CheckConstraint(f"review_reasons <@ ARRAY[{_REVIEW_REASONS}]", name="review_reasons"),
        CheckConstraint(f"notes <@ ARRAY[{_NOTES}]", name="notes"),
        # What waits for a person, with all that `worklist` says of it.
        Index(
            "ix_assessment_to_review",
            "radiograph_id",
            postgresql_include=_TO_REVIEW,
            postgresql_where=text(
                "(review_reasons <> '{}' OR bone_age_months IS NULL"
                " AND (bone_age_if_female_months IS NOT NULL OR stage IS NULL))"
                " AND superseded_at IS NULL AND NOT is_shadow"
            ),
        ),
    )
