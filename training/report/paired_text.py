"""The comparison as Markdown, to be kept beside the code.

Before it: `training.report.paired`. After it: whoever reads the repository.
"""

from collections.abc import Sequence
from pathlib import Path

from db.vocabulary import Sex
from training.report.paired import Comparison, Placed
from training.tables import text
from worker.card import TrainingCost

_HEADINGS = (
    *("", "recipe", "initial weights", "MAE, months", "girls", "boys", "less the best's", "R²"),
    *("kappa of stages", "adult recall, %", "parameters", "ms a step", "minutes", "memory, MB", "MB", "ms each"),
)


def write(comparison: Comparison, data: str, warnings: Sequence[str], remarks: Sequence[str], path: Path) -> None:
    """Write a comparison as a Markdown file.

    Parameters
    ----------
    comparison
        From `training.report.paired.compare`.
    data
        On what it was made, in sentences.
    warnings
        What must be known before any number is read.
    remarks
        What is to be said of the comparison beside what follows from each row.
    path
        The .md file.
    """
    lines = [
        "# Recipes side by side",
        "",
        "Made by `make comparison`; a page with plots and the numbers as JSON are made beside it.",
        "",
        data,
        *warnings,
        "",
        "Figures stand with 95% intervals; differences are paired, on the same resampled radiographs. Times are of one",
        "machine that did other work too.",
        "",
        "| " + " | ".join(_HEADINGS) + " |",
        "|" + " --- |" * len(_HEADINGS),
        *("| " + " | ".join(_cells(one)) + " |" for one in comparison.rows),
        "",
        *(f"- {remark}" for remark in (*remarks, *(remark for one in comparison.rows for remark in _remarks(one)))),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _remarks(one: Placed) -> list[str]:
    name = f"`{one.entrant.facts.card.name}`"
    remarks = [f"{name} gives stages and no bone age."] if one.entrant.facts.card.answers == "stages" else []
    return [*remarks, f"{name} is not ranked: {one.entrant.note}."] if one.entrant.note else remarks


def _cells(one: Placed) -> list[str]:
    described, analysis = one.entrant.facts, one.analysis
    stages = analysis.overall.stage_figures
    groups = (analysis.overall, analysis.by_sex[Sex.FEMALE], analysis.by_sex[Sex.MALE])
    return [
        str(one.rank or "–"),
        f"`{described.card.name}`",
        described.cost.initial_weights if described.cost else "",
        *(text(errors.figures["mae"], "mae") for errors in groups),
        text(one.mae_differences[None], "mae"),
        text(analysis.overall.figures["r2"], "r2"),
        text(stages["kappa"], "kappa"),
        text(stages["recall_adult"], "recall"),
        f"{described.card.parameters:,}",
        *_costs(described.cost),
        f"{described.exported_bytes / 1e6:.1f}",
        f"{one.entrant.ms_per_radiograph:.1f}",
    ]


def _costs(cost: TrainingCost | None) -> tuple[str, str, str]:
    if cost is None:
        return "", "", ""
    return f"{cost.ms_per_step:.0f}", f"{cost.seconds / 60:.1f}", f"{cost.peak_memory_bytes / 1e6:,.0f}"
