"""Stages at their edges."""

import pytest

from db.vocabulary import Stage
from worker.estimate import Estimate
from worker.stage import stage, stage_of


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
