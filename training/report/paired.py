"""Bundles side by side on the same radiographs: errors compared in pairs, and what each costs.

Before it: bundles with their engines. After it: `training.report.paired_page`. Differences are taken within the same
bootstrap resamples, so that a radiograph that is hard for all does not widen them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from db.vocabulary import Sex
from training.analysis import Analysis, Errors, Figure, analyse, difference
from training.cases import Case
from training.evaluate import ask
from training.predictions import Predictions
from training.report.facts import Facts, facts
from training.tables import as_json as analysis_as_json
from training.tables import json_figure
from worker.bundle import Bundle
from worker.engines import Engine


@dataclass(frozen=True)
class Entrant:
    """One bundle in a comparison.

    Attributes
    ----------
    ms_per_radiograph
        Inference, heat map included, measured here.
    note
        Why it is not ranked; empty where it is.
    """

    facts: Facts
    predictions: Predictions
    ms_per_radiograph: float
    note: str = ""


@dataclass(frozen=True)
class Placed:
    """An entrant with its figures.

    Attributes
    ----------
    rank
        From 1, by the MAE; None where it is not ranked.
    mae_differences
        Its MAE less the best's on the same radiographs, in months: over all (None) and by sex. NaN where a bundle
        gives no bone age, and for the best itself.
    ms_ratio
        Its inference time by the fastest's.
    """

    entrant: Entrant
    analysis: Analysis
    rank: int | None
    mae_differences: Mapping[Sex | None, Figure]
    ms_ratio: float


@dataclass(frozen=True)
class Comparison:
    """All entrants, the ranked first; ``best`` is what the others are compared with, None where none is ranked."""

    rows: tuple[Placed, ...]
    best: str | None


def measure(
    bundle: Bundle, engine: Engine, images: npt.NDArray[np.uint8], cases: Sequence[Case], note: str = ""
) -> Entrant:
    """Ask a bundle about the radiographs of a comparison.

    Parameters
    ----------
    bundle, engine
        Checked, and loaded.
    images
        (n, rows, columns) uint8 as the bundle's network sees them.
    cases
        What they show, in their order; the same for all bundles.
    note
        Why it shall not be ranked, if so.
    """
    described = facts(bundle)
    engine.warm_up()
    return Entrant(described, *ask(described.name, engine, images, cases), note)


def compare(entrants: Sequence[Entrant]) -> Comparison:
    """Rank bundles by their MAE, but for those with a note and those that give no bone age.

    Parameters
    ----------
    entrants
        Asked about the same radiographs.

    Raises
    ------
    ValueError
        If they were not.
    """
    for one in entrants:
        if one.predictions.names != entrants[0].predictions.names:
            raise ValueError(f"{one.facts.name} was asked about other radiographs than {entrants[0].facts.name}")
    analyses = [analyse(one.predictions) for one in entrants]
    order = sorted(range(len(entrants)), key=lambda place: _sort_key(entrants[place], analyses[place]))
    ranked = [place for place in order if _is_ranked(entrants[place])]
    best = analyses[ranked[0]] if ranked else None
    fastest = min(one.ms_per_radiograph for one in entrants)
    rows = tuple(
        Placed(
            entrants[place],
            analyses[place],
            ranked.index(place) + 1 if place in ranked else None,
            _differences(analyses[place], best),
            entrants[place].ms_per_radiograph / fastest,
        )
        for place in order
    )
    return Comparison(rows, entrants[ranked[0]].facts.name if ranked else None)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as what JSON can hold, unrounded; what is not known is null.

    Parameters
    ----------
    comparison
        From `compare`.
    """
    return {"compared_with": comparison.best, "bundles": [_row(one) for one in comparison.rows]}


def _row(one: Placed) -> dict[str, Any]:
    described = one.entrant.facts
    return {
        **analysis_as_json(one.analysis),
        "rank": one.rank,
        "note": one.entrant.note,
        "digest": described.digest,
        "mae_less_best": {str(sex or "all"): json_figure(figure) for sex, figure in one.mae_differences.items()},
        "ms_per_radiograph": one.entrant.ms_per_radiograph,
        "ms_ratio_to_fastest": one.ms_ratio,
        "parameters": described.card.parameters,
        "exported_bytes": described.exported_bytes,
        "bundle_bytes": described.bundle_bytes,
        "training_cost": described.cost and described.cost.model_dump(),
    }


def _is_ranked(entrant: Entrant) -> bool:
    return entrant.predictions.has_bone_ages and not entrant.note


def _sort_key(entrant: Entrant, analysis: Analysis) -> tuple[bool, float]:
    mae = analysis.overall.figures["mae"].value
    return not _is_ranked(entrant), mae if math.isfinite(mae) else math.inf


def _differences(analysis: Analysis, best: Analysis | None) -> dict[Sex | None, Figure]:
    groups = _groups(analysis)
    if best is None or best is analysis:
        return dict.fromkeys(groups, Figure(math.nan, math.nan, math.nan))
    others = _groups(best)
    # Groups of as many radiographs with the same seed were resampled alike.
    return {sex: difference(errors.samples["mae"], others[sex].samples["mae"]) for sex, errors in groups.items()}


def _groups(analysis: Analysis) -> dict[Sex | None, Errors]:
    by_sex: Mapping[Sex | None, Errors] = dict(analysis.by_sex.items())
    return {None: analysis.overall, **by_sex}
