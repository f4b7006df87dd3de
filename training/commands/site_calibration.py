"""``site-calibration``: what a site's own reads correct of the active version's answers, shown and kept."""

from pathlib import Path

from rich.console import Console

from db.session import transaction
from training.cases import Case
from training.commands.asking import asked
from worker.bundle import Bundle


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
