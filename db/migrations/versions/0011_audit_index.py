"""An index that holds all that the gender audit reads of an assessment.

Revision 0011, after 0010.

Rules: one transaction; a lock is not waited for longer than 5 s, so fill big tables in batches in a later step; every
constraint has its name; views are not touched here (their files in ``db/views`` are applied after the last revision);
``downgrade`` really goes back, or says why it cannot.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision; a million assessments take some seconds, in which none is written."""
    op.create_index(
        "ix_assessment_audited",
        "assessment",
        ["radiograph_id"],
        postgresql_include=[
            *("model_version_id", "bone_age_months", "bone_age_low_months", "bone_age_high_months", "stage", "novelty"),
            *("sex_effect_months", "chronological_age_months"),
        ],
        postgresql_where=sa.text("superseded_at IS NULL"),
    )


def downgrade() -> None:
    """Go back to the revision before, which audits as well, but slower."""
    op.drop_index("ix_assessment_audited", table_name="assessment")
