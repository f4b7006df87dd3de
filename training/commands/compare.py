"""``compare``: bundles side by side on the same radiographs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training import recipe
from training.asking import asked
from training.commands import options
from training.commands.options import WORK_FOLDER, Data, PartOption, Report, SplitSeed, WorkFolder
from training.survey import unranked
from worker import bundle


def compare(
    folders: Annotated[list[Path], typer.Argument(metavar="BUNDLE...", help="Folders of two bundles or more.")],
    *,
    data: Data = "phantoms:1000",
    part: PartOption = None,
    split_seed: SplitSeed = None,
    report: Report = None,
    work_folder: WorkFolder = WORK_FOLDER,
) -> None:
    """Put bundles side by side on the same radiographs, with what each costs."""
    options.expect_html(report)
    loaded = [bundle.load(folder) for folder in folders]
    splits = [options.split_of(recipe.of_bundle(folder), split_seed) for folder in folders]
    if part is not None and any(one != splits[0] for one in splits):
        raise typer.BadParameter("the bundles' recipes split data differently: one's test part is another's training")
    cases, judged = options.chosen(data, part, split_seed, folders[0])
    from training.report import paired, paired_page

    found = paired.compare([paired.measure(*asked(one, cases, work_folder), cases, unranked(one)) for one in loaded])
    if report is not None:
        paired_page.write(found, judged.words, judged.warnings, report)
        options.write_json(paired.as_json(found), judged, report.with_suffix(".json"))
    Console().print(paired_page.on_screen(found))
