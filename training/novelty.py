"""What a model knows: the usual embeddings, and from which distance on a radiograph is unlike them.

Before it: an engine gave the embeddings of what the model learned from, and of radiographs that it has never seen.
After it: the bundle's ``novelty.npz`` and its card, by which `worker.novelty` judges each radiograph.
"""

import numpy as np
import numpy.typing as npt

from db.errors import PermanentError
from training.analysis import Figure
from worker.novelty import NoveltyFacts, UsualEmbeddings

MIN_VALID = 5000  # so that the threshold, which three in a thousand exceed, rests on fifteen or more
FLAGGED_FRACTION = 0.003

_COMPONENTS = 64  # at most; more describe the noise of the features
_LEAST_SPREAD = 0.05  # of the features' median; one that hardly ever fires would drown the others where it does
_LEAST_VARIANCE = 1e-6

Float64 = npt.NDArray[np.float64]
Embeddings = npt.NDArray[np.floating]
Patients = npt.NDArray[np.int64]


class NoveltyError(PermanentError):
    """The check cannot be made with what there is; the message says what is missing."""


def usual(embeddings: Embeddings) -> UsualEmbeddings:
    """Describe the embeddings of what a model learned from.

    Parameters
    ----------
    embeddings
        (n, d), of more radiographs than there are components. Not changed.

    Raises
    ------
    NoveltyError
        When there are too few.
    """
    known = np.asarray(embeddings, np.float64)
    components = min(_COMPONENTS, known.shape[1] // 2)
    if len(known) <= 2 * components:
        raise NoveltyError(f"{len(known)} radiographs to learn the usual from, expected more than {2 * components}")
    mean, spread = known.mean(axis=0), known.std(axis=0)
    spread = np.maximum(spread, max(_LEAST_SPREAD * float(np.median(spread)), _LEAST_VARIANCE))
    _, singular, directions = np.linalg.svd((known - mean) / spread, full_matrices=False)
    variances = singular**2 / (len(known) - 1)
    outside = max(float(variances[components:].sum()) / (known.shape[1] - components), _LEAST_VARIANCE)
    kept = np.maximum(variances[:components], _LEAST_VARIANCE)
    return UsualEmbeddings(mean, spread, directions[:components], kept, np.array([outside]))


def check_enough(valid: int) -> None:
    """Refuse too few radiographs to draw the line by, before any is made."""
    if valid < MIN_VALID:
        raise NoveltyError(
            f"{valid:,} radiographs to draw the line by, expected {MIN_VALID:,} or more; take more, or fit the bundle"
            " with another split (--set split.calibration=0.4)"
        )


def facts(
    known: UsualEmbeddings, fitted_on: str, valid: tuple[str, Embeddings], test: tuple[str, Embeddings, Patients]
) -> NoveltyFacts:
    """Draw the line, and measure on other radiographs how many lie beyond it.

    Parameters
    ----------
    known
        From `usual`.
    fitted_on
        What it was made of, in words.
    valid, test
        Radiographs that served neither training nor each other, in words, and their embeddings; of the latter also the
        patients, (n,) int64.

    Returns
    -------
    NoveltyFacts
        For the card.

    Raises
    ------
    NoveltyError
        When there are too few.
    """
    check_enough(len(valid[1]))
    threshold = float(np.quantile(known.scores(valid[1]), 1 - FLAGGED_FRACTION))
    is_novel = known.scores(test[1]) > threshold
    flagged = Figure.of_share(is_novel, test[2])
    return NoveltyFacts(
        threshold=threshold,
        fitted_on=fitted_on,
        valid=valid[0],
        valid_cases=len(valid[1]),
        test=test[0],
        test_cases=len(is_novel),
        flagged=flagged.value,
        low=flagged.low,
        high=flagged.high,
    )
