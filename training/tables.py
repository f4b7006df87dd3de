"""Figures as tables for the screen, and as JSON.

Before it: `training.analysis`. After it: a reader.
"""

import math
from typing import Any

from rich.console import Group
from rich.table import Table

from training.analysis import Analysis, Errors, Figure
from worker.stage import STAGES

_PERCENT = {"within_12", "under_5", "from_5_to_15", "over_15", "accuracy", "recall", "rate"}
_WITHOUT_UNIT = {"r2", "kappa"}
HEADINGS = {
    "mae": "MAE, months",
    "rmse": "RMSE, months",
    "r2": "R²",
    "mean_error": "mean error, months",
    "within_12": "within ±12 months, %",
}


def on_screen(analysis: Analysis) -> Group:
    """Return an analysis as tables: the errors by group, the gap between the sexes, the stages, the targets.

    Parameters
    ----------
    analysis
        Of one model; one that gives no bone age has stages only.
    """
    if math.isnan(analysis.overall.figures["mae"].value):  # of a model that gives stages and no bone age
        return Group(_stages(analysis.overall))
    return Group(_errors(analysis), _gap(analysis), _stages(analysis.overall), _targets(analysis))


def as_json(analysis: Analysis) -> dict[str, Any]:
    """Return an analysis as what JSON can hold, unrounded; what is not known is null.

    Parameters
    ----------
    analysis
        Of one model.
    """
    return {
        "model": analysis.name,
        "overall": _group(analysis.overall),
        "by_sex": {str(sex): _group(errors) for sex, errors in analysis.by_sex.items()},
        "by_age_band_months": {band: _group(errors) for band, errors in analysis.by_age_band.items()},
        "girls_less_boys": {name: json_figure(figure) for name, figure in analysis.gap.items()},
        "targets": [
            {"target": one.words, "is_met": one.is_met, "is_proven": one.is_proven} for one in analysis.targets
        ],
    }


def _group(errors: Errors) -> dict[str, Any]:
    figures = {name: json_figure(figure) for name, figure in errors.figures.items()}
    stages = {name: json_figure(figure) for name, figure in errors.stage_figures.items()}
    return {
        "radiographs": errors.radiographs,
        **figures,
        "stages": {**stages, "confusion": errors.confusion.tolist(), "order": [str(stage) for stage in STAGES]},
    }


def json_figure(figure: Figure) -> dict[str, float | None] | None:
    """Return an estimate and its interval as what JSON can hold; what is not known is null."""
    told = {"value": figure.value, "low": figure.low, "high": figure.high}
    return None if math.isnan(figure.value) else {name: None if math.isnan(one) else one for name, one in told.items()}


def _errors(analysis: Analysis) -> Table:
    drawn = Table("", "n", *HEADINGS.values(), title=f"{analysis.name}: figures with 95% intervals")
    sexes = [("girls" if sex == "F" else "boys", errors) for sex, errors in analysis.by_sex.items()]
    bands = [(f"{band} months", errors) for band, errors in analysis.by_age_band.items()]
    for name, errors in [("all", analysis.overall), *sexes, *bands]:
        texts = [text(errors.figures[figure], figure) for figure in HEADINGS]
        drawn.add_row(name, f"{errors.radiographs:,}", *texts)
    return drawn


def _gap(analysis: Analysis) -> Table:
    drawn = Table(*(HEADINGS[name] for name in analysis.gap), title="girls less boys")
    drawn.add_row(*(text(figure, name) for name, figure in analysis.gap.items()))
    return drawn


def _stages(errors: Errors) -> Table:
    drawn = Table("stage", *(f"read as {stage.lower()}" for stage in STAGES), "recall, %", title="stages")
    for number, stage in enumerate(STAGES):
        counts = [f"{count:,}" for count in errors.confusion[number]]
        drawn.add_row(stage.lower(), *counts, text(errors.stage_figures[f"recall_{stage.lower()}"], "recall"))
    accuracy, kappa = (text(errors.stage_figures[name], name) for name in ("accuracy", "kappa"))
    drawn.caption = f"accuracy {accuracy} %, quadratic weighted kappa {kappa}"
    return drawn


def _targets(analysis: Analysis) -> Table:
    drawn = Table("target", "met", "by the whole interval", title="targets")
    for target in analysis.targets:
        drawn.add_row(target.words, _yes(is_so=target.is_met), _yes(is_so=target.is_proven))
    return drawn


def _yes(*, is_so: bool | None) -> str:
    return {None: "cannot be told", True: "yes", False: "no"}[is_so]


def text(figure: Figure, name: str) -> str:
    """Return an estimate with its interval in words, in percent where its name is that of a fraction."""
    if math.isnan(figure.value):
        return ""
    scale, digits = (100, 1) if name in _PERCENT else (1, 3 if name in _WITHOUT_UNIT else 2)
    value, low, high = (f"{scale * one:.{digits}f}" for one in (figure.value, figure.low, figure.high))
    return value if math.isnan(figure.low) else f"{value} ({low} to {high})"
