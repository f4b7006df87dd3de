"""Variants against unchanged pictures, by a model whose answers are known."""

import math
from functools import partial

import numpy as np
import pytest

from training.cache import seen
from training.predictions import Predictions
from training.report.stress import holm, mcnemar_p, stress, wilcoxon_p
from training.report.variants import Kind
from worker.preprocess import Preprocessing

BOYS = 40
AGES = np.full(BOYS, 108.0)  # standard deviation 9.00: the diagnosis changes beyond 126


def answer(images: np.ndarray) -> Predictions:
    """Read each hand right, but 20 months too old where the picture's right half is not brighter than its left."""
    is_wrong = images[:, :, 8:].mean(axis=(1, 2)) <= images[:, :, :8].mean(axis=(1, 2))
    return Predictions("mine", AGES, AGES + 1 + 19 * is_wrong, np.ones(BOYS, bool), chronological_age_months=AGES)


def test_a_mirrored_hand_is_misread_and_a_coarse_one_is_not() -> None:
    images = np.tile(np.linspace(40, 200, 16, dtype=np.uint8), (BOYS, 16, 1))
    preprocessing = Preprocessing(rows=16, columns=16)
    table = stress(answer, images.astype(np.uint16) * 257, partial(seen, preprocessing=preprocessing))
    assert (table.radiographs, table.judged, table.mae.value, table.significant_rate.value) == (BOYS, BOYS, 1, 0)
    rows = {(row.variant.kind, row.variant.words): row for row in table.rows}
    mirrored, coarse = rows[Kind.FLIP, "left to right"], rows[Kind.RESOLUTION, "1/2 of the pixels a side"]
    assert (mirrored.mae.value, mirrored.mae_change.value, mirrored.mae_change.low) == (20, 19, 19)
    assert (mirrored.newly_significant, mirrored.no_longer_significant) == (BOYS, 0)
    assert (mirrored.significant_rate.value, coarse.significant_rate.value) == (1, 0)
    assert mirrored.wilcoxon_p < 1e-6
    assert mirrored.mcnemar_p < 1e-6
    assert (coarse.mae_change.value, coarse.wilcoxon_p, coarse.mcnemar_p) == (0, 1, 1)


def test_p_values_are_those_worked_out_by_hand() -> None:
    assert wilcoxon_p(np.array([1.0, 2, 3, 4, 5])) == pytest.approx(2 / 2**5)  # all 5 of one sign, two-sided
    assert mcnemar_p(5, 0) == pytest.approx(2 / 2**5)
    assert mcnemar_p(1, 3) == pytest.approx(2 * (1 + 4) / 2**4)
    assert (wilcoxon_p(np.zeros(4)), mcnemar_p(0, 0)) == (1, 1)


def test_holm_multiplies_the_smallest_most_and_never_turns_the_order() -> None:
    found = holm([0.04, 0.01, 0.03, math.nan])
    assert found == pytest.approx([0.06, 0.03, 0.06, math.nan], nan_ok=True)
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []
