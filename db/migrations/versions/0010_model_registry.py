"""The registry of model versions, the decisions about them, shadow assessments, and what a site corrects.

Revision 0010, after 0009.

Rules: one transaction; a lock is not waited for longer than 5 s, so fill big tables in batches in a later step; every
constraint has its name; views are not touched here (their files in ``db/views`` are applied after the last revision);
``downgrade`` really goes back, or says why it cannot.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from db.errors import PermanentError

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Checked at the end of the transaction, for within it the one steps down before the other takes its place.
_FUNCTION = """
CREATE FUNCTION {schema}.model_version_has_an_active() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    IF NOT EXISTS (SELECT FROM {schema}.model_version WHERE status = 'active') THEN
        RAISE check_violation USING MESSAGE =
            'no model version would be active: expected another one to be promoted in the same transaction';
    END IF;
    RETURN NULL;
END
$body$
"""
_CURRENT = "superseded_at IS NULL"
_REVIEWED = "review_reasons <> '{}'"
_WITHOUT_HEADLINE = "bone_age_months IS NULL AND (bone_age_if_female_months IS NOT NULL OR stage IS NULL)"


def upgrade() -> None:
    """Go to this revision; no version is registered, and the first worker to start registers its bundle."""
    op.add_column(
        "model_version",
        sa.Column(
            "status",
            sa.Text(),
            nullable=True,
            comment="NULL where no bundle of it is kept, as of imported predictions; such a one cannot be promoted",
        ),
    )
    op.add_column(
        "model_version",
        sa.Column("recipe", JSONB(), nullable=True, comment="that it was made by, if its bundle says"),
    )
    op.add_column(
        "model_version",
        sa.Column("parent_id", sa.BigInteger(), nullable=True, comment="the version that it was fine-tuned from"),
    )
    op.create_foreign_key(op.f("fk_model_version_parent_id"), "model_version", "model_version", ["parent_id"], ["id"])
    op.create_check_constraint(
        op.f("ck_model_version_status"), "model_version", "status IN ('candidate', 'shadow', 'active', 'retired')"
    )
    op.create_index(
        "uq_model_version_serving",
        "model_version",
        ["status"],
        unique=True,
        postgresql_where=sa.text("status IN ('active', 'shadow')"),
    )
    op.create_index(op.f("ix_model_version_parent_id"), "model_version", ["parent_id"])
    _create_trigger()
    _create_decisions()
    _create_site_calibrations()
    _add_to_assessments()


def downgrade() -> None:
    """Go back to the revision before, which knows no shadow; not while one has assessed beside the active version.

    Raises
    ------
    PermanentError
        When there are shadow assessments, which would become results, or corrected ones.
    """
    known = "SELECT count(*) FROM assessment WHERE is_shadow OR site_calibration_id IS NOT NULL"
    if count := op.get_bind().scalar(sa.text(known)):
        raise PermanentError(
            f"{count} assessments are of a shadow version or corrected for the site, which revision 0009 cannot tell; "
            "stay at 0010, or restore a backup from before it"
        )
    _replace_indexes(_CURRENT)
    op.drop_column("assessment", "site_calibration_id")
    op.drop_column("assessment", "is_shadow")
    op.drop_table("site_calibration")
    op.drop_table("model_decision")
    op.execute("DROP TRIGGER model_version_has_an_active ON model_version")
    op.execute("DROP FUNCTION model_version_has_an_active()")
    for column in ("parent_id", "recipe", "status"):
        op.drop_column("model_version", column)


def _create_trigger() -> None:
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.get_bind().exec_driver_sql(_FUNCTION.format(schema=schema))
    op.execute("REVOKE ALL ON FUNCTION model_version_has_an_active() FROM PUBLIC")
    op.execute(
        "CREATE CONSTRAINT TRIGGER model_version_has_an_active AFTER UPDATE OR DELETE ON model_version"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.status = 'active')"
        " EXECUTE FUNCTION model_version_has_an_active()"
    )


def _create_decisions() -> None:
    op.create_table(
        "model_decision",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("decided_at", TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column(
            "model_version_id",
            sa.BigInteger(),
            nullable=True,
            comment="whom it is about; NULL where there was no candidate",
        ),
        sa.Column(
            "active_id",
            sa.BigInteger(),
            nullable=True,
            comment="the active version after it; NULL where there was none yet",
        ),
        sa.Column("reasons", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "figures", JSONB(), server_default=sa.text("'{}'"), nullable=False, comment="the numbers it rests on"
        ),
        sa.Column("report", sa.Text(), nullable=True, comment="its page, among the models"),
        sa.CheckConstraint(
            "decision IN ('first', 'promoted', 'rolled back', 'shadowed', 'retired', 'refreshed', 'refused',"
            " 'not enough data', 'failed', 'new split')",
            name=op.f("ck_model_decision_decision"),
        ),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name=op.f("fk_model_decision_model_version_id")
        ),
        sa.ForeignKeyConstraint(["active_id"], ["model_version.id"], name=op.f("fk_model_decision_active_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_decision")),
    )
    for column in ("model_version_id", "active_id", "decided_at"):
        op.create_index(op.f(f"ix_model_decision_{column}"), "model_decision", [column])


def _create_site_calibrations() -> None:
    op.create_table(
        "site_calibration",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("model_version_id", sa.BigInteger(), nullable=False),
        sa.Column("fitted_at", TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "correction",
            JSONB(),
            nullable=False,
            comment="intercept_months and slope by sex, M and F; nothing of a sex whose estimates stay as they are",
        ),
        sa.Column(
            "calibration",
            JSONB(),
            nullable=True,
            comment="of the corrected estimates' intervals; NULL where those of the card stay",
        ),
        sa.Column("figures", JSONB(), nullable=False, comment="what it changes, cross-validated"),
        sa.Column("retired_at", TIMESTAMP(timezone=True), nullable=True, comment="when another took its place"),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_version.id"], name=op.f("fk_site_calibration_model_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_calibration")),
    )
    op.create_index(
        "uq_site_calibration_current",
        "site_calibration",
        ["model_version_id"],
        unique=True,
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_index(op.f("ix_site_calibration_model_version_id"), "site_calibration", ["model_version_id"])


def _add_to_assessments() -> None:
    op.add_column(
        "assessment",
        sa.Column(
            "is_shadow",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="made beside the active version's, to be compared; never the result",
        ),
    )
    op.add_column(
        "assessment",
        sa.Column(
            "site_calibration_id",
            sa.BigInteger(),
            nullable=True,
            comment="by which the network's bone ages were corrected, if they were",
        ),
    )
    op.create_foreign_key(
        op.f("fk_assessment_site_calibration_id"), "assessment", "site_calibration", ["site_calibration_id"], ["id"]
    )
    _replace_indexes(f"{_CURRENT} AND NOT is_shadow")


def _replace_indexes(is_result: str) -> None:
    """Let the indexes of what is or awaits a result hold those assessments that are one."""
    for name, condition in (
        ("uq_assessment_current", is_result),
        ("ix_assessment_to_review", f"{_REVIEWED} AND {is_result}"),
        ("ix_assessment_without_headline", f"{_WITHOUT_HEADLINE} AND {is_result}"),
    ):
        op.drop_index(name, table_name="assessment")
        op.create_index(
            name,
            "assessment",
            ["radiograph_id"],
            unique=name.startswith("uq"),
            postgresql_where=sa.text(condition),
        )
