"""A reading list is drawn: radiographs at random, of which readers are asked for a bone age without seeing the answer.

Before it: assessments in ``result``. After it: readers fill in the file, and `carpus.reads.enter` imports it. The lists
are the services' to insert (the role ``carpus_writer``), not of those who read: who chose his radiographs could choose
those on which he disagrees.
"""

import csv
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from carpus.reads.known import Connection, opened
from carpus.reads.sheet import ReadsError
from db.roles import Role
from db.vocabulary import Stratum
from training.analysis import AGE_BAND_EDGES_MONTHS

COLUMNS = ("reading_list", "position", "sop_instance_uid", "accession_number", "bone_age_months", "reader", "read_at")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet would begin to calculate
# A read that its reader superseded by one that nobody asked for still counts.
_POPULATION = """
SELECT radiograph_id, sop_instance_uid, accession_number, patient_sex,
    coalesce(bone_age_months, (bone_age_if_female_months + bone_age_if_male_months) / 2)
FROM result WHERE NOT EXISTS (
    SELECT FROM reads
    WHERE reads.radiograph_id = result.radiograph_id AND reads.is_sampled AND (reads.is_current OR reads.is_counted)
)
ORDER BY radiograph_id
"""


@dataclass(frozen=True)
class Candidate:
    """A radiograph that may be drawn; its bone age is the estimate, months, None where the model gives none."""

    radiograph_id: int
    sop_instance_uid: str
    accession_number: str | None
    patient_sex: str
    bone_age_months: float | None

    def stratum(self, by: Sequence[Stratum]) -> tuple[str, int]:
        """Return the group it is drawn from: by sex, by the age groups of the evaluation, by both, or by none."""
        age_group = -1
        if Stratum.AGE in by and self.bone_age_months is not None:
            age_group = bisect_right(AGE_BAND_EDGES_MONTHS[1:-1], self.bone_age_months)
        return (self.patient_sex if Stratum.SEX in by else "", age_group)


def run(count: int, by: Sequence[Stratum], seed: int, output: Path, console: Console) -> None:
    """Draw a reading list and write the file to fill in.

    Parameters
    ----------
    count
        How many radiographs.
    by
        What it is stratified by.
    seed
        Of the random numbers: the same one draws the same list from the same radiographs.
    output
        The file, which must not be there yet.
    console
        Where the operator reads.

    Raises
    ------
    ReadsError
        When the file is there, or there are not so many radiographs.
    """
    if output.exists():
        raise ReadsError(f"{output} is there already, and its reads may be: give --output another name")
    with opened(Role.WRITER) as connection:
        candidates = [Candidate(*row) for row in connection.execute(_POPULATION)]
        if len(candidates) < count:
            raise ReadsError(
                f"{len(candidates)} radiographs have a result and no sampled read yet, so {count} cannot be drawn: "
                "ask for fewer, or wait for more"
            )
        drawn = draw(candidates, count, by, seed)
        reading_list_id = _insert(connection, drawn, by, seed)
        _write(output, reading_list_id, drawn)
        try:
            connection.commit()
        except BaseException:
            output.unlink()
            raise
    said = f"reading list {reading_list_id}: {count} of {len(candidates)} radiographs, seed {seed}, in {output}"
    console.print(f"{said}; `carpus reads import` takes it back", highlight=False, markup=False, soft_wrap=True)


def draw(candidates: Sequence[Candidate], count: int, by: Sequence[Stratum], seed: int) -> list[Candidate]:
    """Draw radiographs at random, from each stratum its share of all, in random order.

    Every so-manieth is taken of those in random order, stratum after stratum, from a random beginning: then each
    radiograph is exactly as likely as any other, and what is found of the list needs no weights.

    Parameters
    ----------
    candidates
        At least ``count``, in an order that is always the same.
    count
        How many.
    by
        What is stratified by.
    seed
        Of the random numbers.

    References
    ----------
    Cochran, Sampling Techniques, 1977, chapter 8 (systematic sampling).
    """
    numbers = random.Random(seed)  # noqa: S311  nothing secret
    in_order = list(candidates)
    numbers.shuffle(in_order)
    in_order.sort(key=lambda candidate: candidate.stratum(by))  # it leaves the order within a stratum
    begin = numbers.randrange(len(in_order))
    drawn = [in_order[(number * len(in_order) + begin) // count] for number in range(count)]
    numbers.shuffle(drawn)
    return drawn


def _insert(connection: Connection, drawn: Sequence[Candidate], by: Sequence[Stratum], seed: int) -> int:
    inserted = "INSERT INTO reading_list (seed, stratified_by) VALUES (%s, %s) RETURNING id"
    row = connection.execute(inserted, [seed, [stratum.value for stratum in by]]).fetchone()
    assert row is not None
    reading_list_id = int(row[0])
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO reading_list_item (reading_list_id, radiograph_id, position) VALUES (%s, %s, %s)",
            [(reading_list_id, one.radiograph_id, position) for position, one in enumerate(drawn, start=1)],
        )
    return reading_list_id


def _write(output: Path, reading_list_id: int, drawn: Sequence[Candidate]) -> None:
    """Write the file, for its owner's eyes alone: accession numbers are patients'."""
    output.touch(0o600, exist_ok=False)
    try:
        with output.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for position, one in enumerate(drawn, start=1):
                accession = one.accession_number or ""
                accession = f"'{accession}" if accession.startswith(_FORMULA) else accession
                writer.writerow([reading_list_id, position, one.sop_instance_uid, accession, "", "", ""])
    except BaseException:
        output.unlink()
        raise
