"""The page of a gender audit: one self-contained HTML file.

Before it: `carpus.audit` asked the views. After it: a browser, or a printer. Nothing is worked out anew here but the
plots, which show radiographs one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from db.vocabulary import AuditVerdict, Sex
from training.analysis import analyse
from training.predictions import Predictions, numbered
from training.report import audit_plots, plots
from training.report.page import environment

_WORDS = {
    "n_assessed": "radiographs assessed",
    "n": "judged: with a sampled and blinded read",
    "n_other_reads": "with other reads only, not judged",
    "n_without_bone_age": "with such a read, but without an estimate",
    "mae_months": "MAE, months",
    "rmse_months": "RMSE, months",
    "r2": "R²",
    "bias_months": "bias, months",
    "within_12_months": "within ±12 months, share",
    "interval_coverage": "reference in the 90% interval, share",
    "recall_child": "recall of child",
    "recall_adolescent": "recall of adolescent",
    "recall_adult": "recall of adult",
    "n_with_age": "of known chronological age",
    "clinically_significant_errors": "clinically significant errors of these, share",
    "novelty_flags": "flagged as novel, share of all assessed",
    "mean_sex_effect_months": "effect of the sex input, months, mean of all assessed",
}
_SEXES = {"F": "girls", "M": "boys", "unknown": "sex not known"}


@dataclass(frozen=True)
class Past:
    """When an audit was run, and its rows of ``gender_audit_gap``."""

    run_at: datetime
    gaps: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Page:
    """What stands on the page.

    Attributes
    ----------
    by_sex, gaps
        Rows of ``gender_audit`` and ``gender_audit_gap``.
    past
        All audits of the model version so far, this one too, the earliest first.
    predictions
        The radiographs in the plots, of known sex; maybe not all.
    """

    title: str
    sha256: str
    verdict: AuditVerdict
    by_sex: Sequence[Mapping[str, Any]]
    gaps: Sequence[Mapping[str, Any]]
    past: Sequence[Past]
    predictions: Predictions


def predictions(name: str, radiographs: Sequence[Any]) -> Predictions:
    """Return rows of ``gender_audit_radiograph``, of known sex, as what the plots take.

    Parameters
    ----------
    name
        Of the model.
    radiographs
        Rows with ``radiograph_id``, ``patient_sex``, ``patient``, ``reference_months`` and ``bone_age_months``.
    """
    return Predictions(
        name,
        np.array([row.reference_months for row in radiographs], np.float64),
        np.array([row.bone_age_months for row in radiographs], np.float64),
        np.array([row.patient_sex == Sex.MALE for row in radiographs], np.bool_),
        tuple(str(row.radiograph_id) for row in radiographs),
        patients=numbered([row.patient for row in radiographs]),
    )


def write(page: Page, path: Path) -> None:
    """Write the page.

    Parameters
    ----------
    page
        What stands on it.
    path
        The .html file.
    """
    judged = sum(row["n"] for row in page.by_sex if row["sex"] in {Sex.MALE, Sex.FEMALE})
    shown = len(page.predictions.names)
    text = (
        environment()
        .get_template("audit.html")
        .render(
            title=page.title,
            page=page,
            words=_WORDS,
            sexes=_SEXES,
            shown=f"{shown:,} of {judged:,} radiographs, drawn at random"
            if shown < judged
            else "all radiographs judged",
            has_radiographs=bool(shown),
            plots=_plots(page),
        )
    )
    path.write_text(text, encoding="utf-8")


def _plots(page: Page) -> dict[str, Markup]:
    shown = page.predictions
    found = {"time": audit_plots.gap_over_time([(one.run_at, _standardised(one.gaps)) for one in page.past])}
    if not shown.names:
        return found
    sexes = (("F", shown.where(~shown.is_male)), ("M", shown.where(shown.is_male)))
    return found | {
        "distribution": audit_plots.error_distribution(shown),
        "predicted": plots.predicted_against_reference(shown),
        "age": audit_plots.errors_by_age([(sex, analyse(one)) for sex, one in sexes if one.names]),
    }


def _standardised(gaps: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float, float]]:
    return {
        row["figure"]: (row["gap"], row["gap_low"], row["gap_high"])
        for row in gaps
        if row["is_standardised"] and row["gap_low"] is not None
    }
