"""Export a fitted network as a bundle: one function with both sexes and Grad-CAM in it, and the card.

Before it: `training.fit` and `training.evaluate`. On the way: `training.conversion` writes the same function for
OpenVINO. After it: `worker.bundle` checks what this wrote, and an engine runs it.

References
----------
Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, 2017,
doi:10.1109/ICCV.2017.74.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keras
import tensorflow as tf
from rich import print as show
from rich.markup import escape

from db.errors import PermanentError
from training.conversion import ConversionError, convert
from training.networks.head import LOGITS
from training.networks.network import BACKBONE, HEAD, members
from worker.bundle import CARD, NETWORK, OPENVINO, SAVED_MODEL, Bundle, file_digests, load
from worker.card import Card

_LIBRARIES = ("tensorflow", "keras", "openvino", "numpy", "opencv-python-headless")


class ExportError(PermanentError):
    """A bundle cannot be written where it is wanted."""


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


def export(network: keras.Model, card: Card, folder: Path, extra: Sequence[Path] = ()) -> Bundle:
    """Write a bundle, whole or not at all; one that was there before is replaced.

    Parameters
    ----------
    network
        From `training.networks`, fitted. Not changed.
    card
        What to say of it; parameters, library versions and files are filled in here.
    folder
        Where the bundle shall lie.
    extra
        Files to go with it.

    Returns
    -------
    Bundle
        As `worker.bundle.load` reads it back.
    """
    facts = {
        "parameters": network.count_params(),
        "library_versions": _versions(),
    }
    with _replacing(folder) as fresh:
        # A model made of the same layers but never compiled has no optimiser, which would be two thirds of the file.
        keras.Model(network.inputs, network.outputs, name=network.name).save(fresh / NETWORK)
        _write_graphs(network, card, fresh)
        for file in extra:
            shutil.copy(file, fresh / file.name)
        _write_card(card.model_copy(update=facts), fresh)
    return load(folder)


def export_again(made: Bundle, folder: Path) -> Bundle:
    """Write a bundle's graphs anew, from the network that it keeps; all else stays, its weights too.

    Parameters
    ----------
    made
        The bundle, such as one from before there was a graph for OpenVINO. Not changed, unless it lies in that folder.
    folder
        Where the new one shall lie.

    Returns
    -------
    Bundle
        As `worker.bundle.load` reads it back.
    """
    network = keras.saving.load_model(made.folder / NETWORK, compile=False)
    card = made.card.model_copy(update={"library_versions": _versions()})
    with _replacing(folder) as fresh:
        graphs = shutil.ignore_patterns(CARD, SAVED_MODEL, OPENVINO.partition("/")[0])
        shutil.copytree(made.folder, fresh, dirs_exist_ok=True, ignore=graphs)
        _write_graphs(network, card, fresh)
        _write_card(card, fresh)
    return load(folder)


def publish(made: Bundle, card: Card, folder: Path, extra: Sequence[Path] = ()) -> Bundle:
    """Copy a bundle with another card, whole or not at all; one that was there before is replaced.

    Parameters
    ----------
    made
        The bundle. Not changed, unless it lies in that folder.
    card
        What to say of it; the files are filled in here.
    folder
        Where the copy shall lie.
    extra
        Files to go with it, in the place of others of their names.

    Returns
    -------
    Bundle
        As `worker.bundle.load` reads it back.
    """
    with _replacing(folder) as fresh:
        shutil.copytree(made.folder, fresh, dirs_exist_ok=True, ignore=shutil.ignore_patterns(CARD))
        for file in extra:
            shutil.copy(file, fresh / file.name)
        _write_card(card, fresh)
    return load(folder)


def check_replaceable(folder: Path) -> None:
    """Refuse to put a bundle in the place of anything else than a bundle.

    Parameters
    ----------
    folder
        Where one shall lie.

    Raises
    ------
    ExportError
        When a file is there, or a folder with something else in it.
    """
    if folder.exists() and not (folder / CARD).is_file() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ExportError(f"{folder}: is there and is no bundle; name a folder that is new, empty or a bundle")


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Give a folder to write to, and put it in the place of another at the end."""
    check_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        fresh, replaced = Path(temporary) / "fresh", Path(temporary) / "replaced"
        fresh.mkdir()
        yield fresh
        load(fresh)
        try:
            if folder.exists():
                folder.rename(replaced)
            fresh.rename(folder)
        except BaseException:
            if replaced.exists() and not folder.exists():
                replaced.rename(folder)
            raise


def _write_card(card: Card, folder: Path) -> None:
    text = card.model_copy(update={"files": file_digests(folder)}).model_dump_json(indent=2)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")


def _write_graphs(network: keras.Model, card: Card, folder: Path) -> None:
    function = AssessFunction(network, card)
    signatures = {"serving_default": function.signature}
    tf.saved_model.save(function, str(folder / SAVED_MODEL), signatures=signatures)
    try:
        convert(folder)
    except ConversionError as error:
        show(f"no graph for OpenVINO, so that the bundle needs TensorFlow: {escape(str(error))}")


def _versions() -> dict[str, str]:
    """Return those of the libraries that a bundle comes from; OpenVINO need not be there."""
    found = {}
    for library in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found


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
