"""The obvious Keras script: pictures of a folder, layers that vary them, Xception, `compile` and `fit`, all by default.

Its numbers are those of the recipe that stands beside it in `tests.bench.epoch`. It reads grey pictures as grey ones,
which is quicker than the colour that is the default.
"""

from pathlib import Path
from typing import Any

from training.recipe import Recipe


class Script:
    """A model compiled and its data sets, of ``training`` and ``validation`` below a folder.

    Parameters
    ----------
    folder
        With PNGs in both.
    months
        Of each part's pictures, in the order of their names.
    recipe
        What to do as it does.
    """

    def __init__(self, folder: Path, months: dict[str, list[int]], recipe: Recipe) -> None:
        learned, self._watched = (_pictures(folder / part, months[part], recipe) for part in ("training", "validation"))
        self._learned = _varied(learned, recipe)
        self._model = _compiled(recipe)

    def epoch(self) -> None:
        """Fit once over all pictures."""
        self._model.fit(self._learned, validation_data=self._watched, verbose=0)


def _pictures(folder: Path, months: list[int], recipe: Recipe) -> Any:
    import keras

    return keras.utils.image_dataset_from_directory(
        folder,
        labels=months,
        label_mode="int",
        color_mode="grayscale",
        batch_size=recipe.fit.batch_size,
        image_size=(recipe.preprocessing.rows, recipe.preprocessing.columns),
        seed=recipe.fit.seed,
        verbose=False,
    )


def _varied(pictures: Any, recipe: Recipe) -> Any:
    import tensorflow as tf
    from keras import Sequential, layers

    varied = recipe.augmentation
    vary = Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(varied.rotation_degrees / 360),
            layers.RandomZoom(varied.zoom_fraction),
            layers.RandomTranslation(varied.shift_fraction, varied.shift_fraction),
        ]
    )
    at_once = tf.data.AUTOTUNE
    return pictures.map(lambda image, months: (vary(image, training=True), months), at_once).prefetch(at_once)


def _compiled(recipe: Recipe) -> Any:
    import keras
    from keras import layers

    from training.networks import xception
    from training.networks.network import Pixels, Shape

    shape = Shape(recipe.preprocessing.rows, recipe.preprocessing.columns)
    # Keras' own Xception has one width; ours at that width has its layers.
    backbone = xception.build_backbone(shape, recipe.network.width, Pixels(3, recipe.network.value_range))
    image = keras.Input((*shape, 1))
    x = layers.GlobalMaxPooling2D()(backbone(layers.Rescaling(1 / 255)(image)))
    for units in recipe.head.dense_units:
        x = layers.Dense(units, activation="relu")(x)
    model = keras.Model(image, layers.Dense(1)(x))
    wanted = recipe.fit.optimizer
    optimizer = keras.optimizers.Adam(wanted.learning_rate, clipnorm=wanted.clip_norm)
    model.compile(optimizer=optimizer, loss=recipe.fit.loss, metrics=["mae"])
    return model
