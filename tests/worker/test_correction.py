"""A site's lines on months worked out by hand, which of them holds for whom, and the row that is the current one."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import func, null

from db.session import transaction
from db.tables import SiteCalibration as Row
from db.vocabulary import CalibratedOn, Sex
from tests.calibrated import calibration
from tests.narrow_bundle import card
from tests.rows import add_model_version
from worker import correction
from worker.active import Active
from worker.bundle import Bundle
from worker.calibration import Calibration
from worker.correction import Correction, CorrectionError, Line, SiteCalibration, corrected
from worker.engines import Float32, Predictions
from worker.estimate import Estimate, StageProbabilities

GIRLS, BOYS = Line(intercept_months=6, slope=1), Line(intercept_months=-10, slope=1.5)
BOTH = Correction({"F": GIRLS, "M": BOYS})
ON_RADIOGRAPHS = calibration("radiographs")


@pytest.mark.parametrize(
    ("sex", "headline", "expected"),
    [
        (Sex.FEMALE, 100.0, 106.0),
        (Sex.MALE, 120.0, 170.0),  # 1.5 × 120 - 10
        (Sex.MISSING, None, None),
    ],
)
def test_each_estimate_is_corrected_by_the_line_of_the_sex_that_it_was_made_under(
    sex: Sex, headline: float | None, expected: float | None
) -> None:
    assert corrected(Estimate(headline, 100.0, 120.0), BOTH, sex) == Estimate(expected, 106.0, 170.0)


def test_a_sex_without_a_line_stays_as_it_is() -> None:
    girls = Correction({"F": GIRLS})
    assert corrected(Estimate(120.0, 100.0, 120.0), girls, Sex.MALE) == Estimate(120.0, 106.0, 120.0)
    untouched = Estimate(120.0, 100.0, 120.0)
    assert corrected(untouched, Correction({}), Sex.MALE) == untouched


def test_what_is_corrected_stays_within_what_a_bone_age_can_be() -> None:
    assert corrected(Estimate(4.0, 4.0, 4.0), BOTH, Sex.MALE) == Estimate(0.0, 10.0, 0.0)  # 6 - 10 is below 0
    assert corrected(Estimate(296.0, 296.0, 296.0), BOTH, Sex.FEMALE) == Estimate(300.0, 300.0, 300.0)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({"F": GIRLS, "M": BOYS}, 100.0),
        ({"F": GIRLS}, 100.0),
        ({"M": GIRLS}, 100.0),
        ({"F": GIRLS, "M": GIRLS}, 106.0),
    ],
)
def test_an_unknown_sexs_one_number_is_corrected_only_where_both_sexes_have_the_same_line(
    lines: dict[str, Line], expected: float
) -> None:
    blind = Estimate(100.0, 100.0, 100.0)  # of a network that takes no sex
    assert corrected(blind, Correction.model_validate(lines), Sex.OTHER).bone_age_months == expected


def test_a_network_that_answers_stages_is_left_alone() -> None:
    stages = Estimate(None, None, None, (StageProbabilities(0.5, 0.25, 0.25),))
    assert corrected(stages, BOTH, Sex.FEMALE) == stages


@pytest.mark.parametrize(
    ("intercept_months", "slope"),
    [(0, 0.49), (0, 2.01), (-120.1, 1), (120.1, 1), (float("nan"), 1), (0, float("nan")), (0, float("inf"))],
)
def test_a_line_that_no_working_network_needs_is_refused(intercept_months: float, slope: float) -> None:
    with pytest.raises(ValidationError):
        Line(intercept_months=intercept_months, slope=slope)


def test_a_correction_is_stored_by_sex_and_nothing_else() -> None:
    assert Correction({"F": GIRLS}).model_dump(mode="json") == {"F": {"intercept_months": 6, "slope": 1}}
    with pytest.raises(ValidationError):
        Correction.model_validate({"other": {"intercept_months": 6, "slope": 1}})


class _NoEngine:
    def warm_up(self) -> None:
        raise AssertionError("nothing is predicted here")

    def predict(self, image: Float32, sex: Float32) -> Predictions:
        raise AssertionError("nothing is predicted here")


def _active(of_card: Calibration | None, site: SiteCalibration | None, views: int = 1) -> Active:
    made = card().model_copy(update={"calibration": of_card})
    return Active(Bundle(Path(), made, "a" * 64), _NoEngine(), "test", views, site=site)


def test_the_sites_intervals_come_before_those_of_the_card() -> None:
    drawn = calibration()
    assert _active(drawn, SiteCalibration(1, BOTH, ON_RADIOGRAPHS)).calibration == ON_RADIOGRAPHS
    assert _active(None, SiteCalibration(1, BOTH, ON_RADIOGRAPHS)).calibration == ON_RADIOGRAPHS
    assert _active(drawn, SiteCalibration(1, BOTH)).calibration == drawn
    assert _active(drawn, None).calibration == drawn
    assert _active(None, SiteCalibration(1, BOTH)).calibration is None


def test_over_other_views_than_the_cards_nothing_of_the_site_holds() -> None:
    over_ten = _active(calibration(), SiteCalibration(1, BOTH, ON_RADIOGRAPHS), views=10)
    assert (over_ten.calibration, over_ten.correction, over_ten.applied_site) == (None, Correction({}), None)
    over_one = _active(calibration(), SiteCalibration(1, BOTH))
    assert (over_one.correction, over_one.applied_site) == (BOTH, over_one.site)
    assert _active(None, None).correction == Correction({})


def _kept(version: int, **columns: object) -> int:
    with transaction() as session:
        row = Row(**{"model_version_id": version, "correction": {}, "calibration": null(), "figures": {}} | columns)
        session.add(row)
        session.flush()
        return row.id


def _of_version(version: int) -> SiteCalibration | None:
    with transaction() as session:
        return correction.of_version(session, version)


@pytest.fixture
def version(carpus_env: object) -> int:
    with transaction() as session:
        return add_model_version(session)


def test_the_current_row_is_read_and_no_retired_one(version: int) -> None:
    assert _of_version(version) is None
    _kept(version, correction=BOTH.model_dump(mode="json"), retired_at=func.now())
    assert _of_version(version) is None
    intervals = ON_RADIOGRAPHS.model_dump(mode="json")
    current = _kept(version, correction={"F": {"intercept_months": 6, "slope": 1}}, calibration=intervals)
    assert _of_version(version) == SiteCalibration(current, Correction({"F": GIRLS}), ON_RADIOGRAPHS)
    assert _of_version(version + 1) is None


def test_a_row_that_changes_nothing_is_none(version: int) -> None:
    _kept(version)
    assert _of_version(version) is None


def test_a_row_of_intervals_alone_holds(version: int) -> None:
    _kept(version, calibration=ON_RADIOGRAPHS.model_dump(mode="json"))
    found = _of_version(version)
    assert found is not None
    assert found.correction == Correction({})
    assert found.calibration is not None
    assert found.calibration.calibrated_on is CalibratedOn.RADIOGRAPHS


def test_a_row_that_cannot_be_applied_is_told_by_its_number(version: int) -> None:
    row = _kept(version, correction={"F": {"intercept_months": 6, "slope": 9}})
    with pytest.raises(CorrectionError, match=f"site_calibration {row}: not one of this version"):
        _of_version(version)
