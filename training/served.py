"""What a model version says of radiographs as workers serve it: with its views, and with what the site corrects.

Before it: a bundle, and what the site corrects of its answers, if anything. After it: `training.gate`.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from db.vocabulary import Sex
from training.asking import asked
from training.calibrate import covers
from training.cases import Case
from training.evaluate import ask
from training.pairs import Answers
from training.predictions import Predictions
from worker.bundle import Bundle
from worker.correction import Correction, SiteCalibration, on_line


def answers(checked: Bundle, site: SiteCalibration | None, cases: list[Case], work_folder: Path) -> Answers:
    """Ask a version about cases.

    Parameters
    ----------
    checked
        Its bundle.
    site
        What the site corrects of its answers; None for nothing.
    cases
        One or more, of known sex.
    work_folder
        Keeps the pictures.

    Returns
    -------
    training.pairs.Answers
        In months as a result shows them, and whether the references lie in the intervals that it shows, if any.
    """
    _, engine, images = asked(checked, cases, work_folder)
    engine.warm_up()
    said, _ = ask(f"{checked.card.name} {checked.card.version}", engine, images, cases)
    served = said if site is None else corrected(said, site.correction)
    calibration = (site and site.calibration) or checked.card.calibration
    has_intervals = calibration is not None and served.has_bone_ages
    return Answers(served, covers(calibration.groups, served) if calibration and has_intervals else None)


def corrected(predictions: Predictions, correction: Correction) -> Predictions:
    """Return predictions with each sex's corrected by its line.

    Parameters
    ----------
    predictions
        Of the network. Not changed.
    correction
        Of the site.
    """
    months = predictions.predicted_months
    for sex, is_of_sex in ((Sex.MALE, predictions.is_male), (Sex.FEMALE, ~predictions.is_male)):
        line = correction.line_for(sex)
        if line is not None:
            months = np.where(is_of_sex, on_line(months, line.intercept_months, line.slope), months)
    return replace(predictions, predicted_months=months)
