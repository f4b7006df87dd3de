"""Whether data are what a bundle learned from, so that what the split spares was never seen by it.

Before it: a command was told a bundle and data. After it: ``calibrate`` and ``novelty``.
"""

import re
from pathlib import Path

from db.errors import PermanentError
from training import cache
from training.asking import asked
from training.cases import Case
from training.sources.database import IN_DATABASE
from training.sources.site import LEARNED
from training.sources.source import Source
from worker.bundle import Bundle


def are_of_one_kind(source: Source, checked: Bundle) -> bool:
    """Return whether data are of the kind that a bundle learned from, however many there are."""
    return _kind(source.description) == _kind(checked.card.training_data.description)


def check_unseen(
    checked: Bundle, source: Source, training: list[Case], work_folder: Path, refusal: type[PermanentError]
) -> None:
    """Refuse radiographs that a network trained on such may have learned from.

    Parameters
    ----------
    checked
        The bundle.
    source
        The data; drawn hands need no check, for each part has seeds of its own.
    training
        Their training part.
    work_folder
        Keeps the pictures.
    refusal
        The error to raise.

    Raises
    ------
    PermanentError
        Of that kind, when the training part is not what the bundle learned from.
    """
    if IN_DATABASE in source.description and LEARNED in checked.card.training_data.description:
        raise refusal(
            f"{checked.folder}: fine-tuned on reads of this database, by another split than these data's; `refresh` has"
            " calibrated it, and `site-calibration` corrects it"
        )
    if not source.are_radiographs or not are_of_one_kind(source, checked):
        return
    _, _, images = asked(checked, training, work_folder)
    if cache.digest(training, images) != checked.card.training_data.digest:
        raise refusal(
            f"{checked.folder}: what it was trained on is not the training part of these data, so that it may have seen"
            " the others; give the data and the seed that it was trained with"
        )


def _kind(description: str) -> str:
    """Return what data are, without how many."""
    return re.sub(r"[\d,]+", "", description)
