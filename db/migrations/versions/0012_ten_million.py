"""Indexes for ten million radiographs: of the days, of what waits, and none of what is done; vacuumed in time.

Revision 0012, after 0011.

Rules: one transaction; a lock is not waited for longer than 5 s, so fill big tables in batches in a later step; every
constraint has its name; views are not touched here (their files in ``db/views`` are applied after the last revision);
``downgrade`` really goes back, or says why it cannot.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_CURRENT = "superseded_at IS NULL AND NOT is_shadow"
_TO_REVIEW = "review_reasons <> '{}'"
_WITHOUT_HEADLINE = "bone_age_months IS NULL AND (bone_age_if_female_months IS NOT NULL OR stage IS NULL)"
_LARGE = ("radiograph", "assessment")
_VACUUMED = ("autovacuum_vacuum_scale_factor", "autovacuum_vacuum_insert_scale_factor")
_OPEN = "state IN ('RECEIVED', 'READING', 'READ', 'ASSESSING', 'REJECTED', 'FAILED')"


def upgrade() -> None:
    """Go to this revision; ten million radiographs take half a minute, in which no row is written and none is lost."""
    op.create_index(
        "ix_radiograph_arrived",
        "radiograph",
        ["received_at"],
        postgresql_include=["state"],
        postgresql_where=sa.text("superseded_at IS NULL AND NOT starts_with(object_path, 'imported/')"),
    )
    _replace("ix_radiograph_ended_at", "radiograph", ["ended_at"], "purged_at IS NULL AND committed_at IS NULL")
    _replace("ix_radiograph_state_received_at", "radiograph", ["state", "received_at"], _OPEN)
    op.drop_index("ix_assessment_without_headline", table_name="assessment")
    op.drop_index("ix_assessment_to_review", table_name="assessment")
    op.create_index(
        "ix_assessment_to_review",
        "assessment",
        ["radiograph_id"],
        postgresql_include=[
            "review_reasons",
            *("bone_age_months", "bone_age_if_female_months", "bone_age_if_male_months", "stage"),
        ],
        postgresql_where=sa.text(f"({_TO_REVIEW} OR {_WITHOUT_HEADLINE}) AND {_CURRENT}"),
    )
    op.drop_index("ix_delivery_failed", table_name="delivery")
    op.create_index(
        "ix_delivery_undelivered",
        "delivery",
        ["assessment_id"],
        postgresql_where=sa.text("state IN ('WAITING', 'SENDING', 'FAILED')"),
    )
    # What an index tells without the row it tells only of pages that were vacuumed since they changed. By default that
    # is after a fifth of a table has changed: two million rows of ten.
    for table in _LARGE:
        op.execute(f"ALTER TABLE {table} SET ({', '.join(f'{name} = 0.02' for name in _VACUUMED)})")


def downgrade() -> None:
    """Go back to the revision before, which has no views by day."""
    for table in _LARGE:
        op.execute(f"ALTER TABLE {table} RESET ({', '.join(_VACUUMED)})")
    op.drop_index("ix_delivery_undelivered", table_name="delivery")
    op.create_index("ix_delivery_failed", "delivery", ["assessment_id"], postgresql_where=sa.text("state = 'FAILED'"))
    _replace("ix_assessment_to_review", "assessment", ["radiograph_id"], f"{_TO_REVIEW} AND {_CURRENT}")
    op.create_index(
        "ix_assessment_without_headline",
        "assessment",
        ["radiograph_id"],
        postgresql_where=sa.text(f"{_WITHOUT_HEADLINE} AND {_CURRENT}"),
    )
    _replace("ix_radiograph_state_received_at", "radiograph", ["state", "received_at"], None)
    _replace("ix_radiograph_ended_at", "radiograph", ["ended_at"], "purged_at IS NULL")
    op.drop_index("ix_radiograph_arrived", table_name="radiograph")


def _replace(name: str, table: str, columns: list[str], condition: str | None) -> None:
    op.drop_index(name, table_name=table)
    op.create_index(name, table, columns, postgresql_where=None if condition is None else sa.text(condition))
