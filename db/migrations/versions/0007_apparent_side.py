"""Which hand the header says it is, as which it appears, and what follows from that.

Revision 0007, after 0006.

Rules: one transaction; a lock is not waited for longer than 5 s, so fill big tables in batches in a later step; every
constraint has its name; views are not touched here (their files in ``db/views`` are applied after the last revision);
``downgrade`` really goes back, or says why it cannot.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_COLUMNS = {
    "radiograph": {
        "laterality": "ImageLaterality, else Laterality; NULL where not L or R",
        "patient_orientation": "where the rows and the columns run to, as in the header",
        "view_position": "ViewPosition, else ViewCodeSequence; NULL where not PA or AP",
    },
    "assessment": {"apparent_side": "as which hand it appears if it is seen from its back; NULL where not sure"},
}
_CONSTRAINTS = {
    "radiograph": {
        "laterality": "laterality IN ('L', 'R')",
        "view_position": "view_position IN ('PA', 'AP')",
        "patient_orientation": r"patient_orientation ~ '^[APRLHF]{1,3}\\[APRLHF]{1,3}$'",
    },
    "assessment": {"apparent_side": "apparent_side IN ('left', 'right')"},
}
_WORDS = {
    "review_reasons": (
        "unlike the radiographs that the model knows",
        "hardly any contrast",
        "a quarter or more of the hand is clipped to white",
        "no hand is found, or it reaches all borders",
        "the hand is cut off",
    ),
    "notes": ("came as a negative, and was inverted",),
}
_NEW_WORDS = {
    "review_reasons": (
        "more than one hand is seen",
        "the hand is not upright",
        "the side it appears to be is not the one that its header says",
    ),
    "notes": (
        "a right hand, assessed mirrored",
        "a left hand with its thumb on the left, assessed mirrored",
        "appears right or mirrored, assessed mirrored",
    ),
}


def upgrade() -> None:
    """Go to this revision; what was registered or assessed before says nothing of sides."""
    for table, columns in _COLUMNS.items():
        for name, comment in columns.items():
            op.add_column(table, sa.Column(name, sa.Text(), nullable=True, comment=comment))
        for name, condition in _CONSTRAINTS[table].items():
            op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
    for column, words in _WORDS.items():
        _allow(column, words + _NEW_WORDS[column])


def downgrade() -> None:
    """Go back to the revision before, which knows no sides: the words for them go from the rows.

    A heat map of a hand that was assessed mirrored then lies mirrored; assessing anew gives all of it again.
    """
    for column, words in _WORDS.items():
        for word in _NEW_WORDS[column]:
            rows = sa.table("assessment", sa.column(column, sa.ARRAY(sa.Text())))
            kept = sa.func.array_remove(rows.c[column], word)
            op.execute(rows.update().where(rows.c[column].any_() == word).values({column: kept}))
        _allow(column, words)
    for table in reversed(_COLUMNS):
        for name in reversed(_CONSTRAINTS[table]):
            op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
        for name in reversed(_COLUMNS[table]):
            op.drop_column(table, name)


def _allow(column: str, words: tuple[str, ...]) -> None:
    op.drop_constraint(op.f(f"ck_assessment_{column}"), "assessment")
    op.create_check_constraint(op.f(f"ck_assessment_{column}"), "assessment", f"{column} <@ ARRAY[{_listed(words)}]")


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)
