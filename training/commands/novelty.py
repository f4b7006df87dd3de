"""``novelty``: what a bundle's network knows, written beside it, so that the worker can say what is unlike that."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from training import cache, recipe
from training.cases import Part, some
from training.commands.options import WORK_FOLDER, SplitSeed, WorkFolder, split_of
from training.sources import KINDS, open_source
from training.sources.source import counted
from training.unseen import are_of_one_kind, check_unseen
from worker import bundle
from worker.novelty import FILE, NoveltyFacts


def novelty(
    folder: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a bundle; gets a file and a new card.")],
    data: Annotated[str, typer.Option(help=f"{KINDS}; of drawn hands N to draw the line by and N to test it on.")],
    split_seed: SplitSeed = None,
    work_folder: WorkFolder = WORK_FOLDER,
) -> None:
    """Find from where on a radiograph is unlike those that a bundle learned from, and write that into it."""
    checked, source = bundle.load(folder), open_source(data)
    from training import embeddings, export
    from training import novelty as novel
    from training.batches import Labelled

    split = split_of(recipe.of_bundle(folder), split_seed)
    spared, test = (source.chosen(part, *split) for part in (Part.CALIBRATION, Part.TEST))
    novel.check_enough(len(spared))
    if not are_of_one_kind(source, checked):
        known_by = checked.card.training_data.description
        raise novel.NoveltyError(f"{folder}: learned from {known_by}; what it knows can be told from such data only")
    training = source.parts(*split)[Part.TRAINING]
    check_unseen(checked, source, training, work_folder, novel.NoveltyError)
    learned = some(training, embeddings.LEARNED_AT_MOST)
    described = []
    for cases in (learned, spared, test):
        images = cache.images(cases, checked.card.preprocessing, work_folder / "cache", folder=checked.folder)
        described.append(embeddings.Described(counted(cases, source), Labelled(images, cases)))
    usual, found = embeddings.checked(checked, *described)
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
