"""Fine-tune a bundle on a site's own reads: a candidate, calibrated and measured on patients it never learned from.

Before it: `training.sources.site` and `training.base`. On the way: `training.mixture`, `training.fit`, which begins
with the parent's weights, `training.measure`, `training.embeddings`. After it: whoever judges the candidate by the
site's test part.
"""

import tempfile
from collections.abc import Collection
from itertools import count
from pathlib import Path

from rich import print as show

from training import embeddings
from training.base import Base
from training.export import check_replaceable, publish
from training.fit import fitted
from training.fitting import FitRecipe, OptimizerRecipe, Phase, ScheduleRecipe, StoppingRecipe
from training.measure import measured
from training.mixture import Mixture
from training.novelty import NoveltyError, check_enough
from training.parent import ParentError, named
from training.recipe import IN_BUNDLE, Recipe, of_bundle
from training.sources.site import Site
from worker.bundle import Bundle
from worker.card import Card
from worker.novelty import FILE, NoveltyFacts, UsualEmbeddings

# So long the learning rate rises: the optimiser knows no gradient yet, and the weights are too good to be lost to that.
_WARM_UP_EPOCHS = 0.25


def refreshed(recipe: Recipe, version: str) -> Recipe:
    """Return by which recipe a version is fine-tuned: a few epochs at full size and a small learning rate.

    The bundle that comes of it keeps the recipe as it was but for the version, so that its own refresh learns as fast.

    Parameters
    ----------
    recipe
        Of the parent.
    version
        Of the candidate.
    """
    rate = recipe.fit.optimizer.learning_rate * recipe.refresh.learning_rate_factor
    changes = {
        "phases": (Phase(epochs=recipe.refresh.epochs),),
        "optimizer": OptimizerRecipe.model_validate({**dict(recipe.fit.optimizer), "learning_rate": rate}),
        "schedule": ScheduleRecipe(name="cosine", warm_up_epochs=_WARM_UP_EPOCHS),
        "stopping": StoppingRecipe(),
        "weights_kept": "last",
    }
    fit = FitRecipe.model_validate({**dict(recipe.fit), **changes})
    return recipe.model_copy(update={"version": version, "fit": fit})


def next_version(version: str, taken: Collection[str]) -> str:
    """Return the next patch number that is free.

    Parameters
    ----------
    version
        Of the parent, such as ``0.1.1``.
    taken
        Versions that there are.
    """
    major, minor, patch = version.split(".")
    numbers = (f"{major}.{minor}.{number}" for number in count(int(patch) + 1))
    return next(one for one in numbers if one not in taken)


def fine_tune(
    parent: Bundle,
    site: Site,
    base: Base | None,
    *,
    version: str,
    folder: Path,
    work_folder: Path,
    processes: int | None = None,
) -> Bundle:
    """Fine-tune a bundle on a site's reads, calibrate, measure and export; a run that was killed goes on.

    Parameters
    ----------
    parent
        Begun from; with its recipe in it.
    site
        Its training part is learned from, its validation part watched; its calibration part gives the intervals, with
        200 cases or more of each sex, else that of the base set; its test part gives the card's metrics.
    base
        Learned from beside it, so that what it shows is not forgotten; None for nothing.
    version
        Of the candidate.
    folder
        Where it shall lie, whole or not at all; one that was there before is replaced at the end.
    work_folder
        Keeps pictures and checkpoints.
    processes
        How many make pictures at once; None takes one a core.

    Returns
    -------
    Bundle
        The candidate.

    Raises
    ------
    ParentError
        When the parent has no recipe, or other networks than that.
    DataError
        When the site has nothing to learn from or to be measured on, or a patient or a picture is in two parts.
    """
    check_replaceable(folder)
    kept = of_bundle(parent.folder)
    if kept is None:
        raise ParentError(f"{named(parent)} says by no {IN_BUNDLE} how it was made; fit it again, or take another")
    mixture = Mixture(parent, site, base, work_folder / "cache", processes)
    used = _with_palm_detector(refreshed(kept, version), parent)
    made = fitted(used, mixture.words, (mixture.learned, mixture.watched), work_folder, begin_from=parent)
    assert made is not None  # only a process that helps another one gets none
    card = _described(measured(made, mixture.tested, mixture.spared()), parent, kept)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / IN_BUNDLE
        path.write_text(kept.model_copy(update={"version": version}).model_dump_json(indent=2) + "\n", encoding="utf-8")
        extra = [path]
        if parent.card.novelty is not None and (found := _novelty(made, mixture)) is not None:
            usual, facts = found
            usual.save(path.with_name(FILE))
            card, extra = card.model_copy(update={"novelty": facts}), [path, path.with_name(FILE)]
        return publish(made, card, folder, extra)


def _novelty(made: Bundle, mixture: Mixture) -> tuple[UsualEmbeddings, NoveltyFacts] | None:
    """Return the candidate's own check, for its embeddings are others than its parent's; None where it has none."""
    try:
        check_enough(mixture.for_novelty)  # before any of the base set is drawn for it
        return embeddings.checked(made, *mixture.for_checking())
    except NoveltyError as error:
        show(f"no novelty check: {error}")
        return None


def _with_palm_detector(recipe: Recipe, parent: Bundle) -> Recipe:
    """Return a recipe that finds its palm detector in the parent, for where it was once is another machine's."""
    name = parent.card.preprocessing.crop_model
    path = None if name is None else str(parent.folder / name)
    return recipe.model_copy(update={"preprocessing": recipe.preprocessing.model_copy(update={"crop_model": path})})


def _described(card: Card, parent: Bundle, recipe: Recipe) -> Card:
    """Return the card with the parent's name, and what that was fine-tuned on before what was said of the first."""
    limitations = f"Fine-tuned from {named(parent)} on reads of one site. Before any fine-tuning: {recipe.limitations}"
    return card.model_copy(update={"name": parent.card.name, "limitations": limitations})
