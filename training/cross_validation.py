"""Cross-validation of a straight line by patient: no radiograph is corrected by a line that its patient helped to fit.

Before it: predictions beside a site's reads. After it: `training.site_calibration` judges whether a line helps.

References
----------
Stone, Cross-validatory choice and assessment of statistical predictions, 1974, doi:10.1111/j.2517-6161.1974.tb00994.x.
"""

import math

import numpy as np
import numpy.typing as npt

from training.predictions import Predictions
from worker.correction import on_line

Float64 = npt.NDArray[np.float64]


def shared_out(predictions: Predictions, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Return in which fold each radiograph is, (n,) int64 from 0; all of one patient are in the same.

    Parameters
    ----------
    predictions
        Of which the patients of each sex are shared out evenly, by chance.
    folds
        How many; 2 or more.
    seed
        Of the chance.
    """
    if folds < 2:  # noqa: PLR2004  by one, nothing would be left to fit on
        raise ValueError(f"expected 2 folds or more, received {folds}")
    rng, fold_of = np.random.default_rng(seed), np.empty(len(predictions.reference_months), np.int64)
    for is_sex in (~predictions.is_male, predictions.is_male):
        known, patients = np.unique(predictions.patients[is_sex], return_inverse=True)
        fold_of[is_sex] = (rng.permutation(len(known)) % folds)[patients]
    return fold_of


def least_squares(predicted_months: Float64, reference_months: Float64) -> tuple[float, float]:
    """Return intercept in months and slope of the line from predictions (n,) to references (n,), one or more.

    Both are NaN where all predictions are the same.
    """
    centre = predicted_months.mean()
    spread = predicted_months - centre
    squares = float(spread @ spread)
    slope = float(spread @ reference_months) / squares if squares else math.nan
    return float(reference_months.mean() - slope * centre), slope


def out_of_fold(predictions: Predictions, fold_of: npt.NDArray[np.int64]) -> Float64:
    """Return the predictions corrected (n,), months, those of each fold by the line through the other folds."""
    months = np.empty_like(predictions.predicted_months)
    for fold in np.unique(fold_of):
        is_in = fold_of == fold
        others = predictions.where(~is_in)
        line = least_squares(others.predicted_months, others.reference_months)
        months[is_in] = on_line(predictions.predicted_months[is_in], *line)
    return months
