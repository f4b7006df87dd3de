"""The model bundle: a folder with a card and the exported network, checked before it is used.

Before it: `training.export` wrote the folder. After it: an engine of `worker.engines` loads the graph,
`worker.preprocess` follows the card, and each assessment row names the bundle by its digest.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from db.errors import BundleError, PermanentError
from worker import palm
from worker.card import Card

CARD = "card.json"
NETWORK = "network.keras"
SAVED_MODEL = "saved_model"
OPENVINO = "openvino/model.xml"  # the same graph, beside its weights; older bundles have none
RECIPE = "recipe.json"  # that it was made by, where it says


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files are what its card says.

    Attributes
    ----------
    folder
        Where it lies.
    card
        What it is.
    digest
        SHA-256 of its card, and so, by the digests in it, of everything.
    """

    folder: Path
    card: Card
    digest: str


def starter_folder() -> Path:
    """Return the folder of the bundle that ships with Carpus.

    Returns
    -------
    pathlib.Path
        The folder, inside this package.
    """
    return Path(__file__).parent / "models" / "starter"


def load(folder: Path) -> Bundle:
    """Read a bundle's card and check every file against it.

    Parameters
    ----------
    folder
        The bundle.

    Returns
    -------
    Bundle
        With nothing missing, changed or added.

    Raises
    ------
    BundleError
        If the card is missing or malformed, or a file is missing, changed, or not in the card, or its palm detector
        cannot be used; the message names it.
    """
    try:
        text = (folder / CARD).read_bytes()
        card = Card.model_validate_json(text)
    except OSError as error:
        raise BundleError(f"{folder / CARD}: expected a model card, but it cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise BundleError(f"{folder / CARD}: not a model card of this version of Carpus: {error}") from error
    _check_files(folder, card.files)
    _check_palm_detector(folder, card)
    return Bundle(folder, card, hashlib.sha256(text).hexdigest())


def file_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file under a folder but its card.

    Parameters
    ----------
    folder
        A bundle, or one in the making.

    Returns
    -------
    dict
        Hexadecimal digest by path inside the folder, sorted.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / CARD)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _check_palm_detector(folder: Path, card: Card) -> None:
    """Load it here, so that a worker with a file it cannot use ends at its start and rejects no radiograph."""
    name = card.preprocessing.crop_model
    if name is None:
        return
    if name not in card.files:
        raise BundleError(f"{folder / CARD}: crop_model {name!r} is no file of the bundle; export the bundle again")
    try:
        palm.detector(folder / name)
    except PermanentError as error:
        raise BundleError(str(error)) from error


def _check_files(folder: Path, expected: dict[str, str]) -> None:
    found = file_digests(folder)
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise BundleError(f"{folder / name}: the bundle's card names this file, but it is missing; copy it again")
        if name not in expected:
            raise BundleError(f"{folder / name}: not named in the bundle's card; remove it, or export the bundle again")
        if found[name] != expected[name]:
            raise BundleError(
                f"{folder / name}: changed since export: expected SHA-256 {expected[name]}, found {found[name]}; "
                "copy it again"
            )
