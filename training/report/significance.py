"""Clinically significant errors: those that change the diagnosis.

Before it: `training.predictions`, with chronological ages. After it: the report, and the stress table. The diagnosis is
delayed, normal or advanced by ±2 Brush standard deviations about the chronological age (`worker.brush`). Where that age
is unknown or outside the table there is none: such radiographs are counted, never guessed.

References
----------
Beheshtian et al., Generalizability and Bias in a Deep Learning Pediatric Bone Age Prediction Model Using Hand
Radiographs, Radiology, 2023, doi:10.1148/radiol.220505; Newcombe, Interval estimation for the difference between
independent proportions, 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I (his method 10).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from db.vocabulary import Sex
from training.analysis import Figure, age_bands
from training.predictions import Predictions
from worker.brush import USUAL_SDS, Diagnosis, sds

DIAGNOSES = (Diagnosis.DELAYED, Diagnosis.NORMAL, Diagnosis.ADVANCED)

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rate:
    """The share of radiographs whose diagnosis the error changes, of those that have a diagnosis."""

    rate: Figure
    judged: int


@dataclass(frozen=True)
class Significance:
    """Clinically significant errors of one model.

    Attributes
    ----------
    gap
        Girls' rate less boys'.
    without_age, outside_table
        Radiographs that cannot be judged, by the reason.
    diagnoses
        Radiographs (3, 3) by the reference's diagnosis and, in the columns, the prediction's.
    """

    overall: Rate
    by_sex: Mapping[Sex, Rate]
    by_age_band: Mapping[str, Rate]
    gap: Figure
    without_age: int
    outside_table: int
    diagnoses: npt.NDArray[np.int64]


def significance(predictions: Predictions) -> Significance:
    """Count the clinically significant errors.

    Parameters
    ----------
    predictions
        With a bone age for every radiograph.
    """
    is_changed, without_age = changes_diagnosis(predictions), np.isnan(predictions.chronological_age_months)

    def rate(is_in: npt.NDArray[np.bool_]) -> Rate:
        changed = is_changed[is_in]
        return Rate(Figure.of_share(changed, predictions.patients[is_in]), int(np.isfinite(changed).sum()))

    by_sex = {sex: rate(predictions.is_male == (sex is Sex.MALE)) for sex in (Sex.FEMALE, Sex.MALE)}
    bands = age_bands(predictions.reference_months)
    return Significance(
        rate(np.ones_like(predictions.is_male)),
        by_sex,
        {band: rate(is_in) for band, is_in in bands.items()},
        _gap(by_sex[Sex.FEMALE].rate, by_sex[Sex.MALE].rate),
        int(without_age.sum()),
        int((np.isnan(is_changed) & ~without_age).sum()),
        _table(predictions),
    )


def changes_diagnosis(predictions: Predictions) -> Float64:
    """Return whether each error changes the diagnosis.

    Parameters
    ----------
    predictions
        With a bone age for every radiograph.

    Returns
    -------
    numpy.ndarray
        (n,) float64: 1 changed, 0 not, NaN where there is no diagnosis.
    """
    from_reference, from_predicted = _diagnoses(predictions)
    is_unknown = np.isnan(from_reference)
    return np.where(is_unknown, np.nan, from_reference != from_predicted)


def _diagnoses(predictions: Predictions) -> tuple[Float64, Float64]:
    """Return -1, 0 or 1 for delayed, normal or advanced, by reference and by prediction; NaN where there is none."""
    found = []
    for months in (predictions.reference_months, predictions.predicted_months):
        girls, boys = (sds(sex, months, predictions.chronological_age_months) for sex in (Sex.FEMALE, Sex.MALE))
        score = np.where(predictions.is_male, boys, girls)
        step = (score > USUAL_SDS).astype(np.float64) - (score < -USUAL_SDS)
        found.append(np.where(np.isnan(score), np.nan, step))
    return found[0], found[1]


def _table(predictions: Predictions) -> npt.NDArray[np.int64]:
    from_reference, from_predicted = _diagnoses(predictions)
    table = np.zeros((len(DIAGNOSES), len(DIAGNOSES)), np.int64)
    is_known = np.isfinite(from_reference)
    np.add.at(table, tuple(one[is_known].astype(int) + 1 for one in (from_reference, from_predicted)), 1)
    return table


def _gap(girls: Figure, boys: Figure) -> Figure:
    """Return the difference of two shares, with Newcombe's interval: it has a width also where none erred."""
    down = math.hypot(girls.value - girls.low, boys.high - boys.value)
    up = math.hypot(girls.high - girls.value, boys.value - boys.low)
    gap = girls.value - boys.value
    return Figure(gap, gap - down, gap + up)
