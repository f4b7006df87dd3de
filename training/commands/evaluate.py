"""``evaluate``: what a bundle's answers, or those in a table, are worth."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.asking import asked
from training.commands import options
from training.commands.options import WORK_FOLDER, Data, Judged, PartOption, Report, SplitSeed, WorkFolder
from worker import bundle


def evaluate(
    folder: Annotated[Path | None, typer.Argument(metavar="BUNDLE", help="Folder of a bundle.")] = None,
    *,
    data: Data = "phantoms:1000",
    part: PartOption = None,
    split_seed: SplitSeed = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Instead of a bundle: a CSV of predictions that some model has made.")
    ] = None,
    report: Report = None,
    output: Annotated[Path | None, typer.Option(help="A .json file for the same figures.")] = None,
    stress: Annotated[
        bool, typer.Option(help="Whether a bundle's report tries 33 variants of the radiographs.")
    ] = True,
    stress_cases: Annotated[int, typer.Option(min=1, help="How many radiographs the stress table takes.")] = 200,
    work_folder: WorkFolder = WORK_FOLDER,
) -> None:
    """Say what a bundle's answers are worth, or those in a table of predictions."""
    if (folder is None) == (predictions is None):
        raise typer.BadParameter("expected either a BUNDLE or --predictions")
    options.expect_html(report)
    from training import tables
    from training.report import evaluation

    if predictions is not None:
        from training.predictions import load

        made, judged = [evaluation.of_predictions(one) for one in load(predictions)], Judged(str(predictions), ())
    else:
        cases, judged = options.chosen(data, part, split_seed, folder or Path())
        stressed = stress_cases if stress and (report or output) else 0
        made = [evaluation.of_bundle(*asked(bundle.load(folder or Path()), cases, work_folder), cases, stressed)]
    if report is not None:
        from training.report.page import write_evaluation

        write_evaluation(made, judged.words, judged.warnings, report)
    found = {"models": [evaluation.as_json(one) for one in made]}
    options.write_json(found, judged, output or (report and report.with_suffix(".json")))
    for one in made:
        Console().print(tables.on_screen(one.analysis))
