"""Everything that one report says of one model, gathered; and the same as JSON.

Before it: predictions, and a bundle with its engine where there is one. After it: `training.report.page`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from training import cache
from training.analysis import Analysis, Figure, analyse
from training.cases import Case
from training.evaluate import ask
from training.predictions import Predictions
from training.report import history
from training.report.agreement import Agreement, agreement
from training.report.coverage import ReportedCoverage, Share, coverage
from training.report.facts import Facts, facts
from training.report.gallery import Exhibit, gallery
from training.report.history import Epoch
from training.report.significance import DIAGNOSES, Rate, Significance, significance
from training.report.stress import Stressed, StressTable, stress
from training.tables import as_json as analysis_as_json
from training.tables import json_figure
from worker import brush
from worker.bundle import Bundle
from worker.engines import Engine


@dataclass(frozen=True)
class Evaluation:
    """What is known of one model.

    Attributes
    ----------
    agreement, significance, stress
        None for a model that gives stages and no bone age; the stress table also where it was not asked for.
    facts, ms_per_radiograph
        None for a table of predictions.
    history, gallery
        Empty where there is none.
    coverage
        None for a bundle without a calibration.
    """

    predictions: Predictions
    analysis: Analysis
    agreement: Agreement | None
    significance: Significance | None
    facts: Facts | None = None
    ms_per_radiograph: float | None = None
    history: tuple[Epoch, ...] = ()
    gallery: tuple[Exhibit, ...] = ()
    stress: StressTable | None = None
    coverage: ReportedCoverage | None = None


def of_predictions(predictions: Predictions) -> Evaluation:
    """Evaluate answers, by whomever they were given.

    Parameters
    ----------
    predictions
        Of one model.
    """
    analysed = analyse(predictions)
    if not predictions.has_bone_ages:
        return Evaluation(predictions, analysed, None, None)
    return Evaluation(predictions, analysed, agreement(analysed.overall), significance(predictions))


def of_bundle(
    bundle: Bundle,
    engine: Engine,
    images: npt.NDArray[np.uint8],
    cases: Sequence[Case],
    stressed: int,
) -> Evaluation:
    """Evaluate a bundle.

    Parameters
    ----------
    bundle, engine
        Checked, and loaded.
    images
        (n, rows, columns) uint8 as the bundle's network sees them.
    cases
        What they show, in their order.
    stressed
        How many of them, from the first, go through the stress table; 0 leaves it out.
    """
    described = facts(bundle)
    engine.warm_up()
    predictions, milliseconds = ask(described.name, engine, images, cases)
    found = of_predictions(predictions)
    tried = list(cases[:stressed])

    def answer(pictures: npt.NDArray[np.uint8]) -> Predictions:
        return ask(described.name, engine, pictures, tried, is_shown=False)[0]

    table, calibration = None, bundle.card.calibration
    if tried and predictions.has_bone_ages:
        wanted = bundle.card.preprocessing
        radiographs = [cache.standard_radiograph(one.picture, wanted) for one in tried]
        table = stress(answer, radiographs, partial(cache.seen, preprocessing=wanted, folder=bundle.folder))
    return replace(
        found,
        facts=described,
        ms_per_radiograph=milliseconds,
        history=history.load(bundle.folder),
        gallery=gallery(engine, predictions, images, cases),
        stress=table,
        coverage=coverage(calibration, predictions) if calibration and predictions.has_bone_ages else None,
    )


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as what JSON can hold, unrounded; what is not known is null.

    Parameters
    ----------
    evaluation
        Of one model.
    """
    found = analysis_as_json(evaluation.analysis)
    found["bland_altman"] = evaluation.agreement and _figures(vars(evaluation.agreement))
    found["clinically_significant_errors"] = evaluation.significance and _significance(evaluation.significance)
    found["interval_coverage"] = evaluation.coverage and _coverage(evaluation.coverage)
    found["bundle"] = evaluation.facts and {
        "name": evaluation.facts.card.name,
        "version": evaluation.facts.card.version,
        "digest": evaluation.facts.digest,
        "parameters": evaluation.facts.card.parameters,
        "exported_bytes": evaluation.facts.exported_bytes,
        "bundle_bytes": evaluation.facts.bundle_bytes,
        "training_cost": evaluation.facts.cost and evaluation.facts.cost.model_dump(),
    }
    found["ms_per_radiograph"] = evaluation.ms_per_radiograph
    found["history"] = [epoch.model_dump() for epoch in evaluation.history]
    found["most_difficult"] = [_exhibit(one) for one in evaluation.gallery]
    found["stress"] = evaluation.stress and {
        "radiographs": evaluation.stress.radiographs,
        "mae": json_figure(evaluation.stress.mae),
        "significant_rate": json_figure(evaluation.stress.significant_rate),
        "judged": evaluation.stress.judged,
        "variants": [_stressed(row) for row in evaluation.stress.rows],
    }
    return found


def _figures(figures: dict[str, Figure]) -> dict[str, Any]:
    return {name: json_figure(figure) for name, figure in figures.items()}


def _rate(rate: Rate) -> dict[str, Any]:
    return {"rate": json_figure(rate.rate), "judged": rate.judged}


def _coverage(found: ReportedCoverage) -> dict[str, Any]:
    return {
        "nominal": found.calibration.nominal_coverage,
        "calibrated_on": str(found.calibration.calibrated_on),
        "caveat": found.calibration.caveat,
        "overall": _share(found.overall),
        "by_sex": {str(sex): _share(share) for sex, share in found.by_sex.items()},
        "by_age_band_months": {band: _share(share) for band, share in found.by_age_band.items()},
    }


def _share(share: Share) -> dict[str, Any]:
    return {"radiographs": share.radiographs, "covered": json_figure(share.covered)}


def _significance(found: Significance) -> dict[str, Any]:
    return {
        "overall": _rate(found.overall),
        "by_sex": {str(sex): _rate(rate) for sex, rate in found.by_sex.items()},
        "by_age_band_months": {band: _rate(rate) for band, rate in found.by_age_band.items()},
        "girls_less_boys": json_figure(found.gap),
        "without_chronological_age": found.without_age,
        "outside_table": found.outside_table,
        "diagnoses": found.diagnoses.tolist(),
        "order": [str(one) for one in DIAGNOSES],
        "standard_deviations": brush.SOURCE,
    }


def _exhibit(one: Exhibit) -> dict[str, Any]:
    return {name: value for name, value in vars(one).items() if name not in {"picture", "overlay"}}


def _stressed(row: Stressed) -> dict[str, Any]:
    return {
        "kind": str(row.variant.kind),
        "amount": row.variant.amount,
        "words": row.variant.words,
        **_figures({name: value for name, value in vars(row).items() if isinstance(value, Figure)}),
        "wilcoxon_p_holm": row.wilcoxon_p,
        "mcnemar_p_holm": None if math.isnan(row.mcnemar_p) else row.mcnemar_p,
        "newly_significant": row.newly_significant,
        "no_longer_significant": row.no_longer_significant,
    }
