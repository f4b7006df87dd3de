"""The function that every engine runs: from network input to months or stages, with both sexes and Grad-CAM in it.

Before it: `training.networks`, fitted. After it: `training.export` saves it for TensorFlow and OpenVINO.

References
----------
Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, 2017,
doi:10.1109/ICCV.2017.74.
"""

import keras
import tensorflow as tf

from training.networks.head import LOGITS
from training.networks.network import BACKBONE, HEAD, members
from worker.card import Card


class Member(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """One network of a bundle: its backbone runs once, all else touches only its feature map.

    Parameters
    ----------
    network
        From `training.networks`, in float32.
    answers
        ``bone_age`` or ``stages``.
    takes_sex
        Whether it is told the sex.
    """

    def __init__(self, network: keras.Model, *, answers: str, takes_sex: bool) -> None:
        super().__init__()
        self.backbone, self.head = network.get_layer(BACKBONE), network.get_layer(HEAD)
        self._takes_sex = takes_sex
        if answers == "stages":
            self._logits = keras.Model(self.head.inputs, self.head.get_layer(LOGITS).output)

    def months(self, image: tf.Tensor, sex: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return months under both sexes, the heat map of the months, and the embedding."""
        feature_map = self.backbone(image, training=False)
        with tf.GradientTape() as tape:
            tape.watch(feature_map)
            if_female = self._answer(feature_map, tf.zeros_like(sex))
            if_male = self._answer(feature_map, tf.ones_like(sex)) if self._takes_sex else if_female
        # What is explained are the months for the sex, or the mean of both. That is told by weights of the gradient and
        # not by selecting one of the two, for OpenVINO lacks an operation in the gradient of a selection.
        male = tf.where(tf.math.is_nan(sex), 0.5, tf.where(sex == 1, 1.0, 0.0))
        gradient = tape.gradient([if_female, if_male], feature_map, output_gradients=[1 - male, male])
        return {
            "bone_age_if_female_months": if_female,
            "bone_age_if_male_months": if_male,
            "heat_map": _grad_cam(feature_map, gradient),
            "embedding": tf.reduce_mean(feature_map, axis=(1, 2)),
        }

    def stages(self, image: tf.Tensor, sex: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the stages' probabilities, the heat map of what speaks for the likeliest, and the embedding."""
        feature_map = self.backbone(image, training=False)
        with tf.GradientTape() as tape:
            tape.watch(feature_map)
            logits = self._logits([feature_map, tf.where(tf.math.is_nan(sex), tf.zeros_like(sex), sex)], training=False)
            likeliest = tf.reduce_max(logits, axis=1)
        is_told = tf.logical_not(tf.math.is_nan(sex)) if self._takes_sex else tf.ones_like(sex, tf.bool)
        probabilities = tf.where(is_told[:, tf.newaxis], tf.nn.softmax(logits), float("nan"))
        return {
            "stage_probabilities": probabilities,
            "heat_map": _grad_cam(feature_map, tape.gradient(likeliest, feature_map)),
            "embedding": tf.reduce_mean(feature_map, axis=(1, 2)),
        }

    def _answer(self, feature_map: tf.Tensor, sex: tf.Tensor) -> tf.Tensor:
        return tf.squeeze(self.head([feature_map, sex], training=False), axis=1)


class AssessFunction(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """The function that every engine runs, from network input to months or stages, heat map and embedding.

    Parameters
    ----------
    network
        From `training.networks`, in float32; of several joined, the months and heat maps are averaged and the
        embeddings joined.
    card
        With its network input, what it answers and whether it takes the sex.
    """

    def __init__(self, network: keras.Model, card: Card) -> None:
        super().__init__()
        self.takes_sex, self.answers = card.takes_sex, card.answers
        self._members = [Member(one, answers=card.answers, takes_sex=card.takes_sex) for one in members(network)]
        size = (None, card.preprocessing.rows, card.preprocessing.columns, 1)
        image = tf.TensorSpec(size, tf.float32, name="image")
        self.signature = tf.function(self.assess, input_signature=[image, tf.TensorSpec((None,), tf.float32, "sex")])

    def assess(self, image: tf.Tensor, sex: tf.Tensor) -> dict[str, tf.Tensor]:
        """Assess n radiographs.

        Parameters
        ----------
        image
            (n, rows, columns, 1) float32 in [0, 1], bone bright.
        sex
            (n,) float32: 1 male, 0 female, NaN unknown; without which a network that takes it gives no bone age and
            no stage.

        Returns
        -------
        dict
            The fields of `worker.engines.Predictions`.
        """
        if self.answers == "stages":
            nothing = tf.fill(tf.shape(sex), float("nan"))
            months = {f"bone_age_{when}months": nothing for when in ("", "if_female_", "if_male_")}
            return self._members[0].stages(image, sex) | months
        found = _mean([one.months(image, sex) for one in self._members])
        months = tf.where(sex == 1, found["bone_age_if_male_months"], found["bone_age_if_female_months"])
        unknown = tf.math.is_nan(sex) if self.takes_sex else tf.zeros_like(sex, tf.bool)
        return found | {"bone_age_months": tf.where(unknown, float("nan"), months)}


def _mean(found: list[dict[str, tf.Tensor]]) -> dict[str, tf.Tensor]:
    """Return the mean over networks: heat maps at the first one's size, the embeddings one after the other."""
    if len(found) == 1:
        return found[0]
    size = tf.shape(found[0]["heat_map"])[1:3]
    heat_maps = [tf.image.resize(one["heat_map"][..., tf.newaxis], size)[..., 0] for one in found]
    months = ("bone_age_if_female_months", "bone_age_if_male_months")
    return {name: tf.add_n([one[name] for one in found]) / len(found) for name in months} | {
        "heat_map": tf.add_n(heat_maps) / len(found),
        "embedding": tf.concat([one["embedding"] for one in found], axis=1),
    }


def _grad_cam(feature_map: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Weigh each feature by its mean gradient and keep what speaks for what is explained: (n, h, w) float32 ≥ 0."""
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * feature_map, axis=-1))
