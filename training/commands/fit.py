"""``fit``: a recipe to a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from training import recipe
from training.commands.options import WORK_FOLDER, WorkFolder
from training.sources import KINDS, open_source
from training.sources.phantoms import Drawn
from training.strategies import StrategyName, open_strategy, worker_index


def fit(
    name: Annotated[str, typer.Argument(metavar="RECIPE", help=f"{', '.join(recipe.shipped())}; or a .toml file.")],
    *,
    data: Annotated[str | None, typer.Option(help=f"{KINDS}; the recipe's drawn hands by default.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the bundle; models/RECIPE by default.")] = None,
    changes: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="Another value than the recipe's, as in TOML.")
    ] = [],  # noqa: B006  Typer copies it
    strategy: Annotated[StrategyName, typer.Option(help="Which devices fit together.")] = StrategyName.NONE,
    work_folder: WorkFolder = WORK_FOLDER,
) -> None:
    """Fit a recipe's networks, evaluate and calibrate them on radiographs they have not seen, and export a bundle."""
    checked = recipe.load(name, changes)
    if strategy is StrategyName.MULTIWORKER and (index := worker_index()):
        work_folder /= f"worker-{index}"  # on one machine, processes would write the same pictures
    source = open_source(data) if data else Drawn(checked.phantoms.training, checked.phantoms.drawing)
    parts = source.parts(checked.split.fractions, checked.fit.seed, None if data else checked.phantoms.counts)
    from worker.engines.tensorflow import prepare_tensorflow

    prepare_tensorflow()
    distributed = open_strategy(strategy)
    from training.fit import Data
    from training.fit import fit as fit_recipe

    folder = output or Path("models") / checked.name
    used = Data(parts, source.description, source.are_radiographs)
    made = fit_recipe(checked, used, folder, work_folder, strategy=distributed)
    if made is not None:
        typer.echo(f"{made.folder}: {made.card.name} {made.card.version}, digest {made.digest}")
