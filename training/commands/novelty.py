"""``novelty``: what a bundle's network knows, written beside it, so that the worker can say what is unlike that."""

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from training import recipe
from training.cases import Case, Part
from training.commands.asking import asked
from training.commands.options import WORK_FOLDER, SplitSeed, WorkFolder, split_of
from training.commands.unseen import are_of_one_kind, check_unseen
from training.predictions import numbered
from training.sources import KINDS, open_source
from training.sources.source import counted
from worker import bundle
from worker.bundle import Bundle
from worker.novelty import FILE, NoveltyFacts

if TYPE_CHECKING:
    from training.novelty import Embeddings

_LEARNED_AT_MOST = 5000  # more hardly change the usual, but take their time


def novelty(
    folder: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a bundle; gets a file and a new card.")],
    data: Annotated[str, typer.Option(help=f"{KINDS}; of drawn hands N to draw the line by and N to test it on.")],
    split_seed: SplitSeed = None,
    work_folder: WorkFolder = WORK_FOLDER,
) -> None:
    """Find from where on a radiograph is unlike those that a bundle learned from, and write that into it."""
    checked, source = bundle.load(folder), open_source(data)
    from training import export
    from training import novelty as novel

    split = split_of(recipe.of_bundle(folder), split_seed)
    spared, test = (source.chosen(part, *split) for part in (Part.CALIBRATION, Part.TEST))
    novel.check_enough(len(spared))
    if not are_of_one_kind(source, checked):
        known_by = checked.card.training_data.description
        raise novel.NoveltyError(f"{folder}: learned from {known_by}; what it knows can be told from such data only")
    training = source.parts(*split)[Part.TRAINING]
    check_unseen(checked, source, training, work_folder, novel.NoveltyError)
    learned = _some(training)
    known, valid, tried = (_embeddings(checked, cases, work_folder) for cases in (learned, spared, test))
    usual = novel.usual(known)
    words = [counted(cases, source) for cases in (learned, spared, test)]
    patients = numbered([case.patient for case in test])
    found = novel.facts(usual, words[0], (words[1], valid), (words[2], tried, patients))
    with tempfile.TemporaryDirectory() as temporary:
        usual.save(Path(temporary) / FILE)
        card = checked.card.model_copy(update={"novelty": found})
        made = export.publish(checked, card, folder, [Path(temporary) / FILE])
    Console().print(on_screen(found))
    typer.echo(f"{made.folder}: {made.card.name} {made.card.version}, digest {made.digest}")


def on_screen(found: NoveltyFacts) -> Table:
    """Return what a card says of the check as a table."""
    drawn = Table("", "", title="novelty", show_header=False)
    drawn.add_row("the usual", found.fitted_on)
    drawn.add_row("line drawn by", found.valid)
    flagged = f"{100 * found.flagged:.2f} ({100 * found.low:.2f} to {100 * found.high:.2f})"
    drawn.add_row("beyond it, %", f"{flagged} of {found.test}")
    return drawn


def _some(cases: list[Case]) -> list[Case]:
    """Return all, or of many the same some each time, in their order: a source may have them by date or by sex."""
    if len(cases) <= _LEARNED_AT_MOST:
        return cases
    chosen = np.random.default_rng(0).choice(len(cases), _LEARNED_AT_MOST, replace=False)
    return [cases[place] for place in sorted(chosen)]


def _embeddings(checked: Bundle, cases: list[Case], work_folder: Path) -> "Embeddings":
    from training.evaluate import BATCH_SIZE, batches

    _, engine, images = asked(checked, cases, work_folder)
    shown = track(batches(images, cases), "asking", math.ceil(len(cases) / BATCH_SIZE))
    return np.concatenate([engine.predict(image, sex).embedding for image, sex in shown])
