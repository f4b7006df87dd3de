"""The calibrated card: which bundles can have one, how it is written, and what it says as tables.

Before it: `training.calibrate` has found the intervals. After it: `worker.bundle` reads the card back.
"""

import os
import tempfile
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table

from training.calibrate import MIN_CASES, CalibrationError
from worker.bundle import CARD, Bundle, load
from worker.calibration import Calibration
from worker.card import Card

_SEXES = 2


def check(bundle: Bundle, cases: int) -> None:
    """Refuse what cannot be calibrated before any case is made.

    Parameters
    ----------
    bundle
        The model.
    cases
        How many calibration cases there will be.

    Raises
    ------
    CalibrationError
        When the network answers stages, or the cases are certainly too few.
    """
    problems = []
    if bundle.card.answers == "stages":
        problems.append(f"{bundle.folder}: answers stages, whose probabilities its network gives; nothing to calibrate")
    if cases < _SEXES * MIN_CASES:
        problems.append(f"{cases} calibration cases, expected {MIN_CASES} or more of each sex; add cases")
    if problems:
        raise CalibrationError("\n".join(problems))


def write(bundle: Bundle, calibration: Calibration) -> Bundle:
    """Write a bundle's card anew with its calibration, whole or not at all; its network stays as it is.

    Parameters
    ----------
    bundle
        The bundle. A worker that has loaded it goes on by the card that it has read.
    calibration
        Replaces the one before.

    Returns
    -------
    Bundle
        As `worker.bundle.load` reads it back, with another digest.
    """
    card = Card.model_validate({**dict(bundle.card), "calibration": calibration})
    # Beside the bundle, for inside it no file may lie that the card does not name.
    number, name = tempfile.mkstemp(prefix=f".{bundle.folder.name}-", dir=bundle.folder.parent)
    fresh = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(card.model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(number)
        fresh.chmod((bundle.folder / CARD).stat().st_mode)
        fresh.replace(bundle.folder / CARD)
    finally:
        fresh.unlink(missing_ok=True)
    return load(bundle.folder)


def on_screen(calibration: Calibration) -> RenderableType:
    """Return a calibration as tables: the groups with their intervals, and the coverage.

    Parameters
    ----------
    calibration
        Of one model.
    """
    title = "90% intervals" + (f", {calibration.caveat}" if calibration.caveat else "")
    groups = Table("sex", "predicted, months", "n", "interval, months", title=title, caption=calibration.data)
    for group in calibration.groups:
        band = f"{group.from_months:.0f} to {group.to_months:.0f}"
        groups.add_row(group.sex, band, f"{group.cases:,}", f"± {group.half_width_months:.1f}")
    measured = calibration.coverage
    coverage = Table("", "n", "covered, % (95% interval)", title="coverage", caption=measured.test)
    for name, one in (("all", measured.overall), *measured.by_sex.items()):
        text = f"{100 * one.covered:.1f} ({100 * one.low:.1f} to {100 * one.high:.1f})"
        coverage.add_row(name, f"{one.cases:,}", text)
    return Group(groups, coverage)
