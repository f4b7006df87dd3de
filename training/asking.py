"""A bundle with its engine and the pictures it is asked about.

Before it: what a command was told. After it: `training.evaluate.ask` and the reports.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from training import cache
from training.cases import Case
from worker.bundle import Bundle

if TYPE_CHECKING:
    from worker.engines import Engine


def asked(checked: Bundle, cases: list[Case], work_folder: Path) -> tuple[Bundle, "Engine", npt.NDArray[np.uint8]]:
    """Return a bundle with its engine and the pictures of cases as its network sees them, made where they are missing.

    Parameters
    ----------
    checked
        The bundle.
    cases
        What it is asked about.
    work_folder
        Keeps the pictures.
    """
    from worker.engines import tensorflow
    from worker.views import with_views

    images = cache.images(cases, checked.card.preprocessing, work_folder / "cache", folder=checked.folder)
    return checked, with_views(tensorflow.load(checked), checked.card.views), images
