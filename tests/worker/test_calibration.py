"""Intervals by sex and predicted age, and what a card may not hold."""

import pytest
from pydantic import ValidationError

from db.vocabulary import CalibratedOn, Sex
from tests.calibrated import GROUPS, calibration, group
from tests.narrow_bundle import card
from worker.calibration import AgeInterval, Calibration, ResidualGroup, group_of, interval
from worker.card import Card


@pytest.mark.parametrize(
    ("sex", "bone_age_months", "low_months", "high_months"),
    [
        (Sex.FEMALE, 100.0, 90.0, 110.0),
        (Sex.MALE, 100.0, 88.0, 112.0),
        (Sex.FEMALE, 119.5, 109.5, 129.5),
        (Sex.FEMALE, 120.0, 100.0, 140.0),  # a band begins on its first month
        (Sex.MALE, 4.0, 0.0, 16.0),  # nobody is younger than 0
        (Sex.MALE, 300.0, 284.0, 300.0),
        (Sex.OTHER, 100.0, 88.0, 112.0),  # the boys' is wider
        (Sex.MISSING, 130.0, 110.0, 150.0),  # the girls' is wider
    ],
)
def test_an_interval_is_that_of_its_sex_and_band(
    sex: Sex, bone_age_months: float, low_months: float, high_months: float
) -> None:
    found = interval(calibration(), bone_age_months, sex)
    assert found == AgeInterval(low_months, high_months, CalibratedOn.DRAWN_HANDS)


@pytest.mark.parametrize("bone_age_months", [-0.1, 300.1, float("nan")])
def test_what_is_no_bone_age_has_no_interval(bone_age_months: float) -> None:
    with pytest.raises(ValueError, match="expected a bone age of 0 to 300 months"):
        group_of(GROUPS, bone_age_months, Sex.FEMALE)


def test_only_drawn_hands_have_a_caveat() -> None:
    assert calibration("drawn hands").caveat == "not calibrated on radiographs"
    assert calibration("radiographs").caveat is None


@pytest.mark.parametrize(
    "groups",
    [
        GROUPS[:2],  # no boys
        (*GROUPS[:3], group("M", 130, 300, 16)),  # a gap
        (*GROUPS[:3], group("M", 110, 300, 16)),  # an overlap
        (*GROUPS[:3], group("M", 120, 241, 16)),  # ends too early
        (group("F", 36, 300, 10), *GROUPS[2:]),  # begins too late
    ],
)
def test_bands_that_leave_out_a_bone_age_are_refused(groups: tuple[ResidualGroup, ...]) -> None:
    with pytest.raises(ValidationError, match="expected bands that follow each other from 0 to 300 months"):
        calibration(groups=groups)


def test_impossible_groups_and_another_coverage_are_refused() -> None:
    with pytest.raises(ValidationError, match="must not descend"):
        ResidualGroup.model_validate(dict(GROUPS[0]) | {"residual_quantiles_months": (1.0, 0.0)})
    with pytest.raises(ValidationError, match="expected from_months below to_months"):
        group("F", 120, 120, 10)
    with pytest.raises(ValidationError, match="nominal_coverage"):
        Calibration.model_validate(dict(calibration()) | {"nominal_coverage": 0.8})


def test_a_card_keeps_its_calibration_and_needs_none() -> None:
    calibrated = card().model_copy(update={"calibration": calibration()})
    assert Card.model_validate_json(calibrated.model_dump_json()) == calibrated
    written_before = card().model_dump(exclude={"calibration", "answers"})
    assert Card.model_validate(written_before) == card()


def test_a_network_that_answers_stages_cannot_be_calibrated() -> None:
    with pytest.raises(ValidationError, match="no bone age, hence no interval"):
        Card.model_validate(dict(card()) | {"answers": "stages", "calibration": calibration()})
