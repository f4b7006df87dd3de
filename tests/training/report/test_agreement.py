import math

import numpy as np
import pytest

from training.analysis import Errors
from training.predictions import Predictions
from training.report.agreement import agreement


def errors_of(*differences: float) -> Errors:
    reference = np.linspace(50, 100, len(differences))
    return Errors(Predictions("mine", reference, reference + differences, np.zeros(len(differences), bool)))


def test_the_limits_are_1_96_standard_deviations_about_the_bias() -> None:
    found = agreement(errors_of(-3, 1, 5))  # mean 1, standard deviation 4
    limits = (found.bias.value, found.lower_limit.value, found.upper_limit.value)
    assert limits == pytest.approx((1, 1 - 1.959964 * 4, 1 + 1.959964 * 4))


def test_their_intervals_are_those_of_bland_and_altman() -> None:
    differences = np.random.default_rng(1).normal(2, 6, 1000)
    found, standard_error = agreement(errors_of(*differences)), math.sqrt(3 / 1000) * 6  # about, as in their paper
    for limit in (found.lower_limit, found.upper_limit):
        assert (limit.high - limit.low) / 2 == pytest.approx(1.96 * standard_error, rel=0.12)


def test_one_radiograph_has_no_limits() -> None:
    found = agreement(errors_of(3))
    assert found.bias.value == 3
    assert math.isnan(found.lower_limit.value)
