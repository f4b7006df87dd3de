"""Bland-Altman: how far predictions lie from the reference on average, and between which limits 95% of them do.

Before it: `training.analysis`. After it: the report.

References
----------
Bland and Altman, Statistical methods for assessing agreement between two methods of clinical measurement, Lancet, 1986,
doi:10.1016/S0140-6736(86)90837-8.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from training.analysis import Errors, Figure

_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Agreement:
    """Predicted less reference bone age, months: the mean, and mean ± 1.96 standard deviations."""

    bias: Figure
    lower_limit: Figure
    upper_limit: Figure


def agreement(errors: Errors) -> Agreement:
    """Return the limits of agreement, with intervals from the same resamples as the other figures.

    Parameters
    ----------
    errors
        Of some radiographs; of fewer than two the limits are NaN.
    """
    bias, count = errors.samples["mean_error"], errors.radiographs
    variance = np.maximum(errors.samples["rmse"] ** 2 - bias**2, 0)
    half = _Z * np.sqrt(variance * (count / (count - 1) if count > 1 else np.nan))
    bounds = (bias, bias - half, bias + half)
    return Agreement(*(Figure.of(samples[0], samples[1:]) for samples in bounds))
