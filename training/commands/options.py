"""What several commands are told, and how they tell what they found.

Before it: the command line. After it: the commands beside this file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from training import recipe
from training.cases import Case, Part
from training.recipe import Recipe
from training.sources import KINDS, open_source
from training.sources.source import counted
from training.split import DEFAULT_FRACTIONS

WORK_FOLDER = Path(".carpus")
DRAWN = "Judged on drawn hands, on no radiograph of a patient: the error on real radiographs is another, and unknown."

ALL = "Judged on all of these radiographs, those too that a model may have learned from; --part test leaves them out."

WorkFolder = Annotated[Path, typer.Option(help="Keeps pictures and checkpoints; an interrupted run goes on.")]
Data = Annotated[str, typer.Option(help=f"{KINDS}; of drawn hands the first N test hands.")]
PartOption = Annotated[
    Part | None, typer.Option(help="Of the data, split by --split-seed; all radiographs or the test hands by default.")
]
SplitSeed = Annotated[
    int | None, typer.Option(min=0, help="Of the split by patient; that of the bundle's recipe by default.")
]
Report = Annotated[Path | None, typer.Option(help="An .html file for the page; its numbers go beside it, as .json.")]


@dataclass(frozen=True)
class Judged:
    """On what a report rests, in words, and what must be known before any number in it is read."""

    words: str
    warnings: tuple[str, ...]


def chosen(data: str, part: Part | None, split_seed: int | None, folder: Path) -> tuple[list[Case], Judged]:
    """Return the cases that ``--data`` and ``--part`` name, split as for the bundle in a folder or as told."""
    source, made_by = open_source(data), recipe.of_bundle(folder)
    cases = source.chosen(part, *split_of(made_by, split_seed))
    warnings = (DRAWN,) if not source.are_radiographs else (ALL,) if part is None else ()
    return cases, Judged(counted(cases, source), warnings)


def split_of(made_by: Recipe | None, split_seed: int | None) -> tuple[Mapping[Part, float], int]:
    """Return the fractions and the seed of the split: a recipe's, or the usual."""
    fractions = made_by.split.fractions if made_by else DEFAULT_FRACTIONS
    seed = made_by.fit.seed if made_by else 0
    return fractions, seed if split_seed is None else split_seed


def expect_html(report: Path | None) -> None:
    """Refuse a file of another kind."""
    if report is not None and report.suffix != ".html":
        raise typer.BadParameter(f"expected an .html file, received {report}", param_hint="--report")


def write_json(found: Mapping[str, object], judged: Judged, path: Path | None) -> None:
    """Write what was found, after what must be known before, if a file is wanted."""
    if path is not None:
        found = {"data": judged.words, "warnings": judged.warnings, **found}
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
