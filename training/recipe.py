"""Recipes: everything that decides what a training run makes, in one checked TOML file.

Before it: a person wrote ``training/recipes/NAME.toml``. After it: `training.sources` gets the radiographs,
`training.fit` fits. Its tables stand in `training.ingredients`, `training.fitting`, `training.refreshing` and
`worker.preprocess`.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from db.errors import PermanentError
from training.fitting import FitRecipe, RecipePart
from training.ingredients import (
    AugmentationRecipe,
    HeadRecipe,
    NetworkRecipe,
    PhantomRecipe,
    SplitRecipe,
    TargetRecipe,
)
from training.refreshing import RefreshRecipe
from worker.preprocess import Preprocessing

IN_BUNDLE = "recipe.json"  # the recipe as it was used, in the bundle that came of it

_SHIPPED = Path(__file__).parent / "recipes"


class RecipeError(PermanentError):
    """A recipe is missing or malformed; the message names file and key, and what is allowed."""


class Recipe(RecipePart):
    """A training run; the words go into the card of the bundle.

    Attributes
    ----------
    companions
        Further networks, fitted alike; the bundle gives the mean of all.
    views
        1, or 10 for the mean over turns of 0, ±5 and ±10 degrees, each as it is and mirrored, whenever it is asked.
    refresh
        How a version of it goes on learning from a site's reads, and when what comes of that takes its place.
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
    refresh: RefreshRecipe = RefreshRecipe()
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
