"""``python -m training``: fit a recipe, evaluate a bundle, draw a hand.

A thin shell: what needs TensorFlow is imported by the command that uses it, for the drawing processes import this
module.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cv2
import typer
from rich.console import Console

from db.errors import CarpusError
from db.vocabulary import Sex
from training import dataset, recipe
from training.phantom import draw
from worker import bundle

if TYPE_CHECKING:
    from training.predictions import Predictions

app = typer.Typer(
    help="Make and compare bone age models.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
errors = Console(stderr=True)

WorkFolder = Annotated[Path, typer.Option(help="Keeps drawn hands and checkpoints; an interrupted run goes on.")]
_DEFAULT_WORK_FOLDER = Path(".carpus")


@app.command()
def fit(
    name: Annotated[str, typer.Argument(help="A shipped recipe, such as starter, or the path of a .toml file.")],
    output: Annotated[Path | None, typer.Option(help="Folder of the bundle; the shipped model's by default.")] = None,
    work_folder: WorkFolder = _DEFAULT_WORK_FOLDER,
) -> None:
    """Draw hands, fit a network, evaluate it on held-out hands and export the bundle."""
    checked = recipe.load(name)
    from worker.engines.tensorflow import prepare_tensorflow

    prepare_tensorflow()
    from training.fit import fit as fit_recipe

    made = fit_recipe(checked, output or bundle.starter_folder().with_name(checked.name), work_folder)
    typer.echo(f"{made.folder}: {made.card.name} {made.card.version}, digest {made.digest}")


@app.command()
def evaluate(
    folder: Annotated[Path | None, typer.Argument(metavar="BUNDLE", help="Folder of a bundle.")] = None,
    data: Annotated[str, typer.Option(help="phantoms:N, the first N held-out drawn hands.")] = "phantoms:1000",
    predictions: Annotated[
        Path | None, typer.Option(help="Instead of a bundle: a CSV of predictions that some model has made.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A .json file for the same figures.")] = None,
    work_folder: WorkFolder = _DEFAULT_WORK_FOLDER,
) -> None:
    """Print what a bundle's answers for drawn hands it has not seen are worth, or those in a table of predictions."""
    if (folder is None) == (predictions is None):
        raise typer.BadParameter("expected either a BUNDLE or --predictions")
    from training import analysis, tables
    from training.predictions import load

    made = load(predictions) if predictions is not None else [_predictions_of(folder or Path(), data, work_folder)]
    analyses = [analysis.analyse(one) for one in made]
    if output is not None:
        figures = [tables.as_json(one) for one in analyses]
        output.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for one in analyses:
        Console().print(tables.on_screen(one))


def _predictions_of(folder: Path, data: str, work_folder: Path) -> "Predictions":
    count = _phantom_count(data)
    checked = bundle.load(folder)
    from training.evaluate import predict
    from worker.engines import tensorflow

    engine = tensorflow.load(checked)
    hands = dataset.subjects(dataset.Split.HELD_OUT, count)
    images = dataset.images(hands, checked.card.preprocessing, work_folder / "cache")
    name = f"{checked.card.name} {checked.card.version}"
    return predict(name, lambda image, sex: engine.predict(image, sex).bone_age_months, images, hands)


@app.command()
def phantom(
    bone_age_months: Annotated[float, typer.Option(help="0 to 240.")],
    sex: Annotated[Sex, typer.Option(help="M or F.")],
    output: Annotated[Path, typer.Option(help="A .png file, 16 bit.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
    rows: Annotated[int, typer.Option(min=64, help="Height in px.")] = 1024,
) -> None:
    """Draw one hand."""
    if output.suffix != ".png":
        raise typer.BadParameter(f"expected a .png file, received {output}", param_hint="--output")
    if not cv2.imwrite(str(output), draw(bone_age_months, sex, seed, rows=rows).image):
        raise typer.BadParameter(f"{output} cannot be written", param_hint="--output")


def _phantom_count(data: str) -> int:
    kind, _, count = data.partition(":")
    if kind != "phantoms" or not count.isdecimal() or int(count) == 0:
        raise typer.BadParameter(f"expected phantoms:N with N from 1 up, received {data}", param_hint="--data")
    return int(count)


def main() -> None:
    """Run a command; what Carpus raises on purpose is shown as one message, without a traceback."""
    try:
        app()
    except (CarpusError, ValueError, OSError) as error:
        errors.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
