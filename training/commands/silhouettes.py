"""``silhouettes``: the mean silhouettes that tell how a hand lies."""

from pathlib import Path
from typing import Annotated

import typer

from training.cases import Part
from training.silhouettes import mean_silhouettes, silhouettes_of
from training.sources.phantoms import phantoms
from worker.silhouette import FILE, encoded


def silhouettes(
    output: Annotated[Path, typer.Option(help="A .png file.")] = FILE,
    hands: Annotated[int, typer.Option(min=20, help="Drawn hands to make them from.")] = 4000,
    means: Annotated[int, typer.Option(min=1, max=20, help="How many.")] = 8,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Make the mean silhouettes by which the worker tells how a hand lies, from drawn hands."""
    output.write_bytes(encoded(mean_silhouettes(silhouettes_of(phantoms(Part.TRAINING, hands)), means, seed)))
