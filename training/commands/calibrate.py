"""``calibrate``: the intervals of a bundle's answers, written into its card."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from db.vocabulary import CalibratedOn
from training import recipe
from training.asking import asked
from training.cases import Case, Part
from training.commands.options import WORK_FOLDER, SplitSeed, WorkFolder, split_of
from training.sources import KINDS, open_source
from training.sources.source import counted
from training.unseen import check_unseen
from worker import bundle
from worker.bundle import Bundle

if TYPE_CHECKING:
    from training.predictions import Predictions


def calibrate(
    folder: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a bundle; its card is written anew.")],
    data: Annotated[str, typer.Option(help=f"{KINDS}; of drawn hands N to calibrate on and N to test on.")],
    split_seed: SplitSeed = None,
    work_folder: WorkFolder = WORK_FOLDER,
) -> None:
    """Find the 90% intervals of a bundle's answers, test whether they cover, and write them into its card."""
    checked, source = bundle.load(folder), open_source(data)
    from training import calibrate as conformal
    from training import calibrated_card

    parts = (Part.CALIBRATION, Part.TEST)
    if checked.card.calibration and checked.card.calibration.caveat is None and not source.are_radiographs:
        raise conformal.CalibrationError(f"{folder}: calibrated on radiographs; drawn hands would make it worse")
    fractions, seed = split_of(recipe.of_bundle(folder), split_seed)
    training = source.parts(fractions, seed)[Part.TRAINING]
    check_unseen(checked, source, training, work_folder, conformal.CalibrationError)
    spared, test = (source.chosen(part, fractions, seed) for part in parts)
    calibrated_card.check(checked, len(spared))
    calibration, tested = (
        conformal.Cases(counted(cases, source), _answers(checked, cases, work_folder)) for cases in (spared, test)
    )
    kind = CalibratedOn.RADIOGRAPHS if source.are_radiographs else CalibratedOn.DRAWN_HANDS
    found = conformal.calibrate(calibration, tested, kind)
    made = calibrated_card.write(checked, found)
    Console().print(calibrated_card.on_screen(found))
    typer.echo(f"{made.folder}: {made.card.name} {made.card.version}, digest {made.digest}")


def _answers(checked: Bundle, cases: list[Case], work_folder: Path) -> "Predictions":
    _, engine, images = asked(checked, cases, work_folder)
    from training.evaluate import ask

    return ask(f"{checked.card.name} {checked.card.version}", engine, images, cases)[0]
