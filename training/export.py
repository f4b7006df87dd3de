"""Export a fitted network as a bundle: the function of `training.assess_function`, and the card.

Before it: `training.fit` and `training.evaluate`. On the way: `training.conversion` writes the same function for
OpenVINO. After it: `worker.bundle` checks what this wrote, and an engine runs it.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keras
import tensorflow as tf
from rich import print as show
from rich.markup import escape

from db.errors import PermanentError
from training.assess_function import AssessFunction
from training.conversion import ConversionError, convert
from worker.bundle import CARD, NETWORK, OPENVINO, SAVED_MODEL, Bundle, file_digests, load
from worker.card import Card

_LIBRARIES = ("tensorflow", "keras", "openvino", "numpy", "opencv-python-headless")


class ExportError(PermanentError):
    """A bundle cannot be written where it is wanted."""


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
        _pack(fresh / NETWORK)
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
        _pack(fresh / NETWORK)
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


def _pack(network: Path) -> None:
    """Compress what Keras only puts together; it reads both."""
    packed = network.with_suffix(".packed")
    with (
        zipfile.ZipFile(network) as loose,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as tight,
    ):
        for part in loose.infolist():
            tight.writestr(zipfile.ZipInfo(part.filename), loose.read(part), zipfile.ZIP_DEFLATED)
    packed.replace(network)


def _write_card(card: Card, folder: Path) -> None:
    text = card.model_copy(update={"files": file_digests(folder)}).model_dump_json(indent=2)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")


def _write_graphs(network: keras.Model, card: Card, folder: Path) -> None:
    function = AssessFunction(network, card).signature.get_concrete_function()
    bare = tf.Module()  # of the network's layers only the weights: as objects they would double the graph
    bare.weights = list(function.graph.variables)
    tf.saved_model.save(bare, str(folder / SAVED_MODEL), signatures={"serving_default": function})
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
