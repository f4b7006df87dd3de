"""Labels of radiographs in CSV beside them: read whole, or refused with everything that is wrong in labels and files.

Before it: a folder. After it: `training.sources.rsna` and `training.sources.dicom` find the radiographs.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from db.vocabulary import Sex
from training import cache, checked_csv
from training.cases import MAX_BONE_AGE_MONTHS, Case, DataError, Picture, refuse
from training.checked_csv import Row, Table, number_problems
from training.sources.source import pseudonym

PATIENT, CHRONOLOGICAL_AGE = "patient_id", "chronological_age_months"  # columns that may be there
M_OR_F = {"M": Sex.MALE, "F": Sex.FEMALE}
IS_MALE = {
    spelling: sex
    for true, sex in (("True", Sex.MALE), ("False", Sex.FEMALE))
    for spelling in (true, true.upper(), true.lower())
}

_MAX_CHRONOLOGICAL_AGE_MONTHS = 300.0


class Found(NamedTuple):
    """A radiograph, and its patient if the file knows."""

    picture: Picture
    patient: str | None = None


@dataclass(frozen=True)
class Layout:
    """The columns that a table of labels must have.

    Attributes
    ----------
    identifier
        Tells the radiographs apart.
    sex
        With the values of `sexes`.
    bone_age
        In months.
    """

    identifier: str
    sex: str
    bone_age: str
    sexes: Mapping[str, Sex]

    @property
    def columns(self) -> tuple[str, str, str]:
        """Their names."""
        return self.identifier, self.sex, self.bone_age

    def problems(self, row: Row) -> list[str]:
        """Tell what is wrong in a row."""
        found = [] if row[self.identifier] else [f"{self.identifier} is empty"]
        if row[self.sex] not in self.sexes:
            first, second, *_ = dict.fromkeys(spelling.title() for spelling in self.sexes)
            found.append(f"{self.sex} {row[self.sex]!r}, expected {first} or {second}")
        found += number_problems(row, self.bone_age, MAX_BONE_AGE_MONTHS)
        if row.get(PATIENT) == "":
            found.append(f"{PATIENT} is empty, expected one in each row or no such column")
        if row.get(CHRONOLOGICAL_AGE):
            found += number_problems(row, CHRONOLOGICAL_AGE, _MAX_CHRONOLOGICAL_AGE_MONTHS)
        return found

    def case(self, row: Row, name: str, found: Found) -> Case:
        """Return the case of a row without problems."""
        patient = pseudonym("", row[PATIENT]) if row.get(PATIENT) else found.patient
        age = row.get(CHRONOLOGICAL_AGE)
        months = float(row[self.bone_age])
        return Case(
            name, patient or name, self.sexes[row[self.sex]], months, float(age) if age else None, found.picture
        )


Find = Callable[[Path, str, str], Found]


def cases(folder: Path, layouts: tuple[Layout, ...], find: Find) -> list[Case]:
    """Read the labelled radiographs of a folder.

    Parameters
    ----------
    folder
        With tables of labels in it, at any depth.
    layouts
        That a table may have; others are no labels.
    find
        From a table's folder, its identifying column and a value in it to the radiograph; raises `DataError` if there
        is none.

    Returns
    -------
    list of Case
        In the order of the tables. A name is the identifier, after the table's folder if that lies further down.

    Raises
    ------
    DataError
        Telling all that is wrong in the tables, and if anything is, which pictures cannot be read, too. Where the
        tables are right, `training.cache` tells that.
    """
    tables = [_Labels.of(table, layout, find, folder) for table, layout in _tables(folder, layouts)]
    problems = [problem for table in tables for problem in table.problems()] + _in_two(tables)
    if not problems and not any(table.table.rows for table in tables):
        problems.append(f"{folder}: no radiograph stands in the labels")
    if problems:
        pictures = {
            table.name_of(identifier): one.picture
            for table in tables
            for identifier, one in table.found.items()
            if isinstance(one, Found)
        }
        refuse(problems + cache.unreadable(pictures))
    return [case for table in tables for case in table.cases()]


def files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, by name, links followed and hidden ones left out."""
    seen = set[str]()
    for path, folders, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(path))
        # A link to a folder above would never end; __MACOSX holds what macOS adds to archives.
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith((".", "__MACOSX")) and os.path.realpath(Path(path, name)) not in seen
        )
        yield from (Path(path, name) for name in sorted(names) if not name.startswith("."))


@dataclass(frozen=True)
class _Labels:
    """A table with the radiograph of each identifier, or why there is none."""

    table: Table
    layout: Layout
    found: Mapping[str, Found | str]
    subfolder: Path

    @classmethod
    def of(cls, table: Table, layout: Layout, find: Find, folder: Path) -> "_Labels":
        named = sorted({row[layout.identifier] for row in table.rows.values() if row.get(layout.identifier)})
        found = {name: _found(find, table.path.parent, layout.identifier, name) for name in named}
        return cls(table, layout, found, table.path.parent.relative_to(folder))

    def name_of(self, identifier: str) -> str:
        return str(self.subfolder / identifier)

    def problems(self) -> list[str]:
        return self.table.problems(self.layout.identifier, self._problems_of)

    def cases(self) -> Iterator[Case]:
        for row in self.table.rows.values():
            identifier = row[self.layout.identifier]
            found = self.found[identifier]
            assert isinstance(found, Found)  # else there is a problem
            yield self.layout.case(row, self.name_of(identifier), found)

    def _problems_of(self, row: Row) -> list[str]:
        found = self.found.get(row[self.layout.identifier])
        return self.layout.problems(row) + ([found] if isinstance(found, str) else [])


def _found(find: Find, folder: Path, column: str, value: str) -> Found | str:
    try:
        return find(folder, column, value)
    except DataError as error:
        return str(error)


def _tables(folder: Path, layouts: tuple[Layout, ...]) -> list[tuple[Table, Layout]]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    tables = [checked_csv.read(path, DataError) for path in files(folder) if path.suffix.lower() == ".csv"]
    known = [(table, layout) for table in tables for layout in layouts if set(layout.columns) <= set(table.columns)]
    if not known:
        others = "".join(f"; {table.path.name} has {', '.join(table.columns) or 'none'}" for table in tables)
        expected = " or ".join(", ".join(layout.columns) for layout in layouts)
        raise DataError(f"{folder}: expected a CSV of labels in it with the columns {expected}{others}")
    first = {table.path: layout for table, layout in reversed(known)}  # of several, the first that fits
    return [(table, first[table.path]) for table in tables if table.path in first]


def _in_two(tables: list[_Labels]) -> list[str]:
    """Tell which radiographs stand in two tables, or in one by two names."""
    problems, where = [], dict[Picture, tuple[Path, str]]()
    for labels in tables:
        for name, found in labels.found.items():
            here = (labels.table.path, name)
            if isinstance(found, Found) and (first := where.setdefault(found.picture, here)) != here:
                problems.append(f"{labels.table.path}: {name} stands in {first[0]} already, as {first[1]}")
    return problems
