"""What a network answers between epochs, and what that is worth."""

import numpy as np
import pytest

from db.vocabulary import Sex
from tests.training.tiny import tiny
from training.batches import Labelled
from training.cases import Case
from training.loop import untrained
from training.sources.phantoms import Phantom
from training.validation import answering, validate


def labelled(*months: float) -> Labelled:
    picture = Phantom(100.0, Sex.MALE, 0)
    cases = [Case(f"{age}", f"{age}", Sex.MALE, age, None, picture) for age in months]
    return Labelled(np.zeros((len(cases), 8, 8), np.uint8), cases)


def test_the_graph_answers_as_the_network_does_for_any_number_and_size_and_after_it_learned() -> None:
    wanted = tiny("cnn_128_regression", "network.width=0.03")
    network = untrained(wanted, wanted.network)
    answer, rng = answering(network), np.random.default_rng(0)
    for count, side_px in ((3, 80), (1, 40)):
        image, sex = rng.random((count, side_px, side_px, 1), np.float32), np.ones(count, np.float32)
        expected = np.asarray(network([image, sex], training=False))
        assert np.asarray(answer(image, sex)) == pytest.approx(expected, rel=1e-5)
        network.set_weights([weight + 0.1 for weight in network.get_weights()])


def test_the_loss_and_the_error_are_means_over_all_pictures_of_several_batches() -> None:
    shapes = []

    def a_hundred(image: np.ndarray, sex: np.ndarray) -> np.ndarray:
        shapes.append((image.shape, sex.shape))
        return np.full((len(image), 1), 100, np.float32)

    months = [98.0] * 32 + [104.0] * 8
    assert validate(tiny("xception_256"), a_hundred, labelled(*months), 2) == (
        pytest.approx((32 * 4 + 8 * 16) / 40),
        pytest.approx((32 * 2 + 8 * 4) / 40),
    )
    assert shapes == [((32, 4, 4, 1), (32,)), ((8, 4, 4, 1), (8,))]
