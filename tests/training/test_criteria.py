"""Each criterion against figures worked out by hand: coverage, age groups, and whom the resampling takes together."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training.versions import AGES, COUNT, IS_MALE, RULES, answers, pair, simulated
from training import criteria
from training.criteria import Criterion
from training.pairs import Answers, Pair
from training.predictions import Predictions


def coverage_of(active: int | None, candidate: int | None) -> Criterion | None:
    """Return the criterion where so many of the 20 radiographs of each of 20 patients are covered."""
    patients, number = np.divmod(np.arange(400), 20)
    made = Predictions("starter", np.full(400, 100.0), np.full(400, 100.0), number % 2 == 0, patients=patients)
    before, after = (None if count is None else number < count for count in (active, candidate))
    return criteria.coverage(Pair(Answers(made, before), Answers(made, after)), RULES, 0)


@pytest.mark.parametrize(
    ("active", "candidate", "is_met"),
    [
        (12, 12, True),  # far from 90%, and not for the candidate's sake
        (16, 15, True),  # five points fewer, as is allowed
        (16, 14, False),
        (20, 17, True),  # 85%, five points below 90% and not below all
        (20, 16, False),
        (None, 17, True),
        (None, 16, False),
        (20, None, False),
    ],
)
def test_intervals_may_hold_five_points_fewer_of_the_references(
    active: int | None, candidate: int | None, is_met: bool
) -> None:
    found = coverage_of(active, candidate)
    assert found is not None
    assert found.is_met is is_met


def test_of_two_versions_without_intervals_none_are_asked() -> None:
    assert coverage_of(None, None) is None


def test_lost_intervals_need_no_many_patients_to_be_seen() -> None:
    _, error, active = simulated(4)
    few = Pair(active, answers(error)).where(np.arange(COUNT) < 10)
    found = criteria.coverage(few, RULES, 0)
    assert found is not None
    assert found.is_met is False


def test_several_radiographs_of_a_patient_widen_the_bound() -> None:
    change = np.repeat(np.random.default_rng(5).normal(0, 4, COUNT // 4), 4)  # the same for all four of a patient
    apart = pair(20, 20 + change)
    together = Pair(
        *(replace(one, predictions=replace(one.predictions, patients=np.arange(COUNT) // 4)) for one in apart)
    )
    bounds = [criteria.errors_of(one, 0).bound - change.mean() for one in (apart, together)]
    # 1.645 standard errors: of 240 and of 60 independent changes.
    assert bounds == pytest.approx(1.645 * change.std() / np.sqrt([240, 60]), rel=0.1)


def test_age_groups_are_merged_until_each_has_50_radiographs() -> None:
    ages = np.repeat([20.0, 50, 100, 130, 190, 230], [30, 40, 60, 20, 70, 10])
    said = Answers(Predictions("starter", ages, ages, np.arange(230) % 2 == 0))
    # 10 go to their neighbour of 70, then 20 to that of 60 and not to that of 80, then 30 to that of 40.
    found = criteria.errors_by_age(Pair(said, said), RULES, 0)
    assert [(one.name, one.radiographs) for one in found] == [
        ("age_0_to_71_months", 70),
        ("age_72_to_167_months", 80),
        ("age_168_to_240_months", 80),
    ]


def test_girls_and_boys_are_resampled_by_themselves() -> None:
    error = np.repeat(np.random.default_rng(8).normal(0, 9, COUNT // 8), 8)
    found = criteria.gaps_of(pair(error, error), 0)  # of girls and of boys the same errors
    assert found.active[0] == pytest.approx(0)
    assert found.active[1:].mean() > 0.1
    assert not found.difference.any()


def test_versions_that_were_asked_about_other_radiographs_are_no_pair() -> None:
    said = answers(1).predictions
    others = {
        "asked about other radiographs": replace(said, names=tuple("abcd" * 60)),
        "reference_months: not the same": replace(said, reference_months=AGES + 1),
        "is_male: not the same": replace(said, is_male=~IS_MALE),
        "patients: not the same": replace(said, patients=np.zeros(COUNT, np.int64)),
    }
    for words, other in others.items():
        with pytest.raises(ValueError, match=words):
            Pair(Answers(said), Answers(other))
    with pytest.raises(ValueError, match="expected a reference for every radiograph"):
        Pair(*[Answers(replace(said, reference_months=AGES * np.nan))] * 2)
    with pytest.raises(ValueError, match="239 intervals of the candidate, expected 240"):
        Pair(Answers(said), Answers(said, np.ones(COUNT - 1, bool)))
