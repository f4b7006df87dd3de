"""Stages at their edges, and how likely each is."""

import numpy as np
import pytest

from db.vocabulary import Sex, Stage
from tests.calibrated import GROUPS, calibration
from tests.narrow_bundle import card
from worker.engines import Predictions
from worker.estimate import Estimate, NoNumberError, StageProbabilities, estimate, interval_of, sex_inputs
from worker.stage import probabilities_of, stage, stage_of, stage_probabilities

CHILD, ADULT = StageProbabilities(0.6, 0.3, 0.1), StageProbabilities(0.1, 0.3, 0.6)


@pytest.mark.parametrize(
    ("bone_age_months", "expected"),
    [
        (0.0, Stage.CHILD),
        (119.99, Stage.CHILD),
        (120.0, Stage.ADOLESCENT),
        (215.99, Stage.ADOLESCENT),
        (216.0, Stage.ADULT),
        (300.0, Stage.ADULT),
    ],
)
def test_a_stage_begins_on_its_first_month(bone_age_months: float, expected: Stage) -> None:
    assert stage(bone_age_months) is expected


def test_no_number_has_no_stage() -> None:
    with pytest.raises(ValueError, match="NaN"):
        stage(float("nan"))


def test_a_known_sex_has_the_stage_of_its_bone_age() -> None:
    assert stage_of(Estimate(121.0, 100.0, 121.0)) is Stage.ADOLESCENT


def test_unknown_sex_has_a_stage_only_where_both_estimates_agree() -> None:
    assert stage_of(Estimate(None, 100.0, 119.0)) is Stage.CHILD
    assert stage_of(Estimate(None, 115.0, 125.0)) is None
    assert stage_of(Estimate(None, None, None)) is None


@pytest.mark.parametrize(
    ("bone_age_months", "expected"),
    [
        (115.0, (0.625, 0.375, 0.0)),  # a child where the residual is below 5: half of them, and half of a quarter
        (120.0, (0.5, 0.5, 0.0)),
        (100.0, (1.0, 0.0, 0.0)),  # 20 months from the edge, as far as any residual goes
        (99.0, (1.0, 0.0, 0.0)),
        (168.0, (0.0, 1.0, 0.0)),
        (221.0, (0.0, 0.375, 0.625)),
        (236.0, (0.0, 0.0, 1.0)),
    ],
)
def test_a_stage_is_as_likely_as_the_residuals_that_lead_to_it(
    bone_age_months: float, expected: tuple[float, ...]
) -> None:
    found = stage_probabilities(bone_age_months, GROUPS[0])
    assert (found.child, found.adolescent, found.adult) == pytest.approx(expected, abs=1e-12)


def test_a_bone_age_has_probabilities_and_an_interval_only_by_calibration() -> None:
    estimated = Estimate(115.0, 115.0, 125.0)
    assert probabilities_of(estimated, calibration(), Sex.FEMALE) == StageProbabilities(0.625, 0.375, 0.0)
    assert interval_of(estimated, calibration(), Sex.FEMALE) is not None
    assert probabilities_of(estimated, None, Sex.FEMALE) is None
    assert interval_of(estimated, None, Sex.FEMALE) is None


def test_without_a_headline_there_is_neither_interval_nor_probability() -> None:
    estimated = Estimate(None, 100.0, 119.0)
    assert interval_of(estimated, calibration(), Sex.OTHER) is None
    assert probabilities_of(estimated, calibration(), Sex.OTHER) is None


def test_the_stage_of_a_network_that_answers_stages_is_the_likeliest() -> None:
    estimated = Estimate(None, None, None, (ADULT,))
    assert stage_of(estimated) is Stage.ADULT
    assert probabilities_of(estimated, None, Sex.MALE) == ADULT
    assert interval_of(estimated, None, Sex.MALE) is None
    assert StageProbabilities(0.4, 0.4, 0.2).likeliest is Stage.CHILD


def test_such_a_stage_under_both_sexes_is_given_only_where_they_agree() -> None:
    agreed, disputed = Estimate(None, None, None, (CHILD, CHILD)), Estimate(None, None, None, (CHILD, ADULT))
    assert (stage_of(agreed), stage_of(disputed)) == (Stage.CHILD, None)
    assert probabilities_of(agreed, None, Sex.OTHER) is None  # one set of them would weigh the sexes


@pytest.mark.parametrize(
    ("answers", "takes_sex", "sex", "expected"),
    [
        ("stages", True, Sex.OTHER, [0, 1]),
        ("stages", True, Sex.MALE, [1]),
        ("stages", False, Sex.OTHER, [np.nan]),
        ("bone_age", True, Sex.OTHER, [np.nan]),
        ("bone_age", True, Sex.FEMALE, [0]),
    ],
)
def test_only_stages_that_need_an_unknown_sex_are_asked_for_twice(
    answers: str, takes_sex: bool, sex: Sex, expected: list[float]
) -> None:
    asked = sex_inputs(card().model_copy(update={"answers": answers, "takes_sex": takes_sex}), sex)
    assert np.array_equal(asked, np.array(expected, np.float32), equal_nan=True)


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_an_error_and_no_estimate(nothing: float) -> None:
    one, none, unused = (np.full(1, months, np.float32) for months in (100, nothing, 0))
    heat_map, embedding = unused[:, np.newaxis, np.newaxis], unused[:, np.newaxis]
    with pytest.raises(NoNumberError, match="no finite number"):
        estimate(Predictions(none, one, none, heat_map, embedding))
    with pytest.raises(NoNumberError, match="no finite number"):
        estimate(Predictions(none, none, none, heat_map, embedding, np.full((1, 3), nothing, np.float32)))
