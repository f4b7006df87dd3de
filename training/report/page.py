"""Pages: one self-contained HTML file, without scripts and without anything to be fetched.

Before it: `training.report.evaluation` and `training.report.paired`. After it: a browser, or a printer.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from db.vocabulary import Sex
from training.analysis import Errors, Figure
from training.evaluate import BATCH_SIZE
from training.report import plots
from training.report.coverage import ReportedCoverage
from training.report.evaluation import Evaluation
from training.report.significance import DIAGNOSES, Significance
from training.tables import HEADINGS, text
from worker import brush
from worker.stage import STAGES

_SECTIONS = (
    ("targets", "Targets"),
    ("model", "The model"),
    ("errors", "Predicted and reference"),
    ("sex", "Girls and boys"),
    ("age", "Age groups"),
    ("stages", "Stages"),
    ("significance", "Clinically significant errors"),
    ("coverage", "Intervals"),
    ("gallery", "Most difficult"),
    ("stress", "Stress table"),
    ("history", "Training history"),
)
_TARGET_FIGURES = ("r2", "mae")
_SMALLEST_P = 0.001
_BYTES_PER_MEGABYTE = 1e6


def write_evaluation(evaluations: Sequence[Evaluation], data: str, warnings: Sequence[str], path: Path) -> None:
    """Write the report on one model or more, a chapter each.

    Parameters
    ----------
    evaluations
        From `training.report.evaluation`.
    data
        On what they were made, in a sentence.
    warnings
        What must be known before any number is read.
    path
        The .html file.
    """
    names = ", ".join(one.analysis.name for one in evaluations)
    page = (
        environment()
        .get_template("evaluation.html")
        .render(
            title=f"Bone age evaluation: {names}",
            data=data,
            warnings=warnings,
            chapters=[_chapter(one) for one in evaluations],
        )
    )
    path.write_text(page, encoding="utf-8")


def environment() -> Environment:
    """Return the templates with the words they all use."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "parts": _parts,
        "words": _words,
        "p_value": _p_value,
        "megabytes": lambda size: f"{size / _BYTES_PER_MEGABYTE:,.1f} MB",
        "duration": _duration,
    }
    made.globals |= {
        "headings": HEADINGS,
        "stages": [str(stage) for stage in STAGES],
        "diagnoses": [str(one) for one in DIAGNOSES],
        "brush_source": brush.SOURCE,
        "batch_size": BATCH_SIZE,
    }
    return made


def _chapter(one: Evaluation) -> dict[str, Any]:
    analysis, has_bone_ages = one.analysis, one.predictions.has_bone_ages
    found = {
        "name": analysis.name,
        "analysis": analysis,
        "has_bone_ages": has_bone_ages,
        "gives_stages": one.predictions.stage_probabilities is not None,
        "agreement": one.agreement,
        "significance": one.significance,
        "facts": one.facts,
        "ms_per_radiograph": one.ms_per_radiograph,
        "stress": one.stress,
        "coverage": one.coverage,
        "shares": _by_group(one.coverage),
        "history": one.history,
        "gallery": [(band, list(group)) for band, group in groupby(one.gallery, key=lambda shown: shown.band)],
        "recalls": [analysis.overall.stage_figures[f"recall_{stage}"] for stage in STAGES],
        "stage_groups": [
            ("girls", analysis.by_sex[Sex.FEMALE]),
            ("boys", analysis.by_sex[Sex.MALE]),
            ("all", analysis.overall),
        ],
        "target_names": (*_TARGET_FIGURES, *analysis.gap),
        "target_figures": [analysis.overall.figures[name] for name in _TARGET_FIGURES] + list(analysis.gap.values()),
        "rates": _by_group(one.significance),
        "tiles": _tiles(analysis.overall),
        "plots": SimpleNamespace(**_plots(one)),
    }
    is_shown = dict.fromkeys(("errors", "sex", "age"), has_bone_ages) | {"targets": analysis.targets, "stages": True}
    is_shown |= {"model": one.facts}
    shown = [name for name, _ in _SECTIONS if is_shown.get(name, found.get(name))]
    found["sections"] = [{"id": name, "words": words} for name, words in _SECTIONS if name in shown]
    return found


def _plots(one: Evaluation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if one.agreement is not None:
        found["predicted"] = plots.predicted_against_reference(one.predictions)
        found["residuals"] = plots.residuals(one.predictions, one.analysis)
        found["bland_altman"] = plots.bland_altman(one.predictions, one.agreement)
        found["error_bands"] = plots.error_bands(one.analysis)
    if one.stress is not None:
        found["stress"] = plots.stress_changes(one.stress)
    if one.history:
        found["history"] = plots.training_history(one.history)
    return found


def _by_group(found: Significance | ReportedCoverage | None) -> list[tuple[str, Any]]:
    """Return what is known over all, by sex and by age, with the names of the rows."""
    if found is None:
        return []
    by_sex: Mapping[Sex, Any] = found.by_sex
    bands = [(f"{band} months of bone age", one) for band, one in found.by_age_band.items()]
    return [("all", found.overall), ("girls", by_sex[Sex.FEMALE]), ("boys", by_sex[Sex.MALE]), *bands]


def _tiles(errors: Errors) -> list[dict[str, str]]:
    units = {"mae": " months", "rmse": " months", "r2": "", "within_12": " %"}
    words = {
        "mae": "mean absolute error",
        "rmse": "root mean square error",
        "r2": "R²",
        "within_12": "within ±12 months",
    }
    tiles = []
    for name, unit in units.items():
        value, interval = _parts(errors.figures[name], name)
        tiles.append({"words": words[name], "value": value + unit, "interval": interval})
    return [{"words": "radiographs", "value": f"{errors.radiographs:,}", "interval": ""}, *tiles]


def _words(figure: Figure, name: str) -> str:
    return text(figure, name).replace("-", "−") or "–"


def _parts(figure: Figure, name: str) -> tuple[str, str]:
    value, _, interval = _words(figure, name).partition(" (")
    return value, interval.removesuffix(")")


def _p_value(p: float) -> str:
    if math.isnan(p):
        return "–"
    return f"< {_SMALLEST_P}" if p < _SMALLEST_P else f"{p:.3f}"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if not minutes:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004  an hour
