"""Recipes: everything that decides what a training run makes, in one checked TOML file.

Before it: a person wrote ``training/recipes/NAME.toml``. After it: `training.dataset` draws, `training.fit` fits.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from db.errors import PermanentError
from training.dataset import Split
from worker.preprocess import Preprocessing

_SHIPPED = Path(__file__).parent / "recipes"

Fraction = Annotated[float, Field(ge=0, lt=1)]
PhantomCount = Annotated[int, Field(ge=1, le=Split.VALIDATION - Split.TRAINING)]


class RecipeError(PermanentError):
    """A recipe is missing or malformed; the message names file and key, and what is allowed."""


class _RecipePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Architecture = Literal["xception", "convmixer", "cnn", "shallow", "resnet50", "inception_v4", "efficientnet_b4"]
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
    """

    architecture: Architecture
    width: Annotated[float, Field(gt=0, le=1)]
    weights: Annotated[str, Field(min_length=1)] = "none"
    is_frozen: bool = False


class HeadRecipe(_RecipePart):
    """What comes after the backbone.

    Attributes
    ----------
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
    unit_months
        What a 1 of the last layer stands for, so that it works with numbers near one.
    """

    pooling: Pooling
    dense_units: tuple[PositiveInt, ...] = ()
    dropout_fractions: tuple[Fraction, ...] = ()
    l2: Fraction = 0.0
    takes_sex: bool = False
    unit_months: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _drops_where_there_is_a_layer(self) -> Self:
        expected = len(self.dense_units) + 1
        if len(self.dropout_fractions) not in {0, expected}:
            raise ValueError(
                f"dropout_fractions: expected none or {expected}, for the pooled features and for each of"
                f" {len(self.dense_units)} dense layers"
            )
        return self


class PhantomRecipe(_RecipePart):
    """How many hands are drawn for each purpose; their seeds never meet, see `training.dataset.Split`."""

    training: PhantomCount
    validation: PhantomCount
    held_out: PhantomCount


class AugmentationRecipe(_RecipePart):
    """How much a radiograph is varied each time it is shown; each is the largest deviation either way.

    Attributes
    ----------
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

    shift_fraction: Fraction
    zoom_fraction: Fraction
    rotation_degrees: Annotated[float, Field(ge=0, le=180)]
    brightness: Fraction
    contrast_fraction: Fraction
    gamma_octaves: Annotated[float, Field(ge=0, le=2)]
    noise: Fraction


class Phase(_RecipePart):
    """Some epochs at one size: rows and columns of the network input divided by `shrink`.

    The backbone is fully convolutional, so that a small picture teaches it most of what a large one does, sooner.
    """

    epochs: PositiveInt
    shrink: Annotated[int, Field(ge=1, le=8)]


class FitRecipe(_RecipePart):
    """How the network is fitted: AdamW on the mean absolute error, warm-up, then a cosine down to nothing."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    batch_size: PositiveInt
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Fraction
    warm_up_epochs: Annotated[float, Field(ge=0)]
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]

    @property
    def epochs(self) -> int:
        """Number of epochs over all phases."""
        return sum(phase.epochs for phase in self.phases)

    def shrink_in(self, epoch: int) -> int:
        """Return by how much pictures are shrunk in an epoch, counted from 0."""
        return [phase.shrink for phase in self.phases for _ in range(phase.epochs)][epoch]


class Recipe(_RecipePart):
    """A training run; the words go into the card of the bundle."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    intended_use: str
    limitations: str
    network: NetworkRecipe
    head: HeadRecipe
    preprocessing: Preprocessing
    phantoms: PhantomRecipe
    augmentation: AugmentationRecipe
    fit: FitRecipe


def load(name: str) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    name
        Name of a shipped recipe, or the path of a TOML file.

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
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        shipped = ", ".join(sorted(recipe.stem for recipe in _SHIPPED.glob("*.toml")))
        raise RecipeError(f"{path}: no such recipe; give one of {shipped}, or the path of a .toml file") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: not TOML: {error}") from error
    except ValidationError as error:
        raise RecipeError(_explain(path, error)) from error


def _explain(path: Path, error: ValidationError) -> str:
    lines = [
        f"{path}: {'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}, received {fault['input']!r}"
        for fault in error.errors()
    ]
    return "\n".join(lines)
