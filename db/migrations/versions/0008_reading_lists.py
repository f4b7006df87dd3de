"""Reading lists, and reads that know whether they were asked for, blinded, and still stand.

Revision 0008, after 0007.

Rules: one transaction; a lock is not waited for longer than 5 s, so fill big tables in batches in a later step; every
constraint has its name; views are not touched here (their files in ``db/views`` are applied after the last revision);
``downgrade`` really goes back, or says why it cannot.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.errors import PermanentError

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Of the same reader's reads of a radiograph the later by read_at stands, by whomever it is inserted: so in the owner's
# name, for who enters reads may change none. Two sessions that enter reads of one reader take turns, or both would
# find no earlier read; other readers' do not wait. Its plans are made once a session, perhaps while the table is small;
# one that scanned it all would make an import of 20,000 reads take a minute and not seconds.
_FUNCTION = """
CREATE FUNCTION {schema}.reference_read_takes_its_place() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $body$
BEGIN
    IF btrim(NEW.reader) = '' THEN
        RAISE check_violation USING MESSAGE = 'reader is empty: expected who read the radiograph';
    END IF;
    -- A minute, for the clock of who sends it may be ahead. A read in the future would outlast all that come.
    IF NEW.read_at > clock_timestamp() + interval '1 minute' THEN
        RAISE check_violation USING MESSAGE = 'read_at is in the future: expected when the radiograph was read';
    END IF;
    IF NEW.superseded_at IS NOT NULL THEN
        RETURN NEW;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('reference_read of ' || NEW.reader, 0));
    IF EXISTS (
        SELECT FROM {schema}.reference_read AS standing
        WHERE standing.radiograph_id = NEW.radiograph_id AND standing.reader = NEW.reader
            AND standing.superseded_at IS NULL AND standing.read_at > NEW.read_at
    ) THEN
        NEW.superseded_at := now();
    ELSE
        UPDATE {schema}.reference_read AS standing SET superseded_at = now()
        WHERE standing.radiograph_id = NEW.radiograph_id AND standing.reader = NEW.reader
            AND standing.superseded_at IS NULL;
    END IF;
    RETURN NEW;
END
$body$
"""


def upgrade() -> None:
    """Go to this revision; the reads there are stand, and nobody asked for them."""
    _create_lists()
    op.add_column(
        "reference_read",
        sa.Column(
            "reading_list_id",
            sa.BigInteger(),
            nullable=True,
            comment="the list that asked for it; NULL where its reader entered it by himself",
        ),
    )
    op.add_column(
        "reference_read",
        sa.Column(
            "is_blinded",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether the reader had not seen the estimate",
        ),
    )
    op.add_column(
        "reference_read",
        sa.Column(
            "superseded_at",
            postgresql.TIMESTAMP(timezone=True),
            nullable=True,
            comment="when a later read of the same reader took its place",
        ),
    )
    op.create_foreign_key(
        op.f("fk_reference_read_reading_list_id_radiograph_id"),
        "reference_read",
        "reading_list_item",
        ["reading_list_id", "radiograph_id"],
        ["reading_list_id", "radiograph_id"],
    )
    op.drop_constraint(op.f("uq_reference_read_radiograph_id_reader"), "reference_read")
    op.create_index(op.f("ix_reference_read_radiograph_id"), "reference_read", ["radiograph_id"])
    op.create_index(
        op.f("ix_reference_read_reading_list_id_radiograph_id"),
        "reference_read",
        ["reading_list_id", "radiograph_id"],
        postgresql_where=sa.text("reading_list_id IS NOT NULL"),
    )
    op.create_index(
        "uq_reference_read_current",
        "reference_read",
        ["radiograph_id", "reader"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    _create_trigger()


def downgrade() -> None:
    """Go back to the revision before; not while it would be forgotten what a reader said first, or was asked.

    Raises
    ------
    PermanentError
        When any read is superseded, sampled or blinded.
    """
    known = "SELECT count(*) FROM reference_read WHERE superseded_at IS NOT NULL OR reading_list_id IS NOT NULL OR is_blinded"
    if count := op.get_bind().scalar(sa.text(known)):
        raise PermanentError(
            f"{count} reference reads are superseded, sampled or blinded, which revision 0007 cannot tell; stay at 0008, "
            "or restore a backup from before it"
        )
    op.execute("DROP TRIGGER reference_read_takes_its_place ON reference_read")
    op.execute("DROP FUNCTION reference_read_takes_its_place()")
    op.drop_index("uq_reference_read_current", table_name="reference_read")
    op.drop_index(op.f("ix_reference_read_reading_list_id_radiograph_id"), table_name="reference_read")
    op.drop_index(op.f("ix_reference_read_radiograph_id"), table_name="reference_read")
    op.create_unique_constraint(
        op.f("uq_reference_read_radiograph_id_reader"), "reference_read", ["radiograph_id", "reader"]
    )
    op.drop_constraint(op.f("fk_reference_read_reading_list_id_radiograph_id"), "reference_read")
    for column in ("superseded_at", "is_blinded", "reading_list_id"):
        op.drop_column("reference_read", column)
    op.drop_table("reading_list_item")
    op.drop_table("reading_list")


def _create_lists() -> None:
    op.create_table(
        "reading_list",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("drawn_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False, comment="of the random numbers it was drawn by"),
        sa.Column(
            "stratified_by",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="what it has the same shares of as the radiographs it was drawn from",
        ),
        sa.CheckConstraint("stratified_by <@ ARRAY['sex', 'age']", name=op.f("ck_reading_list_stratified_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reading_list")),
    )
    op.create_table(
        "reading_list_item",
        sa.Column("reading_list_id", sa.BigInteger(), nullable=False),
        sa.Column("radiograph_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="1 is read first"),
        sa.CheckConstraint("position >= 1", name=op.f("ck_reading_list_item_position")),
        sa.ForeignKeyConstraint(
            ["reading_list_id"],
            ["reading_list.id"],
            name=op.f("fk_reading_list_item_reading_list_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["radiograph_id"], ["radiograph.id"], name=op.f("fk_reading_list_item_radiograph_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("reading_list_id", "radiograph_id", name=op.f("pk_reading_list_item")),
        sa.UniqueConstraint("reading_list_id", "position", name=op.f("uq_reading_list_item_reading_list_id_position")),
    )
    op.create_index(op.f("ix_reading_list_item_radiograph_id"), "reading_list_item", ["radiograph_id"])


def _create_trigger() -> None:
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.get_bind().exec_driver_sql(_FUNCTION.format(schema=schema))
    # Or anybody could let it run over a temporary table of his own, and so supersede reads without entering one.
    op.execute("REVOKE ALL ON FUNCTION reference_read_takes_its_place() FROM PUBLIC")
    op.execute(
        "CREATE TRIGGER reference_read_takes_its_place BEFORE INSERT ON reference_read"
        " FOR EACH ROW EXECUTE FUNCTION reference_read_takes_its_place()"
    )
