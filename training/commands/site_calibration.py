"""``site-calibration``: what a site's own reads correct of the active version's answers, shown and kept."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from db import settings
from db.session import transaction
from training import registry
from training.asking import asked
from training.cases import Case, Part
from training.turns import FOLDER, alone
from worker.bundle import Bundle


def site_calibration(
    *, dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be corrected.")] = False
) -> None:
    """Correct the active version by a line for each sex, fitted on the site's reads, where that helps for certain."""
    from training.calibrate import CalibrationError
    from training.sources.site import open_site

    active, checked = registry.active()
    site = open_site()
    cases = site.parts[Part.CALIBRATION]
    if not cases:
        raise CalibrationError(f"no reads to fit on: {site.description}; `carpus reads sample` draws a reading list")
    pictures = settings.shared().store / FOLDER / "site-calibration"
    with alone():
        try:
            kept = run(checked, active.id, cases, pictures, is_dry=dry_run)
        finally:
            shutil.rmtree(pictures, ignore_errors=True)
    typer.echo("nothing was kept" if kept is None else f"kept as {kept}; workers take it up within seconds")


def run(checked: Bundle, model_version_id: int, cases: list[Case], work_folder: Path, *, is_dry: bool) -> int | None:
    """Ask a version about a site's cases, fit the site's correction, show it, and keep it.

    Parameters
    ----------
    checked
        The version's bundle, which has learned nothing from the cases.
    model_version_id
        Its row.
    cases
        Radiographs of the site with sampled, blinded reads, of the part that calibrates.
    work_folder
        Keeps the pictures.
    is_dry
        Whether it is only shown.

    Returns
    -------
    int or None
        The correction's row, also of one that corrects nothing; None where it is only shown.

    Raises
    ------
    CalibrationError
        When the model answers stages.
    """
    from training import site_calibration, site_record
    from training.calibrate import CalibrationError
    from training.evaluate import ask

    name = f"{checked.card.name} {checked.card.version}"
    if checked.card.answers == "stages":
        raise CalibrationError(f"{name}: answers stages; there is no bone age to correct")
    _, engine, images = asked(checked, cases, work_folder)
    fitted = site_calibration.fit(ask(name, engine, images, cases)[0])
    Console().print(site_record.on_screen(fitted))
    if is_dry:
        return None
    with transaction() as session:
        return site_record.keep(session, model_version_id, fitted)
