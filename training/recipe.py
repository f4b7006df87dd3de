"""Recipes: everything that decides what a training run makes, in one checked TOML file.

Before it: a person wrote ``training/recipes/NAME.toml``. After it: `training.sources` gets the radiographs,
`training.fit` fits. What a network is fitted by stands in `training.fitting`.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from db.errors import PermanentError
from training.cases import Part
from training.fitting import FitRecipe, Fraction
from training.sources.phantoms import MAX_HANDS
from worker.preprocess import Preprocessing

IN_BUNDLE = "recipe.json"  # the recipe as it was used, in the bundle that came of it

_SHIPPED = Path(__file__).parent / "recipes"

PhantomCount = Annotated[int, Field(ge=1, le=MAX_HANDS)]
Months = Annotated[float, Field(gt=0)]


class RecipeError(PermanentError):
    """A recipe is missing or malformed; the message names file and key, and what is allowed."""


class _RecipePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Architecture = Literal["xception", "convmixer", "cnn", "shallow", "resnet50", "inception_v4", "efficientnet_b4"]
_WITH_IMAGENET_WEIGHTS = ("efficientnet_b4", "resnet50", "xception")
Pooling = Literal["average", "max", "flatten"]


class NetworkRecipe(_RecipePart):
    """Which backbone.

    Attributes
    ----------
    width
        Factor on the channels of every layer.
    weights
        ``none``, ``imagenet`` (Keras downloads them) or the path of a file of them without a top.
    is_frozen
        Whether only the head learns.
    channels
        1, or 3 for the grey values three times, as published networks for colour take them.
    value_range
        What black and white become inside the network; null for what the published network takes.
    normalisation_momentum
        How much of what batch normalisation knows of earlier batches stays at each step; null for 0.99. In a run of few
        steps that knowledge would lag behind the weights.
    """

    architecture: Architecture
    width: Annotated[float, Field(gt=0, le=1)] = 1.0
    weights: Annotated[str, Field(min_length=1)] = "none"
    is_frozen: bool = False
    channels: Literal[1, 3] = 1
    value_range: tuple[float, float] | None = None
    normalisation_momentum: Fraction | None = None

    @model_validator(mode="after")
    def _values_ascend(self) -> Self:
        if self.value_range is not None and self.value_range[0] >= self.value_range[1]:
            raise ValueError("value_range: must ascend, for example [-1.0, 1.0]")
        if self.weights == "imagenet" and self.architecture not in _WITH_IMAGENET_WEIGHTS:
            raise ValueError(f"weights: Keras has ImageNet weights of {', '.join(_WITH_IMAGENET_WEIGHTS)} only")
        return self


class HeadRecipe(_RecipePart):
    """What comes after the backbone.

    Attributes
    ----------
    answers
        ``bone_age``, or ``stages`` for the probabilities of child, adolescent and adult and no bone age.
    pooling
        Mean or greatest value of each feature, or all values of the feature map one after the other.
    dense_units
        Width of each dense ReLU layer.
    dropout_fractions
        Left out while training: of the pooled features, then of each dense layer's; empty for none.
    l2
        Weight of the dense layers' squared weights in the loss.
    takes_sex
        Whether 32 features of sex are joined to those of the image.
    """

    answers: Literal["bone_age", "stages"] = "bone_age"
    pooling: Pooling
    dense_units: tuple[PositiveInt, ...] = ()
    dropout_fractions: tuple[Fraction, ...] = ()
    l2: Fraction = 0.0
    takes_sex: bool = False

    @model_validator(mode="after")
    def _drops_where_there_is_a_layer(self) -> Self:
        expected = len(self.dense_units) + 1
        if len(self.dropout_fractions) not in {0, expected}:
            raise ValueError(
                f"dropout_fractions: expected none or {expected}, for the pooled features and for each of"
                f" {len(self.dense_units)} dense layers"
            )
        return self


class TargetRecipe(_RecipePart):
    """In which unit a network learns bone ages; whatever it is, a network gives months.

    Attributes
    ----------
    unit
        Of the loss: ``months``, ``years``, or ``z_score``, the distance from the mean in standard deviations.
    mean_months, sd_months
        Of the z-score; for it only.
    last_layer_months
        What a 1 of the last layer stands for; null for the unit itself. A network learns sooner where its last layer
        gives numbers near one.
    """

    unit: Literal["months", "years", "z_score"]
    mean_months: Months | None = None
    sd_months: Months | None = None
    last_layer_months: Months | None = None

    @model_validator(mode="after")
    def _z_score_has_its_unit(self) -> Self:
        is_z_score = self.unit == "z_score"
        if any((value is not None) != is_z_score for value in (self.mean_months, self.sd_months)):
            raise ValueError("mean_months and sd_months: expected both with the unit z_score, and neither with another")
        return self

    @property
    def unit_months(self) -> float:
        """How many months the unit of the loss is."""
        return self.sd_months or {"months": 1.0, "years": 12.0, "z_score": 1.0}[self.unit]


class PhantomRecipe(_RecipePart):
    """How many hands are drawn for each part, where hands are drawn; their seeds never meet."""

    training: PhantomCount
    validation: PhantomCount
    calibration: PhantomCount = 1000
    test: PhantomCount

    @property
    def counts(self) -> dict[Part, int]:
        """The counts by part."""
        return {part: getattr(self, part) for part in Part}


class SplitRecipe(_RecipePart):
    """Which fraction of the patients is for what, where there are radiographs of patients."""

    training: Fraction = 0.6
    validation: Fraction = 0.1
    calibration: Fraction = 0.15
    test: Fraction = 0.15

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if abs(sum(self.fractions.values()) - 1) > 1e-6:  # noqa: PLR2004  of rounding
            raise ValueError("expected fractions that are 1 together")
        if not (self.training and self.validation and self.test):
            raise ValueError("expected some for training, validation and test; only calibration may have none")
        return self

    @property
    def fractions(self) -> dict[Part, float]:
        """The fractions by part."""
        return {part: getattr(self, part) for part in Part}


class AugmentationRecipe(_RecipePart):
    """How much a radiograph is varied each time it is shown; each is the largest deviation either way.

    Attributes
    ----------
    mirrored_fraction
        How many are shown as the other hand.
    shift_fraction, zoom_fraction
        Of the input's size.
    rotation_degrees
        About the centre.
    brightness, contrast_fraction
        Grey values, 0 to 1, become (grey - 0.5) · (1 ± contrast) + 0.5 ± brightness.
    gamma_octaves
        Grey values are raised to 2 to the power of ± this.
    noise
        Largest standard deviation of white noise, in grey values of 0 to 1.
    """

    mirrored_fraction: Fraction = 0.0
    shift_fraction: Fraction = 0.0
    zoom_fraction: Fraction = 0.0
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    brightness: Fraction = 0.0
    contrast_fraction: Fraction = 0.0
    gamma_octaves: Annotated[float, Field(ge=0, le=2)] = 0.0
    noise: Fraction = 0.0


class Recipe(_RecipePart):
    """A training run; the words go into the card of the bundle.

    Attributes
    ----------
    companions
        Further networks, fitted alike; the bundle gives the mean of all.
    views
        1, or 10 for the mean over turns of 0, ±5 and ±10 degrees, each as it is and mirrored, whenever it is asked.
    unranked_without_weights
        Why its figures say nothing of how good it is when its networks began at random, where that is so.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    intended_use: str
    limitations: str
    network: NetworkRecipe
    companions: tuple[NetworkRecipe, ...] = ()
    head: HeadRecipe
    target: TargetRecipe
    preprocessing: Preprocessing
    phantoms: PhantomRecipe
    split: SplitRecipe = SplitRecipe()
    augmentation: AugmentationRecipe = AugmentationRecipe()
    fit: FitRecipe
    views: Literal[1, 10] = 1
    unranked_without_weights: str | None = None

    @property
    def networks(self) -> tuple[NetworkRecipe, ...]:
        """All that are fitted."""
        return (self.network, *self.companions)

    @model_validator(mode="after")
    def _parts_go_together(self) -> Self:
        if (self.fit.loss == "cross_entropy") != (self.head.answers == "stages"):
            raise ValueError("fit.loss: expected cross_entropy with head.answers stages, and only with it")
        if self.head.pooling == "flatten" and any(phase.shrink > 1 for phase in self.fit.phases):
            raise ValueError("fit.phases.shrink: expected 1, for head.pooling flatten takes pictures of one size")
        if self.companions and self.head.answers == "stages":
            raise ValueError("companions: expected none with head.answers stages")
        if len({network.architecture for network in self.networks}) < len(self.networks):
            raise ValueError("companions: expected an architecture that no other network of the recipe has")
        return self


def load(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    name
        Name of a shipped recipe, or the path of a TOML file.
    overrides
        ``KEY=VALUE``, such as ``network.width=0.25`` or ``preprocessing.rows=96``: other values than the file has,
        the last for the same key; the value as in TOML. A member of a list is named by its number, from 0.

    Returns
    -------
    Recipe
        Checked.

    Raises
    ------
    RecipeError
        If there is none, it is not TOML, or a key is unknown, missing or has an impossible value.
    """
    path = Path(name) if name.endswith(".toml") else _SHIPPED / f"{name}.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(f"{path}: no such recipe; give one of {', '.join(shipped())}, or a .toml file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path}: not TOML: {error}") from error
    for override in overrides:
        _replace(values, override)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(_explain(path, error)) from error


def of_bundle(folder: Path) -> Recipe | None:
    """Return the recipe that a bundle came of; None where it does not say.

    Parameters
    ----------
    folder
        The bundle, checked.
    """
    path = folder / IN_BUNDLE
    return Recipe.model_validate_json(path.read_bytes()) if path.exists() else None


def shipped() -> list[str]:
    """Return the names of the recipes that ship with Carpus, sorted."""
    return sorted(recipe.stem for recipe in _SHIPPED.glob("*.toml"))


def _replace(values: Any, override: str) -> None:
    key, equals, value = override.partition("=")
    *tables, last = key.strip().split(".")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"] if equals else None
        for table in tables:
            values = values[int(table)] if isinstance(values, list) else values.setdefault(table, {})
        if isinstance(values, list):
            values[int(last)] = parsed
        else:
            values[last] = parsed
    except (tomllib.TOMLDecodeError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise RecipeError(f"{override}: expected KEY=VALUE as in TOML, such as network.width=0.25 ({error})") from error
    if not equals:
        raise RecipeError(f"{override}: expected KEY=VALUE as in TOML, such as network.width=0.25")


def _explain(path: Path, error: ValidationError) -> str:
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"]) or "recipe"
        received = "" if isinstance(fault["input"], dict) else f", received {fault['input']!r}"
        lines.append(f"{path}: {key}: {fault['msg']}{received}")
    return "\n".join(lines)
