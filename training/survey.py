"""Every recipe fitted small, on the same drawn hands, so that systems can be compared where their data cannot be had.

Before it: the recipes. On the way: ``python -m training fit`` for each, in a process of its own, so that its memory can
be told. After it: `training.report` compares the bundles. What is done already is not done again.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich import print as show

from db.errors import CarpusError, TransientError
from training import recipe
from training.recipe import Recipe
from training.tables import text
from worker import bundle
from worker.bundle import Bundle

if TYPE_CHECKING:
    from training.report.paired import Comparison

OURS = "carpus_xception"
_LEFT_OUT = "starter"  # made for another purpose, on more hands and with other sizes
# Recipes with other values, that stand beside them in the survey to tell what a difference does.
_VARIANTS = {"carpus_xception_crop": (OURS, ("name='carpus_xception_crop'", "preprocessing.crop='hand'"))}
_WHY_VARIED = f"it is {OURS} on a crop of the hand, to tell what that does"
# A run of 750 steps is too short for the usual 0.99: by the end, what it knew would still be that of its beginning.
_NORMALISATION_MOMENTUM = 0.95
_SMALL = {"cnn", "shallow"}  # small enough as they are


@dataclass(frozen=True)
class Scale:
    """How small recipes are made to be compared.

    Attributes
    ----------
    hands
        Drawn for training; a fifth as many for validation.
    test_hands
        The same for each recipe.
    side_px
        Rows and columns of every network input.
    width
        Factor on the channels of every network but the small ones.
    epochs, minutes
        At most.
    """

    hands: int = 1500
    test_hands: int = 1500
    side_px: int = 96
    width: float = 0.25
    epochs: int = 8
    minutes: float = 45.0

    def words(self) -> str:
        """Return the scale in sentences."""
        return (
            f"Each recipe with {self.side_px} × {self.side_px} px, {self.width:g} of its channels (small networks with"
            f" all), no weights to begin with, at most {self.epochs} epochs on {self.hands:,} drawn hands and"
            f" {self.minutes:g} minutes a network; all else as in its file. Judged on {self.test_hands:,} other drawn"
            " hands."
        )


def usual_names() -> list[str]:
    """Return all shipped recipes but the starter's, and the variants that stand beside them."""
    return sorted([*(name for name in recipe.shipped() if name != _LEFT_OUT), *_VARIANTS])


def small(name: str, scale: Scale) -> tuple[str, list[str]]:
    """Return a recipe and what makes it small, as `training.recipe.load` takes them.

    Parameters
    ----------
    name
        Of a shipped recipe, or a variant.
    scale
        How small.
    """
    shipped, changes = _VARIANTS.get(name, (name, ()))
    return shipped, [*changes, *_overrides(shipped, scale)]


def _overrides(name: str, scale: Scale) -> list[str]:
    whole = recipe.load(name)
    width = 1.0 if whole.network.architecture in _SMALL else scale.width
    network = ["weights='none'", f"width={width}", f"normalisation_momentum={_NORMALISATION_MOMENTUM}"]
    places = ["network", *(f"companions.{number}" for number in range(len(whole.companions)))]
    return [
        *(f"{place}.{change}" for place in places for change in network),
        f"preprocessing.rows={scale.side_px}",
        f"preprocessing.columns={scale.side_px}",
        f"fit.phases=[{{epochs={scale.epochs}}}]",
        f"fit.stopping.minutes={scale.minutes}",
        f"phantoms.training={scale.hands}",
        f"phantoms.validation={max(1, scale.hands // 5)}",
        f"phantoms.test={scale.test_hands}",
    ]


def fit_all(names: list[str], scale: Scale, folder: Path) -> Iterator[Path]:
    """Fit recipes, one after the other; those of which there is a bundle already are not fitted again.

    Parameters
    ----------
    names
        Of shipped recipes and variants.
    scale
        How small.
    folder
        Keeps bundles, pictures and checkpoints.

    Yields
    ------
    pathlib.Path
        The bundle of each.

    Raises
    ------
    TransientError
        When a run ended early; the next call goes on.
    """
    wanted = {name: recipe.load(*small(name, scale)) for name in names}  # all are checked before the first run
    for number, name in enumerate(names, start=1):
        (shipped, changes), made = small(name, scale), folder / "bundles" / wanted[name].name
        show(f"[bold]{name}[/bold], {number} of {len(names)}")
        if not _is_made(made, wanted[name]):
            places = ["--output", str(made), "--work-folder", str(folder)]
            ended = _run([shipped, *places, *(part for one in changes for part in ("--set", one))])
            if ended:
                raise TransientError(f"{name}: its run ended early, with {ended}; begin again to go on")
        yield made


def _run(arguments: list[str]) -> int:
    """Fit in a process of its own, whose memory is that run's alone, and return how it ended."""
    return subprocess.run([sys.executable, "-m", "training", "fit", *arguments], check=False).returncode


def unranked(made: Bundle) -> str:
    """Return why a bundle's figures say nothing of its recipe; empty where they do."""
    if made.card.name in _VARIANTS:
        return _WHY_VARIED
    made_by, cost = recipe.of_bundle(made.folder), made.card.training_cost
    began_at_random = cost is not None and "none" in cost.initial_weights
    return (made_by.unranked_without_weights or "") if made_by and began_at_random else ""


def why_not_ours(found: "Comparison") -> list[str]:
    """Return in a sentence why our network is not the best of a comparison; nothing where it is, or has no rank.

    Parameters
    ----------
    found
        Of bundles that are small, one of which is ours.
    """
    rows = {row.entrant.facts.card.name: row for row in found.rows}
    ours, best = rows.get(OURS), next((row for row in found.rows if row.rank == 1), None)
    if ours is None or best is None or best is ours or ours.rank is None:
        return []
    name, card = best.entrant.facts.card.name, best.entrant.facts.card
    told = f"`{name}` is ahead of `{OURS}` by {text(ours.mae_differences[None], 'mae')} months"
    if card.preprocessing.crop == "none" or ours.entrant.facts.card.preprocessing.crop != "none":
        return [f"{told}: at this size and after so few epochs that is what was found."]
    reason = f"it sees a crop of the hand, and in {card.preprocessing.rows} px more of it than of a whole radiograph"
    cropped = rows.get("carpus_xception_crop")
    if cropped is None:
        return [f"{told}: {reason}."]
    return [f"{told}: {reason}. On the same crop `{OURS}` has {text(cropped.analysis.overall.figures['mae'], 'mae')}."]


def _is_made(folder: Path, wanted: Recipe) -> bool:
    try:
        bundle.load(folder)
        return recipe.of_bundle(folder) == wanted
    except (CarpusError, OSError, ValueError):  # one of another version of Carpus
        return False
