"""``refresh``: the active version goes on learning from the site's reads, and a worse one never takes its place."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from db import log
from db.process import die_with_parent
from training.settings import training


def refresh(
    base: Annotated[
        str | None,
        typer.Option(help="Learned from beside: phantoms, rsna:FOLDER, dicom:FOLDER or none; the setting's."),
    ] = None,
    work_folder: Annotated[
        Path | None, typer.Option(help="Keeps pictures and checkpoints until the decision; in the store by default.")
    ] = None,
    parent: Annotated[int | None, typer.Option(hidden=True, help="The process with which this one is to end.")] = None,
) -> None:
    """Fine-tune the active version on the site's reads, and promote what is proven no worse."""
    if parent is not None:
        die_with_parent(parent_pid=parent)
        log.configure("refresh")
    from worker.engines.tensorflow import prepare_tensorflow

    prepare_tensorflow()
    from training.refresh import refresh as refresh_model
    from training.report.refresh_text import on_screen

    done = refresh_model(base or training().refresh_base, work_folder)
    if done.judgement.criteria:
        Console().print(on_screen(done.judgement))
    else:
        typer.echo("\n".join(done.judgement.reasons))
    typer.echo(f"{done.judgement.verdict}: decision {done.decision_id}, page {done.page}")
