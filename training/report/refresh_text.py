"""A judgement in words and numbers: the cells of its criteria, and a table of them for the screen.

Before it: `training.gate`. After it: a reader, or the page of `training.report.refresh`.
"""

import math
from dataclasses import dataclass

from rich.table import Table

from training.criteria import Criterion, Unit
from training.gate import Judgement

_IS_MET = {None: "cannot be told", True: "yes", False: "no"}


@dataclass(frozen=True)
class Cells:
    """A criterion's figures as text; shares in percent, and differences of them in percentage points."""

    active: str
    candidate: str
    difference: str
    bound: str
    limit: str


def cells(one: Criterion) -> Cells:
    """Return a criterion's figures as text.

    Parameters
    ----------
    one
        What was asked; what is not known becomes a dash.
    """
    side = "≤" if one.unit is Unit.MONTHS else "≥"
    return Cells(
        _number(one.active, one.unit),
        _number(one.candidate, one.unit),
        _number(one.difference.value, one.unit, "+"),
        _number(one.difference.bound, one.unit, "+"),
        f"{side} {_number(one.limit, one.unit, '+')}",
    )


def on_screen(judgement: Judgement) -> Table:
    """Return a judgement as a table for the screen: the criteria, the verdict above and the reasons below.

    Parameters
    ----------
    judgement
        From `training.gate`; without criteria the table has no rows.
    """
    lines = [*judgement.reasons, *judgement.not_asked]
    drawn = Table(title=f"refresh: {judgement.verdict}", caption="\n".join(lines) or None, caption_justify="left")
    drawn.add_column("criterion")
    for heading in ("n", "active", "candidate", "difference", "95% bound", "allowed"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    drawn.add_column("met", no_wrap=True)
    for one in judgement.criteria:
        told = cells(one)
        figures = (told.active, told.candidate, told.difference, told.bound, told.limit)
        drawn.add_row(f"{one.subject}, {unit(one)}", f"{one.radiographs:,}", *figures, _IS_MET[one.is_met])
    return drawn


def unit(one: Criterion) -> str:
    """Return what a criterion's figures are in."""
    return "months" if one.unit is Unit.MONTHS else "%"


def _number(value: float, of: Unit, sign: str = "") -> str:
    if math.isnan(value):
        return "–"
    scaled, digits = (value, 2) if of is Unit.MONTHS else (100 * value, 1)
    written = f"{round(scaled, digits) + 0.0:{sign}.{digits}f}"
    return written.removeprefix("+").replace("-", "−") if float(written) == 0 else written.replace("-", "−")
