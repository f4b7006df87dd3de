"""The model bundle: a folder with a card and the exported network, checked before it is used.

Before it: `training.export` wrote the folder. After it: an engine of `worker.engines` loads the graph,
`worker.preprocess` follows the card, and each assessment row names the bundle by its digest.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from db.errors import BundleError, PermanentError
from worker import palm
from worker.calibration import Calibration
from worker.novelty import NoveltyFacts
from worker.preprocess import Preprocessing

CARD = "card.json"
NETWORK = "network.keras"
SAVED_MODEL = "saved_model"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class _CardPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_CardPart):
    """An estimate with its 95% interval, in months, or without a unit."""

    value: float
    low: float
    high: float


class ErrorSummary(_CardPart):
    """How far off the model was on some of the held-out radiographs; `mae_months` is null for fewer than two."""

    radiographs: Count
    mae_months: Interval | None
    mean_error_months: Interval | None


class Metrics(_CardPart):
    """Error on held-out radiographs: over all, by sex, and by age band in months of reference bone age.

    Attributes
    ----------
    stages
        ``accuracy``, quadratic weighted ``kappa``, and ``recall_child`` and so on, 0 to 1; those that are known.
    """

    held_out: str
    overall: ErrorSummary
    by_sex: dict[Literal["M", "F"], ErrorSummary]
    by_age_band_months: dict[str, ErrorSummary]
    stages: dict[str, Interval] = {}

    @classmethod
    def nothing(cls) -> "Metrics":
        """Return those of a model that has not been measured."""
        none = ErrorSummary(radiographs=0, mae_months=None, mean_error_months=None)
        return cls(held_out="nothing", overall=none, by_sex={}, by_age_band_months={})


class TrainingData(_CardPart):
    """What the model has seen: in words, how many radiographs, and a SHA-256 that changes with any of them."""

    description: str
    radiographs: Count
    digest: Digest
    split_seed: Count


class TrainingCost(_CardPart):
    """What making the model took, on which device.

    Attributes
    ----------
    seconds
        Of fitting, over all runs that went on from one another.
    peak_memory_bytes
        Most that the process, or the device where it has memory of its own, held at once.
    ms_per_step
        Median.
    initial_weights
        ``none``, ``imagenet`` or the name of a file.
    device
        In words.
    """

    seconds: Annotated[float, Field(ge=0)]
    peak_memory_bytes: Count
    ms_per_step: Annotated[float, Field(ge=0)]
    epochs: Count
    initial_weights: str
    device: str


class Card(_CardPart):
    """Everything that belongs to a model; never kept in a setting or a file name.

    Attributes
    ----------
    takes_sex
        Whether sex is an input of the network.
    parameters
        Number of the network's parameters.
    answers
        Whether the network estimates a bone age, or only the stage.
    calibration
        Constants of the intervals and the stage probabilities; null where nothing has been measured.
    novelty
        Of the check of what is unlike the training data, whose constants are in ``novelty.npz``; null where there is
        none.
    views
        Over how many turned and mirrored views of a radiograph the bundle's answers are averaged, see `worker.views`.
    files
        SHA-256 of each file of the bundle but the card, by path inside the folder.
    library_versions
        What the bundle was made with.
    training_cost
        Null where it was not measured.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    network: str
    width: Annotated[float, Field(gt=0)]
    parameters: Count
    preprocessing: Preprocessing
    takes_sex: bool
    answers: Literal["bone_age", "stages"] = "bone_age"
    target_unit: Literal["months"]
    training_data: TrainingData
    metrics: Metrics
    calibration: Calibration | None = None
    views: Literal[1, 10] = 1
    novelty: NoveltyFacts | None = None
    intended_use: str
    limitations: str
    library_versions: dict[str, str]
    files: dict[str, Digest]
    training_cost: TrainingCost | None = None

    @field_validator("files")
    @classmethod
    def _files_stay_inside(cls, files: dict[str, str]) -> dict[str, str]:
        for name in files:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"file {name!r} lies outside the bundle")
        return files

    @model_validator(mode="after")
    def _only_months_have_intervals(self) -> Self:
        if self.answers == "stages" and self.calibration is not None:
            raise ValueError("calibration: a network that answers stages has no bone age, hence no interval of one")
        return self


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
