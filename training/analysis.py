"""What predictions are worth: every figure with a 95% interval, over all, by sex and by age, and the gap between sexes.

Before it: `training.predictions`. After it: tables on the screen and the report.

References
----------
Efron and Tibshirani, An Introduction to the Bootstrap, 1993 (percentile intervals); Wilson, Probable inference, 1927,
doi:10.1080/01621459.1927.10502953 (intervals of fractions, which resampling makes too narrow near 0 and 1); Cohen,
Weighted kappa, 1968, doi:10.1037/h0026256.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from db.vocabulary import Sex
from training.predictions import Predictions
from worker.stage import ADOLESCENT_FROM_MONTHS, ADULT_FROM_MONTHS, STAGES

# Lower edges, months of reference bone age; 120 and 216 are where the stages change.
AGE_BAND_EDGES_MONTHS = (0, 36, 72, ADOLESCENT_FROM_MONTHS, 168, ADULT_FROM_MONTHS, 241)


_BOOTSTRAP_SAMPLES = 2000
_Z = NormalDist().inv_cdf(0.975)
_FRACTIONS = frozenset({"within_12", "under_5", "from_5_to_15", "over_15"})
_SMALL_ERROR_MONTHS, _YEAR_MONTHS, _LARGE_ERROR_MONTHS = 5, 12, 15

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """An estimate with its 95% interval; NaN where there is too little to tell, as of one patient's interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, samples: Float64) -> "Figure":
        """Return an estimate with the percentiles of what it is in resampled patients."""
        known = samples[np.isfinite(samples)]
        low, high = np.percentile(known, (2.5, 97.5)) if math.isfinite(value) and known.size else (math.nan, math.nan)
        return cls(float(value), float(low), float(high))

    @classmethod
    def of_share(cls, is_so: npt.NDArray[np.generic], patients: npt.NDArray[np.int64]) -> "Figure":
        """Return the share of radiographs (n,) of which something is so (1), where that is known (no NaN)."""
        known = np.isfinite(is_so.astype(np.float64))
        value = float(is_so[known].mean()) if known.any() else math.nan
        return cls.of_fraction(value, len(np.unique(patients[known])))

    @classmethod
    def of_fraction(cls, value: float, count: float) -> "Figure":
        """Return a fraction of so many with Wilson's interval."""
        if not count:
            return cls(math.nan, math.nan, math.nan)
        doubt = _Z**2 / count
        centre, half = value + doubt / 2, _Z * math.sqrt(value * (1 - value) / count + doubt / (4 * count))
        # Of none and of all, rounding would leave 0 to 1.
        low, high = max(0.0, (centre - half) / (1 + doubt)), min(1.0, (centre + half) / (1 + doubt))
        return cls(float(value), low, high)


@dataclass(frozen=True)
class Target:
    """A published or promised bound, and whether it is met: by the estimate, and by its interval too.

    None where nobody can tell, as of the gap between the sexes where there is one only.
    """

    words: str
    is_met: bool | None
    is_proven: bool | None


class Errors:
    """The errors on some radiographs; intervals are of their patients, whose radiographs are resampled together.

    Parameters
    ----------
    predictions
        At least none; of fewer than two, no R².
    seed
        Of the resampling; two groups that are compared have different ones.
    """

    def __init__(self, predictions: Predictions, seed: int = 0) -> None:
        self._predictions = predictions
        self.radiographs = len(predictions.reference_months)
        rng = np.random.default_rng(seed)
        known, patients = np.unique(predictions.patients, return_inverse=True)
        self.patients = len(known)
        samples = _BOOTSTRAP_SAMPLES if self.patients > 1 else 0  # of one, each would say that it is certain
        even = np.full(self.patients, 1 / max(self.patients, 1))
        resampled = rng.multinomial(self.patients, even, samples) if samples else np.zeros((0, self.patients))
        # The radiographs as they are, then resampled: how often each is taken.
        self._taken = np.vstack([np.ones((1, self.radiographs)), resampled[:, patients]]).astype(np.float64)

    @cached_property
    def figures(self) -> Mapping[str, Figure]:
        """The figures by name: months, but for ``r2`` and the fractions of the radiographs."""
        return {
            name: self._fraction(samples[0], self.radiographs)
            if name in _FRACTIONS
            else Figure.of(samples[0], samples[1:])
            for name, samples in self.samples.items()
        }

    @cached_property
    def samples(self) -> Mapping[str, Float64]:
        """Each figure as it is, then in the resampled radiographs."""
        reference = self._predictions.reference_months
        error = self._predictions.predicted_months - reference
        size = np.abs(error)
        nothing = np.where(np.isnan(error), math.nan, 0)  # a fraction of errors that are not known is not known either
        squared, mean_squared = self.means(error**2), self.means(reference**2) - self.means(reference) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = 1 - squared / np.where(mean_squared > 0, mean_squared, np.nan)
        return {
            "mae": self.means(size),
            "rmse": np.sqrt(squared),
            "r2": r2,
            "mean_error": self.means(error),
            "within_12": self.means(nothing + (size <= _YEAR_MONTHS)),
            "under_5": self.means(nothing + (size < _SMALL_ERROR_MONTHS)),
            "from_5_to_15": self.means(nothing + ((size >= _SMALL_ERROR_MONTHS) & (size <= _LARGE_ERROR_MONTHS))),
            "over_15": self.means(nothing + (size > _LARGE_ERROR_MONTHS)),
        }

    @cached_property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Radiographs (3, 3) by stage of the reference and, in the columns, of the prediction."""
        return np.asarray(np.rint(self._confusions[0]), np.int64)

    @cached_property
    def stage_figures(self) -> Mapping[str, Figure]:
        """Accuracy, quadratic weighted kappa, and the recall of each stage."""
        right, of_each = np.diag(self._confusions[0]), self._confusions[0].sum(axis=1)
        kappa = weighted_kappa(self._confusions)
        recalls = {
            f"recall_{stage.lower()}": self._fraction(_share(right[number], of_each[number]), of_each[number])
            for number, stage in enumerate(STAGES)
        }
        accuracy = self._fraction(_share(right.sum(), of_each.sum()), of_each.sum())
        return {"accuracy": accuracy, "kappa": Figure.of(kappa[0], kappa[1:])} | recalls

    @cached_property
    def _confusions(self) -> Float64:
        edges = (ADOLESCENT_FROM_MONTHS, ADULT_FROM_MONTHS)
        months, probabilities = self._predictions.predicted_months, self._predictions.stage_probabilities
        reference = np.digitize(self._predictions.reference_months, edges)
        predicted = np.digitize(np.nan_to_num(months), edges) if probabilities is None else probabilities.argmax(axis=1)
        is_known = np.isfinite(months if probabilities is None else probabilities.sum(axis=1))
        cells = np.eye(len(STAGES) ** 2)[reference * len(STAGES) + predicted] * is_known[:, np.newaxis]
        return np.asarray(self._taken @ cells).reshape(-1, len(STAGES), len(STAGES))

    def means(self, values: npt.NDArray[np.generic]) -> Float64:
        """Return the mean of what each radiograph has (n,), as it is, then in the resampled radiographs."""
        if not self.radiographs:
            return np.full(len(self._taken), math.nan)
        return np.asarray(self._taken @ values.astype(np.float64) / self._taken.sum(axis=1))

    def _fraction(self, value: float, radiographs: float) -> Figure:
        # Several of one patient say hardly more than one: they count as so many patients.
        return Figure.of_fraction(value, radiographs * self.patients / max(self.radiographs, 1))


@dataclass(frozen=True)
class Analysis:
    """All figures of one model.

    Attributes
    ----------
    by_sex, by_age_band
        Keys are M and F, and such as ``36-71`` for 36 months up to but not including 72, by the reference.
    gap
        Girls' figure less boys': of ``mae``, ``rmse`` and ``r2``.
    targets
        None for a model that gives stages and no bone age.
    """

    name: str
    overall: Errors
    by_sex: Mapping[Sex, Errors]
    by_age_band: Mapping[str, Errors]
    gap: Mapping[str, Figure]
    targets: tuple[Target, ...]


def analyse(predictions: Predictions) -> Analysis:
    """Analyse one model's predictions.

    Parameters
    ----------
    predictions
        Of one radiograph or more.

    Returns
    -------
    Analysis
        The same for the same predictions.
    """
    overall = Errors(predictions)
    girls = Errors(predictions.where(~predictions.is_male), seed=1)
    boys = Errors(predictions.where(predictions.is_male), seed=2)
    bands = {band: Errors(predictions.where(is_in)) for band, is_in in age_bands(predictions.reference_months).items()}
    gap = {name: difference(girls.samples[name], boys.samples[name]) for name in ("mae", "rmse", "r2")}
    targets = _targets(overall.figures, gap) if predictions.has_bone_ages else ()
    return Analysis(predictions.name, overall, {Sex.FEMALE: girls, Sex.MALE: boys}, bands, gap, targets)


def age_bands(reference_months: Float64) -> dict[str, npt.NDArray[np.bool_]]:
    """Return which radiographs (n,) are in each age band; the keys are those of `Analysis.by_age_band`."""
    return {
        f"{low}-{high - 1}": (reference_months >= low) & (reference_months < high)
        for low, high in pairwise(AGE_BAND_EDGES_MONTHS)
    }


def weighted_kappa(confusion: Float64) -> Float64:
    """Return Cohen's kappa with quadratic weights: 1 for agreement, 0 for what chance gives.

    Parameters
    ----------
    confusion
        (..., k, k), by reference and, in the columns, by prediction.

    Returns
    -------
    numpy.ndarray
        (...); NaN where chance leaves nothing to disagree about.
    """
    steps = np.arange(confusion.shape[-1])
    weights = (steps[:, np.newaxis] - steps) ** 2
    rows, columns = confusion.sum(axis=-1), confusion.sum(axis=-2)
    expected = rows[..., :, np.newaxis] * columns[..., np.newaxis, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = (weights * confusion).sum(axis=(-2, -1)) * confusion.sum(axis=(-2, -1))
        return np.asarray(1 - observed / (weights * expected).sum(axis=(-2, -1)))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def difference(first: Float64, second: Float64) -> Figure:
    """Return how much more the first is, of samples as `Errors` has them: of one with too few, without an interval."""
    are_known = len(first) == len(second)
    return Figure.of(first[0] - second[0], first[1:] - second[1:] if are_known else first[:0])


def _targets(figures: Mapping[str, Figure], gap: Mapping[str, Figure]) -> tuple[Target, ...]:
    r2, mae = figures["r2"], figures["mae"]
    bounds = (("mae", 2.0, "gap of the MAE under 2 months"), ("rmse", 2.0, "gap of the RMSE under 2 months"))
    return (
        _target("R² of 0.92 or more", r2.value, r2.value >= 0.92, r2.low >= 0.92),  # noqa: PLR2004  as published
        _target("MAE of 12 months or less", mae.value, mae.value <= _YEAR_MONTHS, mae.high <= _YEAR_MONTHS),
        *(_within(words, gap[name], bound) for name, bound, words in (*bounds, ("r2", 0.01, "gap of R² under 0.01"))),
    )


def _within(words: str, figure: Figure, bound: float) -> Target:
    return _target(words, figure.value, abs(figure.value) < bound, max(abs(figure.low), abs(figure.high)) < bound)


def _target(words: str, value: float, is_met: bool, is_proven: bool) -> Target:
    return Target(words, None, None) if math.isnan(value) else Target(words, is_met, is_proven)
