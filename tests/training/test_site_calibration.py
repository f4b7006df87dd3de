"""A site's shift is found and corrected, noise is not, and no patient judges a line that he helped to fit."""

import io
import json
from collections.abc import Sequence

import numpy as np
import pytest
from rich.console import Console

from db.vocabulary import CalibratedOn
from training.calibrate import CalibrationError
from training.cross_validation import least_squares, out_of_fold, shared_out
from training.predictions import Predictions
from training.site_calibration import Fitted, SexFit, fit
from training.site_record import on_screen
from worker.correction import Correction


def _site(seed: int, each: int, girls_shift_months: float = 0.0, patients: Sequence[int] = ()) -> Predictions:
    """Return predictions for as many of each sex, girls first; reads are off by 8 months (standard deviation)."""
    rng = np.random.default_rng(seed)
    predicted, is_male = rng.uniform(20, 220, 2 * each), np.arange(2 * each) >= each
    reference = predicted + rng.normal(0, 8, 2 * each) + np.where(is_male, 0, girls_shift_months)
    return Predictions("mine 1.0.0", reference, predicted, is_male, patients=np.array(patients, np.int64))


def _of(fitted: Fitted, sex: str) -> SexFit:
    (found,) = (one for one in fitted.fits if one.sex == sex)
    return found


def test_the_line_is_the_one_worked_out_by_hand() -> None:
    # About (110, 120): the slope is (-10 × -20 + 0 × 10 + 10 × 10) / 200.
    intercept, slope = least_squares(np.array([100.0, 110.0, 120.0]), np.array([100.0, 130.0, 130.0]))
    assert (intercept, slope) == pytest.approx((-45, 1.5))
    assert np.isnan(least_squares(np.array([100.0, 100.0]), np.array([90.0, 110.0]))[1])


def test_each_fold_is_corrected_by_the_line_through_the_others() -> None:
    predicted = np.array([100.0, 200.0, 100.0, 290.0])
    reference = np.array([110.0, 210.0, 120.0, 310.0])  # the first two +10; the others +20, which leads above 300
    two = Predictions("mine", reference, predicted, np.zeros(4, np.bool_))
    months = out_of_fold(two, np.array([0, 0, 1, 1]))
    assert months == pytest.approx([120, 220, 110, 300])


def test_all_radiographs_of_a_patient_are_in_one_fold_and_folds_are_even() -> None:
    patients = [*(number // 3 for number in range(120)), *(1000 + number for number in range(120))]
    fold_of = shared_out(_site(1, 120, patients=patients), 10, seed=5)
    by_patient: dict[int, set[int]] = {}
    for patient, fold in zip(patients, fold_of.tolist(), strict=True):
        by_patient.setdefault(patient, set()).add(fold)
    assert all(len(folds) == 1 for folds in by_patient.values())
    assert np.bincount(fold_of[:120]).tolist() == [12] * 10  # 40 girls, 4 a fold, 3 radiographs each
    assert np.bincount(fold_of[120:]).tolist() == [12] * 10
    with pytest.raises(ValueError, match="2 folds or more"):
        shared_out(_site(1, 120), 1, seed=5)


def test_a_shift_of_girls_is_corrected_and_boys_stay() -> None:
    fitted = fit(_site(3, 400, girls_shift_months=6))
    girls, boys = _of(fitted, "F"), _of(fitted, "M")
    assert (girls.is_applied, boys.is_applied) == (True, False)
    assert girls.slope == pytest.approx(1, abs=0.03)
    assert girls.intercept_months + 120 * girls.slope - 120 == pytest.approx(6, abs=1)  # in the middle
    # Off by 8 months: the mean size is 8 √(2/π) = 6.4; shifted by 6 as well, 8.0.
    assert (girls.before_months, girls.after_months) == pytest.approx((8.0, 6.4), abs=0.5)
    assert girls.change_months < girls.upper_months < 0
    assert list(fitted.correction.root) == ["F"]
    line = fitted.correction.root["F"]
    assert (line.intercept_months, line.slope) == (girls.intercept_months, girls.slope)
    assert boys.why_not[0].startswith("it does not certainly help: the MAE changes by")


def test_the_corrected_intervals_are_those_of_patients_that_the_lines_do_not_know() -> None:
    fitted = fit(_site(3, 400, girls_shift_months=6))
    assert fitted.calibration is not None
    assert fitted.calibration.calibrated_on is CalibratedOn.RADIOGRAPHS
    assert fitted.calibration.data == "800 radiographs of the site, girls corrected by lines fitted on other patients"
    assert "cross-validated" in fitted.calibration.coverage.test
    assert 0.87 <= fitted.calibration.coverage.overall.covered <= 0.93
    for group in fitted.calibration.groups:
        assert group.half_width_months == pytest.approx(1.645 * 8, rel=0.2)  # girls' 6 months are corrected


def test_noise_is_taken_for_a_shift_in_at_most_one_of_twenty_sites() -> None:
    applied = [len(fit(_site(seed, 120)).correction.root) for seed in range(40)]
    assert sum(applied) <= 4  # of 80 sexes; the bound of 95% would allow as many
    assert sum(one > 0 for one in applied) <= 2


def test_the_same_reads_give_the_same_correction() -> None:
    assert fit(_site(3, 150, 6)).figures == fit(_site(3, 150, 6)).figures


def test_too_few_reads_or_patients_of_a_sex_leave_it_as_it_is() -> None:
    girls = fit(_site(3, 99, girls_shift_months=30))
    assert _of(girls, "F").why_not == ("99 radiographs, expected 100 or more",)
    assert girls.correction == Correction({})
    patients = [*(number % 49 for number in range(150)), *range(100, 250)]
    again = fit(_site(3, 150, girls_shift_months=30, patients=patients))
    assert _of(again, "F").why_not == ("49 patients, expected 50 or more",)
    one_sex = fit(_site(3, 150).where(np.arange(300) < 150))
    assert _of(one_sex, "M").why_not == ("0 radiographs, expected 100 or more", "0 patients, expected 50 or more")


def test_a_line_beyond_what_a_network_may_need_is_not_applied_however_it_helps() -> None:
    right = _site(3, 150)
    tripled = Predictions("mine", right.reference_months, right.predicted_months / 3, right.is_male)
    found = _of(fit(tripled), "F")
    assert found.upper_months < 0
    assert found.why_not[0].startswith("expected a slope of 0.5 to 2 and an intercept within ±120 months, received 3.0")


def test_a_network_that_always_answers_the_same_is_not_corrected() -> None:
    right = _site(3, 150)
    found = _of(fit(Predictions("mine", right.reference_months, np.full(300, 120.0), right.is_male)), "M")
    assert not found.is_applied
    assert "received nan" in found.why_not[0]


def test_too_few_for_intervals_leave_those_of_the_card() -> None:
    fitted = fit(_site(3, 150, girls_shift_months=6))
    assert list(fitted.correction.root) == ["F"]
    assert fitted.calibration is None
    assert fitted.intervals.startswith("those of the model's card stay: 150 calibration cases of sex F")


def test_answers_above_300_months_are_taken_as_they_are_served() -> None:
    right = _site(3, 150)
    above = np.where(np.arange(300) == 0, 310, right.predicted_months)
    kept = fit(Predictions("mine", right.reference_months, above, right.is_male)).figures
    served = fit(Predictions("mine", right.reference_months, np.minimum(above, 300), right.is_male)).figures
    assert kept == served


def test_stages_cannot_be_corrected() -> None:
    right = _site(3, 150)
    with pytest.raises(CalibrationError, match="gives no bone age"):
        fit(Predictions("mine", right.reference_months, np.full(300, np.nan), right.is_male))


def test_the_figures_are_json_and_the_words_say_why_not() -> None:
    fitted = fit(_site(3, 99))
    figures = json.loads(json.dumps(fitted.figures, allow_nan=False))
    assert figures["by_sex"]["M"] == {
        "radiographs": 99,
        "patients": 99,
        **dict.fromkeys(("intercept_months", "slope", "mae_before_months", "mae_after_months")),
        **dict.fromkeys(("change_months", "change_upper_months")),
        "is_applied": False,
        "why_not": ["99 radiographs, expected 100 or more"],
    }
    json.dumps(fit(_site(3, 400, 6)).figures, allow_nan=False)
    shown = io.StringIO()
    console = Console(width=200, file=shown)
    console.print(on_screen(fitted))
    console.print(on_screen(fit(_site(3, 400, 6))))
    for words in ("99 radiographs, expected 100 or more", "× answer", "yes", "those of the model's card stay"):
        assert words in shown.getvalue()
