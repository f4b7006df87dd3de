"""The commands of ``carpus reads``. Each imports what it needs when it is called."""

from pathlib import Path
from secrets import randbelow
from typing import Annotated

import typer
from rich.console import Console

from carpus.one_line import in_one_line
from db.vocabulary import Stratum

_LARGEST_SEED = 2**63 - 1  # a bigint's
_CHOSEN_SEEDS = 2**31  # short enough to be typed again
_NO_STRATA = "none"

app = typer.Typer(
    help="Enter readers' bone ages, and draw reading lists for readers.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


def _strata(told: str) -> str:
    names = told.split(",")
    if told != _NO_STRATA and (len(set(names)) != len(names) or not set(names) <= set(Stratum)):
        raise typer.BadParameter(f"{told!r}: expected {','.join(Stratum)}, one of them, or {_NO_STRATA}")
    return told


@app.command()
def add(
    sop_instance_uid: Annotated[str, typer.Argument(help="The radiograph's SOP Instance UID.", metavar="SOP_UID")],
    months: Annotated[str, typer.Argument(help="The bone age, 0 to 300.", metavar="MONTHS")],
    *,
    reader: Annotated[str, typer.Option(help="Who read it.")],
    method: Annotated[str, typer.Option(help="How, such as 'Greulich and Pyle'.")] = "",
    read_at: Annotated[str, typer.Option(help="When, such as 2026-05-31 or 2026-05-31T14:30. Without it: now.")] = "",
    blinded: Annotated[bool, typer.Option("--blinded", help="The reader had not seen the estimate.")] = False,
) -> None:
    """Enter one read. Of the same reader's reads of a radiograph the latest stands, and the others are kept."""
    with in_one_line():
        from carpus.reads import enter

        row = {"sop_instance_uid": sop_instance_uid, "bone_age_months": months, "reader": reader, "method": method}
        enter.add(row | {"read_at": read_at, "blinded": str(blinded)}, Console())


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8 with a header.", metavar="FILE.csv")],
) -> None:
    """Enter the reads of a file: all of them, or none where anything is wrong, which is listed line by line then.

    Columns: sop_instance_uid, bone_age_months, reader; method, read_at, blinded and reading_list are optional.

    A list that `carpus reads sample` drew is taken as readers filled it in; its reads are sampled and blinded.
    It may be imported while it grows: empty lines wait, and what is there already is not entered again.
    """
    with in_one_line():
        from carpus.reads import enter

        if not enter.import_file(file, Console()):
            raise typer.Exit(1)


@app.command()
def sample(
    count: Annotated[int, typer.Argument(help="How many radiographs.", metavar="N", min=1)],
    *,
    output: Annotated[Path, typer.Option(help="The file to write, for readers to fill in.", metavar="LIST.csv")],
    stratify: Annotated[
        str, typer.Option(help="Keep the shares of: sex, age, sex,age or none.", callback=_strata)
    ] = ",".join(Stratum),
    seed: Annotated[
        int | None, typer.Option(help="Draws the same list again from the same radiographs.", min=0, max=_LARGEST_SEED)
    ] = None,
) -> None:
    """Draw a random reading list of radiographs that have a result and no sampled read, with the answers hidden.

    Age is the estimated bone age, in the groups of the evaluation. Needs the role carpus_writer.
    """
    with in_one_line():
        from carpus.reads import sample as sampling

        by = [] if stratify == _NO_STRATA else [Stratum(name) for name in stratify.split(",")]
        sampling.run(count, by, randbelow(_CHOSEN_SEEDS) if seed is None else seed, output, Console())


@app.command("list")
def show_lists() -> None:
    """Show the reading lists, and how many radiographs of each were read."""
    with in_one_line():
        from carpus.reads import lists

        lists.show(Console())
