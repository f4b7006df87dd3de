"""The graph for OpenVINO answers as TensorFlow's does, or is not written, and the screen says why."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from tests.narrow_bundle import KERAS_ON_NUMPY_2, export_narrow
from training import __main__ as command_line
from training import cache, conversion
from training.cases import Part
from training.conversion import MAX_DIFFERENCE_MONTHS, MIN_CORRELATION, ConversionError, convert, correlation
from training.evaluate import batches
from training.sources.phantoms import phantoms
from worker import bundle
from worker.bundle import NETWORK, OPENVINO, SAVED_MODEL, Bundle
from worker.engines import Predictions, openvino, tensorflow

pytestmark = KERAS_ON_NUMPY_2

HANDS = 36


@pytest.fixture(scope="module", params=["starter", "narrow"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    if request.param == "starter":
        return bundle.load(bundle.starter_folder())
    return export_narrow(tmp_path_factory.mktemp("bundle") / "narrow")


@pytest.fixture(scope="module")
def asked(made: Bundle, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Predictions, Predictions]]:
    """What both engines say of drawn hands of every age: many at once, one alone, and with every third sex unknown."""
    hands = phantoms(Part.TEST, HANDS)
    pictures = cache.images(hands, made.card.preprocessing, tmp_path_factory.mktemp("pictures"), processes=1)
    image, sex = map(np.concatenate, zip(*batches(pictures, hands), strict=True))
    sex[::3] = np.nan
    engines = tensorflow.load(made), openvino.load(made)
    given = [(image, sex), (image[:1], sex[:1]), (image[1:2], sex[1:2]), (image[2:9], sex[2:9])]
    return [(engines[0].predict(*one), engines[1].predict(*one)) for one in given]


@pytest.mark.parametrize("name", ["bone_age_months", "bone_age_if_female_months", "bone_age_if_male_months"])
def test_the_bone_age_is_the_same_to_a_twentieth_of_a_month(
    asked: list[tuple[Predictions, Predictions]], name: str
) -> None:
    for expected, found in asked:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=0, atol=MAX_DIFFERENCE_MONTHS)
    assert np.isnan(asked[0][1].bone_age_months).sum() == HANDS / 3  # those of unknown sex, and no other


def test_the_heat_map_lights_up_where_tensorflow_s_does(asked: list[tuple[Predictions, Predictions]]) -> None:
    correlations = [
        correlation(one, other)
        for expected, found in asked
        for one, other in zip(expected.heat_map, found.heat_map, strict=True)
    ]
    assert len(correlations) == HANDS + 9
    assert min(correlations) >= MIN_CORRELATION
    assert np.ptp(asked[0][1].heat_map) > 0


def test_the_embedding_is_the_same(asked: list[tuple[Predictions, Predictions]]) -> None:
    for expected, found in asked:
        assert found.embedding == pytest.approx(expected.embedding, rel=1e-3, abs=1e-4)


def test_weights_are_kept_in_float32(made: Bundle) -> None:
    assert "FP16" not in (made.folder / OPENVINO).read_text()
    assert {OPENVINO, OPENVINO.replace(".xml", ".bin")} <= set(made.card.files)


def test_maps_that_are_flat_are_alike_only_where_both_are() -> None:
    flat, other = np.zeros((2, 2), np.float32), np.array([[0, 1], [0, 0]], np.float32)
    assert (correlation(flat, flat), correlation(flat, other), correlation(other, other)) == (1.0, 0.0, 1.0)
    assert correlation(other, -other) == pytest.approx(-1)


def saved(folder: Path, answer: Any) -> Path:
    """Save a function in the place of a bundle's."""
    specs = [tf.TensorSpec((None, 4, 4, 1), tf.float32, "image"), tf.TensorSpec((None,), tf.float32, "sex")]
    module = tf.Module()
    module.signature = tf.function(answer, input_signature=specs)
    tf.saved_model.save(module, str(folder / SAVED_MODEL), signatures={"serving_default": module.signature})
    return folder


def test_an_operation_that_openvino_lacks_is_named(tmp_path: Path) -> None:
    folder = saved(tmp_path, lambda image, sex: {"bone_age_months": tf.math.betainc(1.0, 2.0, sex) + image[:, 0, 0, 0]})
    with pytest.raises(ConversionError, match="Betainc"):
        convert(folder)
    assert [path.name for path in folder.iterdir()] == [SAVED_MODEL]


@pytest.mark.parametrize(
    ("name", "told"),
    [("heat_map", "the heat map's correlation with TensorFlow's is"), ("embedding", "embedding differs from")],
)
def test_a_graph_that_answers_otherwise_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    def answer(image: Any, sex: Any) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            high = tf.nn.relu(image - 0.5)
        return {name: tape.gradient(high, image)[..., 0] + 0 * sex[:, tf.newaxis, tf.newaxis]}

    def wrong(node: Any) -> list[Any]:
        from openvino import opset13 as ops

        return [ops.cos(ops.multiply(node.get_input(1), ops.constant(9.0, np.float32))).output(0)]

    def known(image: Any, sex: Any) -> dict[str, Any]:
        return {key: tf.where(tf.math.is_finite(one), one, 0.0) for key, one in answer(image, sex).items()}

    folder = saved(tmp_path, known)
    convert(folder)
    monkeypatch.setattr(conversion, "_relu_gradient", wrong)
    with pytest.raises(ConversionError, match=told):
        convert(folder)
    assert [path.name for path in folder.iterdir()] == [SAVED_MODEL]


def test_without_openvino_a_bundle_is_whole_and_the_screen_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(conversion, "find_spec", lambda name: None)
    made = export_narrow(tmp_path / "narrow")
    assert not openvino.has_graph(made)
    assert "pip install carpus[training]" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(bundle.BundleError, match="has no graph for OpenVINO"):
        openvino.load(made)
    image, sex = np.zeros((1, 64, 64, 1), np.float32), np.ones(1, np.float32)
    before = tensorflow.load(made).predict(image, sex)
    monkeypatch.undo()
    done = CliRunner().invoke(command_line.app, ["export", str(made.folder), "--output", str(tmp_path / "again")])
    assert done.exit_code == 0, done.output
    again = bundle.load(tmp_path / "again")
    assert (again.card.version, again.card.files[NETWORK]) == (made.card.version, made.card.files[NETWORK])
    after = openvino.load(again).predict(image, sex)
    assert after.bone_age_months == pytest.approx(before.bone_age_months, abs=MAX_DIFFERENCE_MONTHS)
