"""From a standard radiograph to the row, with an engine that gives the answers of the test."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, text

from db import states, tables
from db.session import transaction
from db.steps import ASSESS
from db.tables import Assessment
from db.vocabulary import AgeSource, CalibratedOn, Maturity, Note, ReviewReason, SdsUnknown, Sex, Stage, State
from tests.calibrated import GROUPS, calibration, group
from tests.conftest import CarpusEnvironment
from tests.narrow_bundle import card
from tests.rows import add_model_version, add_radiograph
from training.phantom import draw
from worker import radiograph
from worker.active import Active
from worker.assess import assess
from worker.bundle import Bundle
from worker.calibration import Calibration
from worker.card import Card
from worker.correction import Correction, Line, SiteCalibration
from worker.engines import Float32, Predictions
from worker.serving import Serving

CALIBRATED = card().model_copy(update={"calibration": calibration()})
EMPTY = np.full((80, 60), 30_000, np.uint16)
LEFT_HAND = draw(90, Sex.FEMALE, 1, rows=288).image
STAGES = card().model_copy(update={"answers": "stages"})


class _Engine:
    """Answers 115 months, 105 if female; or a child, and if male what it is told."""

    def __init__(self, answers: str, if_male: tuple[float, float, float] = (0.6, 0.3, 0.1)) -> None:
        self._answers, self._if_male = answers, if_male

    def warm_up(self) -> None:
        raise AssertionError("nothing is warmed up here")

    def predict(self, image: Float32, sex: Float32) -> Predictions:
        assert image.shape == (len(sex), 64, 64, 1)
        heat_map = np.stack([np.eye(2, dtype=np.float32) * (1 + (one == 1)) for one in sex])
        embedding = np.zeros((len(sex), 4), np.float32)
        if self._answers == "stages":
            none = np.full(len(sex), np.nan, np.float32)
            rows = np.array([self._if_male if one == 1 else (0.6, 0.3, 0.1) for one in sex], np.float32)
            return Predictions(none, none, none, heat_map, embedding, rows)
        if_female, if_male = (np.full(len(sex), months, np.float32) for months in (105, 115))
        headline = np.where(np.isnan(sex), np.nan, np.where(sex == 1, if_male, if_female)).astype(np.float32)
        return Predictions(headline, if_female, if_male, heat_map, embedding)


def _assessed(
    store: Path,
    made: Card,
    engine: _Engine,
    patient_sex: str,
    *,
    views: int = 1,
    picture: np.ndarray = EMPTY,
    site: SiteCalibration | None = None,
    **facts: object,
) -> Assessment:
    standard = "standard/00/1.2.3.1.npy"
    sha256 = radiograph.save(picture, store / standard, store / "incoming")
    with transaction() as session:
        columns = {"standard_path": standard, "standard_sha256": sha256, "patient_sex": patient_sex, **facts}
        claim = states.claim(session, add_radiograph(session, state=State.READ, **columns), ASSESS, 60)
    assert claim is not None
    assess(claim, Serving(Active(Bundle(store, made, "a" * 64), engine, "test", views, site=site)))
    with transaction() as session:
        return session.scalars(select(Assessment)).one()


def _probabilities(row: Assessment) -> tuple[float | None, ...]:
    return row.stage_probability_child, row.stage_probability_adolescent, row.stage_probability_adult


def test_a_calibrated_bone_age_is_stored_with_interval_and_probabilities(carpus_env: CarpusEnvironment) -> None:
    row = _assessed(carpus_env.store, CALIBRATED, _Engine("bone_age"), "M")
    interval = (row.bone_age_low_months, row.bone_age_months, row.bone_age_high_months)
    assert interval == (103.0, 115.0, 127.0)  # boys under 120: 12 months
    assert (row.interval_calibrated_on, row.stage) == (CalibratedOn.DRAWN_HANDS, Stage.CHILD)
    assert _probabilities(row) == (0.625, 0.375, 0.0)
    assert (row.heat_map, row.heat_map_peak_months) == ([[1.0, 0.0], [0.0, 1.0]], 2.0)


def test_a_child_whose_age_is_known_has_a_score_and_its_certainty(carpus_env: CarpusEnvironment) -> None:
    age = {"chronological_age_months": 108.0, "chronological_age_source": AgeSource.BIRTH_DATE}
    age |= {"chronological_age_span_months": 0.0}
    row = _assessed(carpus_env.store, CALIBRATED, _Engine("bone_age"), "M", **age)  # normal is 90 to 126 months
    assert (row.bone_age_low_sds, row.bone_age_sds, row.bone_age_high_sds) == pytest.approx((-5 / 9, 7 / 9, 19 / 9))
    likely = (row.probability_delayed, row.probability_normal, row.probability_advanced)
    assert likely == pytest.approx((0, 31 / 40, 9 / 40))
    assert (row.maturity, row.sds_unknown_because) == (Maturity.INDETERMINATE, None)
    assert row.chronological_age_span_months == 0


@pytest.mark.parametrize(
    ("patient_sex", "reason"),
    [("M", SdsUnknown.CHRONOLOGICAL_AGE), ("other", SdsUnknown.SEX)],
)
def test_a_child_of_whom_too_little_is_known_has_the_reason(
    carpus_env: CarpusEnvironment, patient_sex: str, reason: SdsUnknown
) -> None:
    row = _assessed(carpus_env.store, CALIBRATED, _Engine("bone_age"), patient_sex)
    assert (row.sds_unknown_because, row.bone_age_sds, row.maturity) == (reason, None, None)


def test_over_other_views_than_the_cards_there_is_an_answer_and_no_interval(carpus_env: CarpusEnvironment) -> None:
    row = _assessed(carpus_env.store, CALIBRATED, _Engine("bone_age"), "M", views=10)
    assert (row.bone_age_months, row.bone_age_low_months, row.stage_probability_child) == (115.0, None, None)
    assert row.views == 10


@pytest.mark.parametrize(("made", "patient_sex"), [(card(), "M"), (CALIBRATED, "other")])
def test_without_calibration_or_headline_nothing_of_that_is_stored(
    carpus_env: CarpusEnvironment, made: Card, patient_sex: str
) -> None:
    row = _assessed(carpus_env.store, made, _Engine("bone_age"), patient_sex)
    assert (row.bone_age_low_months, row.bone_age_high_months, row.interval_calibrated_on) == (None, None, None)
    assert (row.stage, *_probabilities(row)) == (Stage.CHILD, None, None, None)


def _site(lines: dict[str, tuple[float, float]], calibrated: Calibration | None = None) -> SiteCalibration:
    correction = {sex: Line(intercept_months=line[0], slope=line[1]) for sex, line in lines.items()}
    with transaction() as session:
        version = add_model_version(session, "a" * 64)
        row = tables.SiteCalibration(model_version_id=version, correction={}, figures={})
        session.add(row)
        session.flush()
        return SiteCalibration(row.id, Correction.model_validate(correction), calibrated)


def _is_site_calibrated() -> bool:
    with transaction() as session:
        return bool(session.scalar(text("SELECT is_site_calibrated FROM result")))


def test_everything_that_is_stored_follows_from_the_corrected_bone_age(carpus_env: CarpusEnvironment) -> None:
    groups = (*GROUPS[:3], group("M", 120, 300, 25))
    site = _site({"F": (-5, 1.2), "M": (6, 1)}, calibration("radiographs", groups))
    age = {"chronological_age_months": 108.0, "chronological_age_source": AgeSource.BIRTH_DATE}
    row = _assessed(carpus_env.store, CALIBRATED, _Engine("bone_age"), "M", site=site, **age)
    months = (row.bone_age_months, row.bone_age_if_female_months, row.bone_age_if_male_months)
    assert months == pytest.approx((121, 121, 121))  # 115 + 6; 1.2 × 105 - 5
    assert row.stage == Stage.ADOLESCENT  # at 115 months a child
    assert (row.bone_age_low_months, row.bone_age_high_months) == (96, 146)  # the site's, of boys from 120 months on
    assert row.interval_calibrated_on == CalibratedOn.RADIOGRAPHS
    assert _probabilities(row) == pytest.approx((0.475, 0.525, 0))  # 120 is 1 below: 1/10 of a quarter under a half
    assert row.bone_age_sds == pytest.approx(13 / 9)  # 121 - 108, by a standard deviation of 9 months
    assert (row.site_calibration_id, _is_site_calibrated()) == (site.id, True)


def test_where_only_girls_have_a_line_a_boys_bone_age_stays(carpus_env: CarpusEnvironment) -> None:
    site = _site({"F": (6, 1)})
    row = _assessed(carpus_env.store, CALIBRATED, _Engine("bone_age"), "M", site=site)
    assert (row.bone_age_months, row.bone_age_if_female_months, row.bone_age_if_male_months) == (115, 111, 115)
    assert (row.bone_age_low_months, row.bone_age_high_months) == (103, 127)  # the card's
    assert row.site_calibration_id == site.id  # the estimate under the other sex is corrected


def test_over_other_views_nothing_is_corrected_nor_said_to_be(carpus_env: CarpusEnvironment) -> None:
    row = _assessed(carpus_env.store, CALIBRATED, _Engine("bone_age"), "M", views=10, site=_site({"M": (6, 1)}))
    assert (row.bone_age_months, row.site_calibration_id, _is_site_calibrated()) == (115, None, False)


def test_a_network_that_answers_stages_gives_the_likeliest_and_no_bone_age(carpus_env: CarpusEnvironment) -> None:
    row = _assessed(carpus_env.store, STAGES, _Engine("stages", (0.25, 0.5, 0.25)), "M")
    assert (row.bone_age_months, row.bone_age_if_female_months, row.bone_age_if_male_months) == (None, None, None)
    assert (row.stage, *_probabilities(row)) == (Stage.ADOLESCENT, 0.25, 0.5, 0.25)
    assert row.bone_age_low_months is None


@pytest.mark.parametrize(("if_male", "stage"), [((0.5, 0.4, 0.1), Stage.CHILD), ((0.4, 0.5, 0.1), None)])
def test_an_unknown_sex_has_such_a_stage_only_by_agreement(
    carpus_env: CarpusEnvironment, if_male: tuple[float, float, float], stage: Stage | None
) -> None:
    row = _assessed(carpus_env.store, STAGES, _Engine("stages", if_male), "missing")
    assert (row.stage, *_probabilities(row)) == (stage, None, None, None)
    assert row.heat_map_peak_months == 1.5  # the mean of both sexes' heat maps, whose peaks are 1 and 2


@pytest.mark.parametrize(
    ("picture", "laterality", "found"),
    [
        (LEFT_HAND, "L", ("left", [], [])),
        (LEFT_HAND, None, ("left", [], [])),
        (LEFT_HAND, "R", ("left", [ReviewReason.SIDE], [])),
        (LEFT_HAND[:, ::-1], "R", ("right", [], [Note.RIGHT])),
        (LEFT_HAND[:, ::-1], None, ("right", [], [Note.RIGHT_OR_MIRRORED])),
        (LEFT_HAND[:, ::-1], "L", ("right", [ReviewReason.SIDE], [Note.RIGHT_OR_MIRRORED])),
        (LEFT_HAND[::-1, ::-1], "L", ("left", [ReviewReason.NOT_UPRIGHT], [])),
        (LEFT_HAND[::-1], "L", ("right", [ReviewReason.NOT_UPRIGHT, ReviewReason.SIDE], [Note.RIGHT_OR_MIRRORED])),
    ],
)
def test_the_side_it_appears_to_be_is_compared_with_its_header(
    carpus_env: CarpusEnvironment,
    picture: np.ndarray,
    laterality: str | None,
    found: tuple[str, list[str], list[str]],
) -> None:
    row = _assessed(carpus_env.store, card(), _Engine("bone_age"), "F", picture=picture, laterality=laterality)
    assert (row.apparent_side, row.review_reasons, row.notes) == found
    assert row.bone_age_months == 105.0  # what is found is stored whatever it is


@pytest.mark.parametrize(
    ("facts", "reasons"),
    [
        ({"patient_orientation": "L\\H"}, []),
        ({"patient_orientation": "R\\H"}, [ReviewReason.SIDE]),
        ({"laterality": "R", "view_position": "AP"}, []),
    ],
)
def test_the_rest_of_the_header_decides_what_is_expected(
    carpus_env: CarpusEnvironment, facts: dict[str, str], reasons: list[str]
) -> None:
    row = _assessed(
        carpus_env.store, card(), _Engine("bone_age"), "F", picture=LEFT_HAND, **{"laterality": "L"} | facts
    )
    assert (row.apparent_side, row.review_reasons, row.notes) == ("left", reasons, [])
