"""Intervals of the bone age, and how likely each stage is.

Revision 0004, after 0003.

Rules: one transaction; a lock is not waited for longer than 5 s, so fill big tables in batches in a later step; every
constraint has its name; views are not touched here (their files in ``db/views`` are applied after the last revision);
``downgrade`` really goes back, or says why it cannot.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_MONTHS_BEFORE = "NULL where sex was needed and unknown"
_MONTHS = "NULL where sex was needed and unknown, or the network answers stages"
_STAGE_BEFORE = "NULL where the two sexes' estimates disagree on it"
_STAGE = "NULL where the sex was needed and unknown, and the two sexes' answers disagree on it"
_PEAK_BEFORE = "the heat map's unit: months at its value 1"
_PEAK = "the heat map's unit: months, or the stage's score of a network that answers stages, at its value 1"
_COLUMNS = {
    "bone_age_low_months": (sa.Double(), "lower end of the 90% interval; NULL where the model is not calibrated"),
    "bone_age_high_months": (sa.Double(), "upper end of the 90% interval"),
    "interval_calibrated_on": (sa.Text(), "what the interval and the stages' probabilities were measured on"),
    "stage_probability_child": (sa.Double(), "NULL where nothing tells it"),
    "stage_probability_adolescent": (sa.Double(), None),
    "stage_probability_adult": (sa.Double(), None),
}
_CONSTRAINTS = {
    "bone_age_low_months": "bone_age_low_months BETWEEN 0 AND 300",
    "bone_age_high_months": "bone_age_high_months BETWEEN 0 AND 300",
    "interval_holds_bone_age": "bone_age_months BETWEEN bone_age_low_months AND bone_age_high_months",
    "interval_is_whole": (
        "num_nulls(bone_age_low_months, bone_age_high_months, interval_calibrated_on) IN (0, 3)"
        " AND (bone_age_low_months IS NULL OR bone_age_months IS NOT NULL)"
    ),
    "interval_calibrated_on": "interval_calibrated_on IN ('drawn hands', 'radiographs')",
    "stage_probability_child": "stage_probability_child BETWEEN 0 AND 1",
    "stage_probability_adolescent": "stage_probability_adolescent BETWEEN 0 AND 1",
    "stage_probability_adult": "stage_probability_adult BETWEEN 0 AND 1",
    "stage_probabilities_are_whole": (
        "num_nulls(stage_probability_child, stage_probability_adolescent, stage_probability_adult) IN (0, 3)"
    ),
    "stage_probabilities_sum_to_1": (
        "abs(stage_probability_child + stage_probability_adolescent + stage_probability_adult - 1) <= 0.001"
    ),
}
_INDEX = "ix_assessment_without_headline"
_WITHOUT_HEADLINE_BEFORE = "bone_age_months IS NULL AND superseded_at IS NULL"
_WITHOUT_HEADLINE = (
    "bone_age_months IS NULL AND (bone_age_if_female_months IS NOT NULL OR stage IS NULL) AND superseded_at IS NULL"
)


def upgrade() -> None:
    """Go to this revision."""
    for name, (kind, comment) in _COLUMNS.items():
        op.add_column("assessment", sa.Column(name, kind, nullable=True, comment=comment))
    for name, condition in _CONSTRAINTS.items():
        op.create_check_constraint(op.f(f"ck_assessment_{name}"), "assessment", condition)
    op.alter_column("assessment", "bone_age_months", comment=_MONTHS, existing_comment=_MONTHS_BEFORE)
    op.alter_column("assessment", "stage", comment=_STAGE, existing_comment=_STAGE_BEFORE)
    op.alter_column("assessment", "heat_map_peak_months", comment=_PEAK, existing_comment=_PEAK_BEFORE)
    _index_where(_WITHOUT_HEADLINE)


def downgrade() -> None:
    """Go back to the revision before, which knows no intervals; those of a model still follow from its card.

    The stages' probabilities of networks that answer stages are lost: only assessing anew gives them again.
    """
    _index_where(_WITHOUT_HEADLINE_BEFORE)
    op.alter_column("assessment", "heat_map_peak_months", comment=_PEAK_BEFORE, existing_comment=_PEAK)
    op.alter_column("assessment", "stage", comment=_STAGE_BEFORE, existing_comment=_STAGE)
    op.alter_column("assessment", "bone_age_months", comment=_MONTHS_BEFORE, existing_comment=_MONTHS)
    for name in reversed(_CONSTRAINTS):
        op.drop_constraint(op.f(f"ck_assessment_{name}"), "assessment")
    for name in reversed(_COLUMNS):
        op.drop_column("assessment", name)


def _index_where(condition: str) -> None:
    op.drop_index(op.f(_INDEX), table_name="assessment")
    op.create_index(op.f(_INDEX), "assessment", ["radiograph_id"], postgresql_where=sa.text(condition))
