"""``survey``: every recipe fitted small and compared."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.asking import asked
from training.cases import Part
from training.commands import options
from training.commands.options import DRAWN, WORK_FOLDER, Judged, WorkFolder
from training.sources.phantoms import phantoms
from training.survey import Scale, fit_all, unranked, usual_names, why_not_ours
from worker import bundle

_USUAL = Scale()


def survey(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[RECIPE]...", help="All shipped ones but the starter's by default.")
    ] = None,
    *,
    hands: Annotated[int, typer.Option(min=1, help="Drawn for training.")] = _USUAL.hands,
    test_hands: Annotated[int, typer.Option(min=1, help="Drawn to judge by.")] = _USUAL.test_hands,
    side_px: Annotated[int, typer.Option(min=75, help="Rows and columns of each network input.")] = _USUAL.side_px,
    width: Annotated[float, typer.Option(help="Factor on the channels of each network.")] = _USUAL.width,
    epochs: Annotated[int, typer.Option(min=1, help="At most.")] = _USUAL.epochs,
    minutes: Annotated[float, typer.Option(help="At most for each network; its last epoch is finished.")] = (
        _USUAL.minutes
    ),
    output: Annotated[Path, typer.Option(help="A .md file for the table; a page and its numbers go beside it.")] = Path(
        "docs/comparison.md"
    ),
    work_folder: WorkFolder = WORK_FOLDER / "survey",
) -> None:
    """Fit every recipe small, on the same drawn hands, and put them side by side; begin again to go on."""
    if output.suffix != ".md":
        raise typer.BadParameter(f"expected a .md file, received {output}", param_hint="--output")
    scale = Scale(hands, test_hands, side_px, width, epochs, minutes)
    made = [bundle.load(folder) for folder in fit_all(names or usual_names(), scale, work_folder)]
    cases = phantoms(Part.TEST, test_hands)
    from training.report import paired, paired_page, paired_text

    entrants = [paired.measure(*asked(one, cases, work_folder), cases, unranked(one)) for one in made]
    found = paired.compare(entrants)
    judged = Judged(scale.words(), (DRAWN,))
    paired_text.write(found, judged.words, judged.warnings, why_not_ours(found), output)
    paired_page.write(found, judged.words, judged.warnings, output.with_suffix(".html"))
    options.write_json(paired.as_json(found), judged, output.with_suffix(".json"))
    Console().print(paired_page.on_screen(found))
