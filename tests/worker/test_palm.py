"""MediaPipe's palm detector: its anchors and answers by numbers worked out by hand, its networks by small ones."""

from pathlib import Path

import numpy as np
import pytest

from db.errors import PermanentError
from tests.palm_networks import write_onnx, write_tflite
from worker.palm import Detector, Palm, anchors, decode, detector, hand_edges
from worker.preprocess import Preprocessing, crop_box

# Each anchor's numbers in px of the input: x, y, width, height, then seven landmarks.
UPRIGHT = [0.0, 0.0, 48.0, 48.0, 0, 24, 0, 0, 0, -24, *[0] * 8]


def test_there_are_two_anchors_in_each_fine_cell_and_six_in_each_coarse_one() -> None:
    every = anchors()
    assert every.shape == (2 * 24 * 24 + 6 * 12 * 12, 2)
    assert every[[0, 1]] == pytest.approx(np.full((2, 2), 4 / 192))
    assert every[2] == pytest.approx([12 / 192, 4 / 192])  # x goes first
    assert every[48] == pytest.approx([4 / 192, 12 / 192])
    assert every[[1152, 1157, 1158]] == pytest.approx(np.array([[8, 8], [8, 8], [24, 8]]) / 192)
    assert every[-1] == pytest.approx([184 / 192, 184 / 192])


def answers(*seen: tuple[int, float, list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return what a network says that sees palms at some anchors: number, logit, and what follows from it."""
    regressors, logits = np.zeros((2016, 18), np.float32), np.full(2016, -200.0, np.float32)
    for anchor, logit, numbers in seen:
        regressors[anchor], logits[anchor] = numbers, logit
    return regressors, logits


def test_a_palm_lies_where_its_anchor_and_its_numbers_say() -> None:
    palm = decode(*answers((2, np.log(3), [6.0, 20.0, 24.0, 48.0, *range(14)])))
    assert palm is not None
    assert palm[:5] == pytest.approx((0.75, 18 / 192, 24 / 192, 24 / 192, 48 / 192))
    assert palm.landmarks[[0, 6]] == pytest.approx(np.array([[12, 5], [24, 17]]) / 192)


def test_anchors_that_mean_the_same_palm_are_averaged_by_their_scores() -> None:
    shifted = [12.0, *UPRIGHT[1:]]  # overlaps by 36 of 60 columns
    palm = decode(*answers((0, np.log(3), UPRIGHT), (1, 0.0, shifted)))  # scores 0.75 and 0.5
    assert palm is not None
    assert palm.x * 192 == pytest.approx(4 + 12 * 0.5 / 1.25)


def test_of_two_palms_the_more_certain_one_is_taken() -> None:
    palm = decode(*answers((0, 1.0, UPRIGHT), (2015, 2.0, UPRIGHT)))
    assert palm is not None
    assert (palm.x, palm.y) == pytest.approx((184 / 192, 184 / 192))


def test_below_a_score_of_one_half_there_is_no_palm() -> None:
    assert decode(*answers((0, -0.01, UPRIGHT))) is None
    assert decode(*answers((0, 0.0, UPRIGHT))) is not None


def palm_towards(across: float, down: float) -> Palm:
    landmarks = np.full((7, 2), 0.5)
    landmarks[2] += (across, down)
    return Palm(1.0, 0.5, 0.5, 0.2, 0.1, landmarks)


def test_the_hand_lies_beyond_the_palm_where_the_fingers_point() -> None:
    # A square of 2.6 · 0.2 = 0.52, its centre moved by half of the height, 0.05.
    assert hand_edges(palm_towards(0, -0.1)) == pytest.approx((0.19, 0.24, 0.71, 0.76))  # up
    assert hand_edges(palm_towards(0.1, 0)) == pytest.approx((0.24, 0.29, 0.76, 0.81))  # to the right
    aslant, half = 0.05 / 2**0.5, 0.26 * 2**0.5  # turned by 45°, the square's box is wider by √2
    expected = (0.5 + aslant - half, 0.5 + aslant - half, 0.5 + aslant + half, 0.5 + aslant + half)
    assert hand_edges(palm_towards(0.1, 0.1)) == pytest.approx(expected)


def test_a_palm_without_a_direction_is_taken_as_upright() -> None:
    assert hand_edges(palm_towards(0, 0)) == pytest.approx((0.19, 0.24, 0.71, 0.76))


@pytest.fixture(scope="module", params=["tflite", "onnx"])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("palm") / f"palm.{request.param}"
    {"tflite": write_tflite, "onnx": write_onnx}[request.param](path)
    return path


def test_a_network_finds_the_bright_place(network: Path) -> None:
    picture = np.zeros((192, 192, 1), np.float32)
    picture[96:104, 40:48] = 1.0  # the cell around x 44, y 100: the palm is 40 wide around 48, 92, the hand 16 higher
    assert Detector(network).find(picture) == pytest.approx((76 - 52, 48 - 52, 76 + 52, 48 + 52), abs=1e-3)
    assert Detector(network).find(np.zeros((192, 192, 1), np.float32)) is None


def test_the_crop_is_the_hand_with_a_margin_in_the_radiograph(network: Path) -> None:
    card = Preprocessing(rows=64, columns=64, crop="mediapipe", crop_model=network.name)
    radiograph = np.zeros((384, 192), np.uint16)  # shrunk by 2 and between bars of 48 px
    radiograph[192:208, 48:64] = 65535  # becomes the cell from 96, and 24 + 48 = 72
    # As above, 32 px further right: 24 to 128 and 28 to 132; less 48, times 2, and a margin of 5% of 208.
    assert crop_box(radiograph, card, network.parent) == (48 - 11, 0, 256 + 11, 168 + 11)
    assert crop_box(np.full((30, 20), 9, np.uint16), card, network.parent) == (0, 0, 30, 20)


def test_a_file_that_is_no_palm_detector_is_named(tmp_path: Path) -> None:
    for name in ("none.onnx", "broken.onnx", "broken.tflite"):
        if name.startswith("broken"):
            (tmp_path / name).write_bytes(b"no network")
        with pytest.raises(PermanentError, match=rf"crop_model: .*{name}: expected MediaPipe's palm detector .* read"):
            detector(tmp_path / name)


def test_a_network_with_other_outputs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.palm_networks.ANCHORS_PER_CELL", ((8, 2),))
    write_onnx(tmp_path / "other.onnx")
    with pytest.raises(PermanentError, match=r"other\.onnx: .*its input or its outputs are others"):
        detector(tmp_path / "other.onnx")


@pytest.mark.parametrize(("crop", "model"), [("mediapipe", None), ("hand", "palm.onnx"), ("none", "palm.onnx")])
def test_the_crop_and_its_file_belong_together(crop: str, model: str | None) -> None:
    with pytest.raises(ValueError, match="crop_model: expected the path of a palm detector"):
        Preprocessing.model_validate({"rows": 64, "columns": 64, "crop": crop, "crop_model": model})
