"""``export``: a bundle's graphs written anew, as this version of Carpus writes them."""

from pathlib import Path
from typing import Annotated

import typer

from worker import bundle


def export(
    folder: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a bundle.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder of the new one; in the old one's place by default.")
    ] = None,
) -> None:
    """Write a bundle's graphs for TensorFlow and OpenVINO anew; weights and all else stay, the digest changes."""
    checked = bundle.load(folder)
    from worker.engines.tensorflow import prepare_tensorflow

    prepare_tensorflow()
    from training.export import export_again

    made = export_again(checked, output or folder)
    typer.echo(f"{made.folder}: {made.card.name} {made.card.version}, digest {made.digest}")
