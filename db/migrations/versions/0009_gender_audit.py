"""The gender audits that were run, with what they found.

Revision 0009, after 0008.

Rules: one transaction; a lock is not waited for longer than 5 s, so fill big tables in batches in a later step; every
constraint has its name; views are not touched here (their files in ``db/views`` are applied after the last revision);
``downgrade`` really goes back, or says why it cannot.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "audit_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("run_at", TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "figures",
            JSONB(),
            nullable=False,
            comment="the rows of gender_audit and gender_audit_gap as they were then",
        ),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.CheckConstraint("verdict IN ('pass', 'fail', 'not enough data')", name=op.f("ck_audit_run_verdict")),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_version.id"], name=op.f("fk_audit_run_model_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_run")),
    )
    op.create_index(op.f("ix_audit_run_model_version_id_run_at"), "audit_run", ["model_version_id", "run_at"])
    # The audit reads the sex of each of them, and no row.
    op.create_index(
        "ix_radiograph_completed",
        "radiograph",
        ["id"],
        postgresql_include=["patient_sex"],
        postgresql_where=sa.text("superseded_at IS NULL AND state = 'COMPLETED'"),
    )


def downgrade() -> None:
    """Go back to the revision before, which audits nothing; what earlier audits found is lost, and their pages stay."""
    op.drop_index("ix_radiograph_completed", table_name="radiograph")
    op.drop_table("audit_run")
