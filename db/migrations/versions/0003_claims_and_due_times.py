"""Claims that are counted for good, and due times that know when they were set.

Revision 0003, after 0002.

Rules: one transaction; a lock is not waited for longer than 5 s, so fill big tables in batches in a later step; every
constraint has its name; views are not touched here (their files in ``db/views`` are applied after the last revision);
``downgrade`` really goes back, or says why it cannot.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ATTEMPTS_BEFORE = "of the present step; also its claim's token"
_ATTEMPTS = "of the present step, as far as they are charged"


def upgrade() -> None:
    """Go to this revision."""
    op.alter_column("radiograph", "attempts", comment=_ATTEMPTS, existing_comment=_ATTEMPTS_BEFORE)
    op.add_column(
        "radiograph",
        sa.Column(
            "claims",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="ever taken, never counted back: the last one's token",
        ),
    )
    op.add_column(
        "radiograph",
        sa.Column(
            "due_set_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when due_at was set: later than now where the clock was set back since",
        ),
    )
    op.create_check_constraint(op.f("ck_radiograph_claims"), "radiograph", "claims >= 0")


def downgrade() -> None:
    """Go back to the revision before, where a claim that is held now still has its attempt for a token."""
    op.drop_constraint(op.f("ck_radiograph_claims"), "radiograph")
    op.drop_column("radiograph", "due_set_at")
    op.drop_column("radiograph", "claims")
    op.alter_column("radiograph", "attempts", comment=_ATTEMPTS_BEFORE, existing_comment=_ATTEMPTS)
