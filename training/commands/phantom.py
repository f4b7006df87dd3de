"""``phantom``: one drawn hand."""

from pathlib import Path
from typing import Annotated

import cv2
import typer

from db.vocabulary import Sex
from training.sources.phantoms import Drawing, Phantom


def phantom(
    bone_age_months: Annotated[float, typer.Option(help="0 to 240.")],
    sex: Annotated[Sex, typer.Option(help="M or F.")],
    output: Annotated[Path, typer.Option(help="A .png file, 16 bit.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
    rows: Annotated[int, typer.Option(min=64, help="Height in px.")] = 1024,
    *,
    drawing: Annotated[Drawing, typer.Option(help="Which package draws it; hand is the truer one.")] = "phantom",
) -> None:
    """Draw one hand."""
    if output.suffix != ".png":
        raise typer.BadParameter(f"expected a .png file, received {output}", param_hint="--output")
    if not cv2.imwrite(str(output), Phantom(bone_age_months, sex, seed, drawing).standard_radiograph(rows)):
        raise typer.BadParameter(f"{output} cannot be written", param_hint="--output")
