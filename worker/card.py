"""The model card: everything that belongs to a model, checked as it is read.

Before it: `training.export` wrote it. After it: `worker.bundle` checks the files that it names.
"""

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from worker.calibration import Calibration
from worker.novelty import NoveltyFacts
from worker.preprocess import Preprocessing

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
