"""How a bone age lies beside the child's age, how many views were asked about, and why a person must look.

Revision 0005, after 0004.

Rules: one transaction; a lock is not waited for longer than 5 s, so fill big tables in batches in a later step; every
constraint has its name; views are not touched here (their files in ``db/views`` are applied after the last revision);
``downgrade`` really goes back, or says why it cannot.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SPAN = (
    "chronological_age_span_months",
    "the true age is less than so much greater, for a stated one is in whole units; NULL where that is not noted",
)
_SPAN_CONDITION = (
    "chronological_age_span_months >= 0 AND chronological_age_months IS NOT NULL"
    " OR chronological_age_span_months IS NULL"
)
_COLUMNS = {
    "novelty": (
        sa.Double(),
        "distance from what the model learned from, over its card's threshold; NULL where that has none",
    ),
    "bone_age_sds": (sa.Double(), "Brush standard deviations that the bone age is ahead of the chronological age"),
    "bone_age_low_sds": (
        sa.Double(),
        "of the interval's lower end, at the oldest that the child may be; NULL where not calibrated",
    ),
    "bone_age_high_sds": (sa.Double(), "of the interval's upper end, at the youngest that the child may be"),
    "sds_unknown_because": (sa.Text(), "why there is no bone_age_sds"),
    "probability_delayed": (sa.Double(), "that the bone age is below -2 of them"),
    "probability_normal": (sa.Double(), None),
    "probability_advanced": (sa.Double(), "that the bone age is above 2 of them"),
    "maturity": (sa.Text(), "the likeliest; indeterminate where that is under 80%"),
}
_CONSTRAINTS = {
    "novelty": "novelty >= 0",
    "notes": "notes <@ ARRAY['came as a negative, and was inverted']",
    "review_reasons": (
        "review_reasons <@ ARRAY['unlike the radiographs that the model knows', 'hardly any contrast',"
        " 'a quarter or more of the hand is clipped to white', 'no hand is found, or it reaches all borders',"
        " 'the hand is cut off']"
    ),
    "maturity": "maturity IN ('delayed', 'normal', 'advanced', 'indeterminate')",
    "sds_unknown_because": (
        "sds_unknown_because IN ('there is no bone age', 'the sex is not known', 'the chronological age is not known',"
        " 'the chronological age is outside the table')"
    ),
    "sds_or_reason": "num_nonnulls(bone_age_sds, sds_unknown_because) <= 1",
    "sds": "bone_age_sds IS NULL OR num_nulls(bone_age_months, chronological_age_months) = 0",
    "interval_holds_sds": "bone_age_sds BETWEEN bone_age_low_sds AND bone_age_high_sds",
    "sds_interval_is_whole": (
        "num_nulls(bone_age_low_sds, bone_age_high_sds) IN (0, 2)"
        " AND (bone_age_low_sds IS NULL OR num_nulls(bone_age_sds, bone_age_low_months) = 0)"
    ),
    "probability_delayed": "probability_delayed BETWEEN 0 AND 1",
    "probability_normal": "probability_normal BETWEEN 0 AND 1",
    "probability_advanced": "probability_advanced BETWEEN 0 AND 1",
    "maturity_is_whole": (
        "num_nulls(probability_delayed, probability_normal, probability_advanced, maturity) IN (0, 4)"
        " AND (maturity IS NULL OR bone_age_low_sds IS NOT NULL)"
    ),
    "maturity_sums_to_1": "abs(probability_delayed + probability_normal + probability_advanced - 1) <= 0.001",
}


_LISTS = {
    "review_reasons": "why a person must look before the estimate is used",
    "notes": "what was done to the radiograph before",
}


def upgrade() -> None:
    """Go to this revision."""
    averaged = "of the radiograph, turned and mirrored, that were averaged"
    op.add_column(
        "assessment", sa.Column("views", sa.Integer(), server_default=sa.text("1"), nullable=False, comment=averaged)
    )
    op.create_check_constraint(op.f("ck_assessment_views"), "assessment", "views >= 1")
    for name, meaning in _LISTS.items():
        texts, empty = sa.ARRAY(sa.Text()), sa.text("'{}'")
        op.add_column("assessment", sa.Column(name, texts, server_default=empty, nullable=False, comment=meaning))
    op.create_index(
        op.f("ix_assessment_to_review"),
        "assessment",
        ["radiograph_id"],
        postgresql_where=sa.text("review_reasons <> '{}' AND superseded_at IS NULL"),
    )
    for table in ("radiograph", "assessment"):
        op.add_column(table, sa.Column(_SPAN[0], sa.Double(), nullable=True, comment=_SPAN[1]))
        op.create_check_constraint(op.f(f"ck_{table}_age_span"), table, _SPAN_CONDITION)
    for name, (kind, comment) in _COLUMNS.items():
        op.add_column("assessment", sa.Column(name, kind, nullable=True, comment=comment))
    for name, condition in _CONSTRAINTS.items():
        op.create_check_constraint(op.f(f"ck_assessment_{name}"), "assessment", condition)


def downgrade() -> None:
    """Go back to the revision before, which knows no scores; assessing anew gives them again.

    Which unit a stated age had is lost, the header still says it; how many views there were is lost.
    """
    for name in reversed(_CONSTRAINTS):
        op.drop_constraint(op.f(f"ck_assessment_{name}"), "assessment")
    for name in reversed(_COLUMNS):
        op.drop_column("assessment", name)
    for table in ("assessment", "radiograph"):
        op.drop_constraint(op.f(f"ck_{table}_age_span"), table)
        op.drop_column(table, _SPAN[0])
    op.drop_index(op.f("ix_assessment_to_review"), table_name="assessment")
    for name in reversed(_LISTS):
        op.drop_column("assessment", name)
    op.drop_constraint(op.f("ck_assessment_views"), "assessment")
    op.drop_column("assessment", "views")
