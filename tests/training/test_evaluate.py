"""What a model is asked, and what its card says of the answers."""

import numpy as np
import pytest

from db.vocabulary import Sex
from training.analysis import analyse
from training.cases import Case
from training.evaluate import ask, metrics
from training.predictions import Predictions
from training.sources.phantoms import Phantom
from worker.engines import Predictions as Predicted

HANDS = [
    Case(f"phantom {seed}", f"phantom {seed}", sex, months, None, Phantom(months, sex, seed))
    for months, sex, seed in ((36.0, Sex.FEMALE, 5), (71.9, Sex.FEMALE, 6), (120.0, Sex.MALE, 7))
]
REFERENCE = np.array([hand.bone_age_months for hand in HANDS])
IS_MALE = np.array([False, False, True])


def test_the_card_has_errors_over_all_by_sex_and_by_band() -> None:
    found = metrics(
        analyse(Predictions("mine", REFERENCE, np.array([30.0, 74.9, 129.0]), IS_MALE)), "hands"
    )  # -6, 3, 9
    assert found.overall.mae_months is not None
    assert found.overall.mae_months.value == 6
    assert found.overall.mean_error_months is not None
    assert found.overall.mean_error_months.value == 2
    by_sex = {sex: summary.mae_months and summary.mae_months.value for sex, summary in found.by_sex.items()}
    assert by_sex == {"F": 4.5, "M": None}  # one boy
    counts = {band: summary.radiographs for band, summary in found.by_age_band_months.items()}
    assert counts == {"0-35": 0, "36-71": 2, "72-119": 0, "120-167": 1, "168-215": 0, "216-240": 0}
    assert found.by_age_band_months["216-240"].mae_months is None
    assert found.by_age_band_months["216-240"].mean_error_months is None


class Brightness:
    """Answers 100 months for white and none for black, and one more for boys."""

    def warm_up(self) -> None:
        """Nothing to warm."""

    def predict(self, image: np.ndarray, sex: np.ndarray) -> Predicted:
        months = np.asarray(100 * image.mean(axis=(1, 2, 3)) + sex, np.float32)
        return Predicted(months, months, months, np.zeros((len(sex), 2, 2), np.float32), months[:, np.newaxis])


def test_the_network_is_shown_pictures_from_zero_to_one_with_their_sex() -> None:
    pictures = np.zeros((3, 4, 4), np.uint8)
    pictures[2] = 255
    found, milliseconds = ask("mine", Brightness(), pictures, HANDS)
    assert found.predicted_months == pytest.approx([0, 0, 101])
    assert found.reference_months.tolist() == REFERENCE.tolist()
    assert found.is_male.tolist() == IS_MALE.tolist()
    assert milliseconds > 0


def test_the_card_of_a_network_that_gives_stages_has_their_figures() -> None:
    none = np.full(3, np.nan)
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0, 1, 0]])
    found = metrics(analyse(Predictions("mine", REFERENCE, none, IS_MALE, stage_probabilities=probabilities)), "hands")
    assert found.overall.mae_months is None
    assert (found.stages["accuracy"].value, found.stages["recall_child"].value) == (0.667, 0.5)
    assert "recall_adult" not in found.stages  # there is none
