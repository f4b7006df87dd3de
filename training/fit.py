"""Fit a recipe's network to drawn hands and export it as a bundle; an interrupted run goes on where it was.

Before it: `training.recipe` and `training.dataset`. After it: `training.evaluate`, then `training.export`.
"""

import hashlib
import math
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import keras
import numpy as np
import numpy.typing as npt
from rich import print as show

from training import dataset
from training.analysis import analyse
from training.augment import augment
from training.dataset import Split, Subject
from training.evaluate import metrics, network_input, predict
from training.export import export
from training.networks.build import build
from training.networks.network import ANY_SHAPE, Shape
from training.recipe import Recipe
from training.tables import on_screen
from worker.bundle import Bundle, Card, Metrics, TrainingData
from worker.preprocess import encode_sex

Float32 = npt.NDArray[np.float32]
Batch = tuple[tuple[Float32, Float32], Float32]


class Epoch(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """The batches of one epoch; the same recipe and epoch give the same batches, so that a run can go on exactly."""

    def __init__(self, recipe: Recipe, images: npt.NDArray[np.uint8], subjects: list[Subject], epoch: int) -> None:
        super().__init__()
        self._recipe, self._images, self._epoch = recipe, images, epoch
        self._sex = np.array([encode_sex(subject.sex) for subject in subjects], np.float32)
        self._months = np.array([subject.bone_age_months for subject in subjects], np.float32)
        self._order = np.random.default_rng([recipe.fit.seed, epoch]).permutation(len(subjects))

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._recipe.fit.batch_size)

    def __getitem__(self, batch: int) -> Batch:
        """Return ((image, sex), months) of a batch: (n, rows, columns, 1), (n,) and (n, 1) float32."""
        size = self._recipe.fit.batch_size
        chosen = np.sort(self._order[batch * size : (batch + 1) * size])
        rng = np.random.default_rng([self._recipe.fit.seed, self._epoch, batch])
        shrink = self._recipe.fit.shrink_in(self._epoch)
        images = network_input(self._images[chosen])[..., 0]
        varied = [_shrunk(augment(image, self._recipe.augmentation, rng), shrink) for image in images]
        return (np.stack(varied)[..., np.newaxis], self._sex[chosen]), self._months[chosen, np.newaxis]


def fit(recipe: Recipe, folder: Path, work_folder: Path, processes: int | None = None) -> Bundle:
    """Draw, fit, evaluate and export.

    Parameters
    ----------
    recipe
        What to make.
    folder
        Where the bundle shall lie; one that was there before is replaced at the end.
    work_folder
        Keeps drawn hands and checkpoints; a run with the same recipe and the same drawing code goes on from them.
    processes
        How many draw at once; None takes one a core.

    Returns
    -------
    Bundle
        With metrics on held-out hands in its card.
    """
    cache = work_folder / "cache"
    seen = dataset.subjects(Split.TRAINING, recipe.phantoms.training)
    watched = dataset.subjects(Split.VALIDATION, recipe.phantoms.validation)
    held_out = dataset.subjects(Split.HELD_OUT, recipe.phantoms.held_out)
    drawn = [dataset.images(hands, recipe.preprocessing, cache, processes) for hands in (seen, watched, held_out)]
    data_digest = dataset.digest(seen, recipe.preprocessing)
    run = hashlib.sha256((recipe.model_dump_json() + data_digest).encode()).hexdigest()
    checkpoint = work_folder / "training" / f"{recipe.name}-{run}.keras"
    network = fit_network(recipe, (drawn[0], seen), (drawn[1], watched), checkpoint)
    analysis = analyse(predict(recipe.name, predictor(network), drawn[2], held_out))
    show(on_screen(analysis))
    return export(network, _card(recipe, metrics(analysis, held_out), data_digest), folder)


def fit_network(
    recipe: Recipe,
    training: tuple[npt.NDArray[np.uint8], list[Subject]],
    validation: tuple[npt.NDArray[np.uint8], list[Subject]],
    checkpoint: Path,
) -> keras.Model:
    """Fit a recipe's network, from its checkpoint if there is one.

    Parameters
    ----------
    recipe
        What to make.
    training, validation
        Pictures (n, rows, columns) uint8 and their hands. Validation is only watched; nothing is chosen by it.
    checkpoint
        File that keeps weights and optimiser after each epoch.

    Returns
    -------
    keras.Model
        Fitted.
    """
    steps_per_epoch = math.ceil(len(training[1]) / recipe.fit.batch_size)
    network = keras.saving.load_model(checkpoint) if checkpoint.exists() else _untrained(recipe, steps_per_epoch)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    for epoch in range(int(network.optimizer.iterations) // steps_per_epoch, recipe.fit.epochs):
        network.fit(
            Epoch(recipe, *training, epoch),
            initial_epoch=epoch,
            epochs=epoch + 1,
            shuffle=False,  # the order is the epoch's own
            verbose=1 if sys.stdout.isatty() else 2,
        )
        mae_months = _validation_mae_months(network, *validation, recipe.fit.shrink_in(epoch))
        show(f"epoch {epoch + 1} of {recipe.fit.epochs}: MAE {mae_months:.1f} months on validation hands")
        fresh = checkpoint.with_suffix(".fresh.keras")
        network.save(fresh)
        fresh.replace(checkpoint)
    return network


def predictor(network: keras.Model) -> Callable[[Float32, Float32], Float32]:
    """Return a function for `training.evaluate.predict` that asks the network itself.

    Parameters
    ----------
    network
        From `training.networks`.

    Returns
    -------
    callable
        From image and sex to months (n,) float32.
    """

    def predict_months(image: Float32, sex: Float32) -> Float32:
        return np.asarray(network.predict_on_batch([image, sex]), np.float32)[:, 0]

    return predict_months


def _untrained(recipe: Recipe, steps_per_epoch: int) -> keras.Model:
    keras.utils.set_random_seed(recipe.fit.seed)
    size = Shape(recipe.preprocessing.rows, recipe.preprocessing.columns)
    network = build(recipe.network, recipe.head, size if recipe.head.pooling == "flatten" else ANY_SHAPE)
    warm_up_steps = round(recipe.fit.warm_up_epochs * steps_per_epoch)
    learning_rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warm_up_steps else recipe.fit.learning_rate,
        decay_steps=max(1, recipe.fit.epochs * steps_per_epoch - warm_up_steps),
        warmup_target=recipe.fit.learning_rate if warm_up_steps else None,
        warmup_steps=warm_up_steps,
    )
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=recipe.fit.weight_decay)
    # Compiled by XLA, Xception is four times slower on a CPU.
    network.compile(optimizer=optimizer, loss="mean_absolute_error", jit_compile=False)
    return network


def _shrunk(image: Float32, shrink: int) -> Float32:
    rows, columns = image.shape
    resized = cv2.resize(image, (columns // shrink, rows // shrink), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.float32)


def _validation_mae_months(
    network: keras.Model, images: npt.NDArray[np.uint8], subjects: list[Subject], shrink: int
) -> float:
    ask = predictor(network)

    def predict_months(image: Float32, sex: Float32) -> Float32:
        return ask(np.stack([_shrunk(one[..., 0], shrink) for one in image])[..., np.newaxis], sex)

    found = predict("network", predict_months, images, subjects)
    return float(np.abs(found.predicted_months - found.reference_months).mean())


def _card(recipe: Recipe, measured: Metrics, data_digest: str) -> Card:
    return Card(
        name=recipe.name,
        version=recipe.version,
        network=recipe.network.architecture,
        width=recipe.network.width,
        parameters=0,  # this, the versions and the files are filled in by the export
        preprocessing=recipe.preprocessing,
        takes_sex=recipe.head.takes_sex,
        target_unit="months",
        training_data=TrainingData(
            description="hands drawn by training.phantom; no radiograph of a patient",
            radiographs=recipe.phantoms.training,
            digest=data_digest,
            split_seed=Split.TRAINING,
        ),
        metrics=measured,
        intended_use=recipe.intended_use,
        limitations=recipe.limitations,
        library_versions={},
        files={},
    )
