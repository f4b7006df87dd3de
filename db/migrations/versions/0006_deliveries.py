"""What goes back to the archives: one row for each object of an assessment and each destination.

Revision 0006, after 0005.

Rules: one transaction; a lock is not waited for longer than 5 s, so fill big tables in batches in a later step; every
constraint has its name; views are not touched here (their files in ``db/views`` are applied after the last revision);
``downgrade`` really goes back, or says why it cannot.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_UID = "'^[0-9]+([.][0-9]+)*$'"
_TIME = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Go to this revision."""
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("assessment_id", sa.BigInteger(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False, comment="its AE title in CARPUS_DESTINATIONS"),
        sa.Column("object", sa.Text(), nullable=False, comment="the report, or the picture with the heat map"),
        sa.Column(
            "sop_instance_uid",
            sa.Text(),
            nullable=False,
            comment="the same for all destinations, and whenever it is sent again",
        ),
        sa.Column(
            "predecessor_uid",
            sa.Text(),
            nullable=True,
            comment="of a report: that of an earlier assessment, which it replaces in the study",
        ),
        sa.Column("state", sa.Text(), server_default="WAITING", nullable=False),
        sa.Column(
            "attempts", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="how often its sending began"
        ),
        sa.Column(
            "refusals",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="attempts that failed though the destination was there; only these are charged",
        ),
        sa.Column("last_error", sa.Text(), nullable=True, comment="why the last attempt failed"),
        sa.Column(
            "due_at",
            _TIME,
            nullable=True,
            comment="waiting: not sent before; sending: whoever sends is presumed dead after; ended: NULL",
        ),
        sa.Column("planned_at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("delivered_at", _TIME, nullable=True, comment="when the destination answered Success"),
        sa.Column(
            "commitment_uid",
            sa.Text(),
            nullable=True,
            comment="transaction UID by which it was asked to commit to the object; NULL where it offers no such",
        ),
        sa.Column(
            "committed_at", _TIME, nullable=True, comment="when the destination reported that it keeps the object"
        ),
        sa.CheckConstraint(
            f"sop_instance_uid ~ {_UID} AND length(sop_instance_uid) <= 64", name=op.f("ck_delivery_sop_instance_uid")
        ),
        sa.CheckConstraint(
            f"predecessor_uid ~ {_UID} AND length(predecessor_uid) <= 64", name=op.f("ck_delivery_predecessor_uid")
        ),
        sa.CheckConstraint(
            f"commitment_uid ~ {_UID} AND length(commitment_uid) <= 64", name=op.f("ck_delivery_commitment_uid")
        ),
        sa.CheckConstraint("refusals BETWEEN 0 AND attempts", name=op.f("ck_delivery_refusals")),
        sa.CheckConstraint("(due_at IS NOT NULL) = (state IN ('WAITING', 'SENDING'))", name=op.f("ck_delivery_due_at")),
        sa.CheckConstraint("state <> 'DELIVERED' OR delivered_at IS NOT NULL", name=op.f("ck_delivery_delivered_at")),
        sa.CheckConstraint(
            "committed_at IS NULL OR commitment_uid IS NOT NULL", name=op.f("ck_delivery_committed_was_asked")
        ),
        sa.CheckConstraint("object IN ('report', 'picture')", name=op.f("ck_delivery_object")),
        sa.CheckConstraint(
            "state IN ('WAITING', 'SENDING', 'DELIVERED', 'FAILED', 'WITHDRAWN')", name=op.f("ck_delivery_state")
        ),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_delivery_assessment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "assessment_id", "destination", "object", name=op.f("uq_delivery_assessment_id_destination_object")
        ),
    )
    op.create_index(op.f("ix_delivery_due_at"), "delivery", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index(
        op.f("ix_delivery_waiting"),
        "delivery",
        ["destination", "due_at"],
        postgresql_where=sa.text("state = 'WAITING'"),
    )
    op.create_index(
        op.f("ix_delivery_failed"), "delivery", ["assessment_id"], postgresql_where=sa.text("state = 'FAILED'")
    )
    op.create_index(
        op.f("ix_delivery_commitment_uid"),
        "delivery",
        ["commitment_uid"],
        postgresql_where=sa.text("commitment_uid IS NOT NULL"),
    )


def downgrade() -> None:
    """Go back to the revision before, which delivers nothing; what was delivered stays where it was sent."""
    op.drop_table("delivery")
