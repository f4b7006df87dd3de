"""The comparison as a page and as a table on the screen.

Before it: `training.report.paired`. After it: a reader.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from training.report import plots
from training.report.page import environment
from training.report.paired import Comparison, Placed
from training.tables import text


def write(comparison: Comparison, data: str, warnings: Sequence[str], path: Path) -> None:
    """Write a comparison as one self-contained HTML file.

    Parameters
    ----------
    comparison
        From `training.report.paired.compare`.
    data
        On what it was made, in a sentence.
    warnings
        What must be known before any number is read.
    path
        The .html file.
    """
    page = (
        environment()
        .get_template("comparison.html")
        .render(
            title="Bone age models side by side",
            data=data,
            warnings=warnings,
            comparison=comparison,
            has_costs=any(one.entrant.facts.cost for one in comparison.rows),
            plots=_plots(comparison),
        )
    )
    path.write_text(page, encoding="utf-8")


def on_screen(comparison: Comparison) -> Table:
    """Return a comparison as a table.

    Parameters
    ----------
    comparison
        From `training.report.paired.compare`.
    """
    headings = ("", "model", "MAE, months", "less the best's", "kappa of stages", "ms each", "note")
    drawn = Table(*headings, title="bundles on the same radiographs")
    for one in comparison.rows:
        figures = (
            text(one.analysis.overall.figures["mae"], "mae"),
            text(one.mae_differences[None], "mae"),
            text(one.analysis.overall.stage_figures["kappa"], "kappa"),
        )
        name, milliseconds = one.entrant.facts.name, f"{one.entrant.ms_per_radiograph:.1f}"
        drawn.add_row(str(one.rank or ""), name, *figures, milliseconds, one.entrant.note)
    return drawn


def _plots(comparison: Comparison) -> dict[str, Any]:
    maes = [(_label(one), one.analysis.overall.figures["mae"]) for one in comparison.rows if _has_months(one)]
    others = [(_label(one), one.mae_differences[None]) for one in comparison.rows if _has_months(one) and one.rank != 1]
    return {
        "mae": plots.estimates(maes, "mean absolute error, months") if maes else "",
        "differences": plots.differences(others, "MAE less the best's, months") if others and comparison.best else "",
    }


def _has_months(one: Placed) -> bool:
    return one.entrant.predictions.has_bone_ages


def _label(one: Placed) -> str:
    return f"{one.rank}. {one.entrant.facts.name}" if one.rank else f"{one.entrant.facts.name} (unranked)"
