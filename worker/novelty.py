"""How unlike a radiograph is to those that a model learned from, by its embedding.

Before it: an engine gave the embedding; `training.novelty` wrote the model's ``novelty.npz`` and its card's threshold.
After it: ``worker.review``. A score is a distance in the principal components of the training embeddings, each in its
own standard deviations, together with what lies outside of them.

References
----------
Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks, 2018,
arXiv:1807.03888 (Mahalanobis distance of features); Tipping and Bishop, Probabilistic Principal Component Analysis,
1999, doi:10.1111/1467-9868.00196 (one variance for all that lies outside of the components).
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from db.errors import BundleError

FILE = "novelty.npz"

Float64 = npt.NDArray[np.float64]
Count = Annotated[int, Field(ge=1)]


class NoveltyFacts(BaseModel):
    """What a card says of the check: where the line is drawn, and on what that rests.

    Attributes
    ----------
    threshold
        Scores above it are novel.
    fitted_on, valid, test
        Cases in words: whose embeddings are the usual ones, whose highest scores gave the threshold, and on which that
        was tried.
    flagged, low, high
        The fraction of the last that is novel, with its 95% interval.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: Annotated[float, Field(gt=0)]
    fitted_on: str
    valid: str
    valid_cases: Annotated[int, Field(ge=5000)]
    test: str
    test_cases: Count
    flagged: Annotated[float, Field(ge=0, le=1)]
    low: Annotated[float, Field(ge=0, le=1)]
    high: Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class UsualEmbeddings:
    """The embeddings of what a model learned from, in their principal components.

    Attributes
    ----------
    mean, spread
        (d,) float64: of each feature, which is centred and divided by them first.
    components
        (k, d) float64, orthonormal.
    variances
        (k,) float64 along them.
    residual_variance
        (1,) float64 of each direction outside of them.
    """

    mean: Float64
    spread: Float64
    components: Float64
    variances: Float64
    residual_variance: Float64

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read them from a bundle's folder.

        Raises
        ------
        BundleError
            When the file is no such file.
        """
        path = folder / FILE
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                found = cls(**{one.name: np.asarray(file[one.name], np.float64) for one in fields(cls)})
        # NumPy fails with any type at all on a file that is damaged.
        except Exception as error:
            raise BundleError(f"{path}: not what `python -m training novelty` writes; run it again") from error
        count, size = found.components.shape if found.components.ndim == 2 else (0, 0)  # noqa: PLR2004
        shapes = [getattr(found, one.name).shape for one in fields(cls)]
        if shapes != [(size,), (size,), (count, size), (count,), (1,)] or not count:
            raise BundleError(
                f"{path}: arrays that do not fit together, {shapes}; run `python -m training novelty` again"
            )
        return found

    def save(self, path: Path) -> None:
        """Write them, in single precision."""
        np.savez(path, **{one.name: getattr(self, one.name).astype(np.float32) for one in fields(self)})

    def scores(self, embedding: npt.NDArray[np.floating]) -> Float64:
        """Return how far embeddings are from the usual.

        Parameters
        ----------
        embedding
            (n, d) from an engine. Not changed.

        Returns
        -------
        numpy.ndarray
            (n,) float64, near 1 for the usual; infinite where the embedding is no number.
        """
        from_mean = (np.asarray(embedding, np.float64) - self.mean) / self.spread
        along = from_mean @ self.components.T
        outside = np.maximum((from_mean**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        squared = (along**2 / self.variances).sum(axis=1) + outside / self.residual_variance
        return np.asarray(np.nan_to_num(np.sqrt(squared / len(self.mean)), nan=np.inf))


@dataclass(frozen=True)
class NoveltyCheck:
    """The check that a bundle carries."""

    usual: UsualEmbeddings
    threshold: float

    def ratio(self, embedding: npt.NDArray[np.floating]) -> float:
        """Return one radiograph's score over the threshold: it is novel above 1.

        Parameters
        ----------
        embedding
            (n, d) of the radiograph, under one sex or both. Not changed.
        """
        return float(self.usual.scores(embedding).max() / self.threshold)
