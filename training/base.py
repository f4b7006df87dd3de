"""The base set: what a fine-tuned model must not forget, beside the site that it learns from.

Before it: drawn hands, or the set that the first version learned from. After it: `training.fine_tune` mixes some of it
in, calibrates on it where the site has too little, and whoever compares versions guards by its test part.
"""

from dataclasses import dataclass, replace

from training.cases import Case, Part, some
from training.recipe import Recipe
from training.sources.phantoms import Drawn, phantoms
from training.sources.source import Source


@dataclass(frozen=True)
class Base:
    """Cases of the base set by what they are for, and in words what all of it is; no patient is in two parts."""

    training: list[Case]
    calibration: list[Case]
    test: list[Case]
    description: str
    are_radiographs: bool


def drawn_base(recipe: Recipe) -> Base:
    """Return drawn hands as the base set.

    Parameters
    ----------
    recipe
        Of the model; says how many. Its ``[phantoms]`` say how many are for calibration.
    """
    many, drawing = recipe.refresh.base_cases, recipe.phantoms.drawing
    drawn = Drawn(many, drawing)
    calibration = phantoms(Part.CALIBRATION, recipe.phantoms.calibration, drawing)
    learned, test = phantoms(Part.TRAINING, many, drawing), phantoms(Part.TEST, many, drawing)
    return Base(learned, calibration, test, drawn.description, drawn.are_radiographs)


def base_of(source: Source, recipe: Recipe) -> Base:
    """Return some of a set as the base set, split as the recipe splits it and the same each time.

    Parameters
    ----------
    source
        The set, such as a folder of radiographs.
    recipe
        Of the model; says how many.
    """
    parts = source.parts(recipe.split.fractions, recipe.fit.seed, recipe.phantoms.counts)
    learned, test = (some(parts[part], recipe.refresh.base_cases) for part in (Part.TRAINING, Part.TEST))
    return Base(learned, parts[Part.CALIBRATION], test, source.description, source.are_radiographs)


def beside(base: Base, of_site: int, share: float) -> Base:
    """Return a base set of which no more is learned from than a share of all.

    Parameters
    ----------
    base
        The whole.
    of_site
        How many radiographs of the site are learned from.
    share
        Of both together, above 0 and under 1.
    """
    return replace(base, training=some(base.training, max(1, round(of_site * share / (1 - share)))))
