"""Export a fitted network as a bundle: one function with both sexes and Grad-CAM in it, and the card.

Before it: `training.fit` and `training.evaluate`. After it: `worker.bundle` checks what this wrote, and an engine runs
it.

References
----------
Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, 2017,
doi:10.1109/ICCV.2017.74.
"""

import tempfile
from importlib.metadata import version
from pathlib import Path

import keras
import tensorflow as tf

from training.networks.network import BACKBONE, HEAD
from worker.bundle import CARD, NETWORK, SAVED_MODEL, Bundle, Card, file_digests, load
from worker.preprocess import Preprocessing

_LIBRARIES = ("tensorflow", "keras", "numpy", "opencv-python-headless")


class AssessFunction(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """The function that every engine runs, from network input to months, heat map and embedding.

    The backbone runs once per radiograph; the heads under both sexes and the gradient touch only its feature map.
    """

    def __init__(self, network: keras.Model, preprocessing: Preprocessing, *, takes_sex: bool) -> None:
        super().__init__()
        self.takes_sex = takes_sex
        self.backbone = network.get_layer(BACKBONE)
        self.head = network.get_layer(HEAD)
        image = tf.TensorSpec((None, preprocessing.rows, preprocessing.columns, 1), tf.float32, name="image")
        self.signature = tf.function(self.assess, input_signature=[image, tf.TensorSpec((None,), tf.float32, "sex")])

    def assess(self, image: tf.Tensor, sex: tf.Tensor) -> dict[str, tf.Tensor]:
        """Assess n radiographs.

        Parameters
        ----------
        image
            (n, rows, columns, 1) float32 in [0, 1], bone bright.
        sex
            (n,) float32: 1 male, 0 female, NaN unknown; without which a network that takes it gives no bone age.

        Returns
        -------
        dict
            The fields of `worker.engines.Predictions`.
        """
        feature_map = self.backbone(image, training=False)
        is_known = tf.logical_not(tf.math.is_nan(sex))
        with tf.GradientTape() as tape:
            tape.watch(feature_map)
            if_female = self._months(feature_map, tf.zeros_like(sex))
            if_male = self._months(feature_map, tf.ones_like(sex)) if self.takes_sex else if_female
            months = tf.where(sex == 1, if_male, if_female)
            explained = tf.where(is_known, months, (if_female + if_male) / 2)
        return {
            "bone_age_months": tf.where(is_known, months, float("nan")) if self.takes_sex else months,
            "bone_age_if_female_months": if_female,
            "bone_age_if_male_months": if_male,
            "heat_map": _grad_cam(feature_map, tape.gradient(explained, feature_map)),
            "embedding": tf.reduce_mean(feature_map, axis=(1, 2)),
        }

    def _months(self, feature_map: tf.Tensor, sex: tf.Tensor) -> tf.Tensor:
        return tf.squeeze(self.head([feature_map, sex], training=False), axis=1)


def export(network: keras.Model, card: Card, folder: Path) -> Bundle:
    """Write a bundle, whole or not at all; one that was there before is replaced.

    Parameters
    ----------
    network
        From `training.networks`, fitted. Not changed.
    card
        What to say of it; parameters, library versions and files are filled in here.
    folder
        Where the bundle shall lie.

    Returns
    -------
    Bundle
        As `worker.bundle.load` reads it back.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        fresh, replaced = Path(temporary) / "fresh", Path(temporary) / "replaced"
        fresh.mkdir()
        _write_network(network, card, fresh)
        facts = {
            "parameters": network.count_params(),
            "library_versions": {library: version(library) for library in _LIBRARIES},
            "files": file_digests(fresh),
        }
        text = card.model_copy(update=facts).model_dump_json(indent=2)
        (fresh / CARD).write_text(text + "\n", encoding="utf-8")
        load(fresh)
        try:
            if folder.exists():
                folder.rename(replaced)
            fresh.rename(folder)
        except BaseException:
            if replaced.exists() and not folder.exists():
                replaced.rename(folder)
            raise
    return load(folder)


def _write_network(network: keras.Model, card: Card, folder: Path) -> None:
    # A model made of the same layers but never compiled has no optimiser, whose state would be two thirds of the file.
    keras.Model(network.inputs, network.outputs, name=network.name).save(folder / NETWORK)
    function = AssessFunction(network, card.preprocessing, takes_sex=card.takes_sex)
    signatures = {"serving_default": function.signature}
    tf.saved_model.save(function, str(folder / SAVED_MODEL), signatures=signatures)


def _grad_cam(feature_map: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Weigh each feature by its mean gradient and keep what speaks for a greater age: (n, h, w) float32 ≥ 0."""
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * feature_map, axis=-1))
