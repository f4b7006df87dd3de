"""The stress table: how a model's errors change when the same radiographs come differently.

Before it: `training.report.variants` and an engine. After it: the report. Each variant is compared with the unchanged
picture of the same hand: absolute errors by the Wilcoxon signed-rank test, clinically significant errors by the exact
McNemar test; p-values are Holm's, for so many tests of one kind.

References
----------
Wilcoxon, Individual comparisons by ranking methods, 1945, doi:10.2307/3001968; McNemar, 1947, doi:10.1007/BF02295996;
Holm, A simple sequentially rejective multiple test procedure, 1979.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.progress import track
from scipy import stats

from training.analysis import Errors, Figure, difference
from training.predictions import Predictions
from training.report.significance import changes_diagnosis
from training.report.variants import VARIANTS, Variant, altered

Float64 = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8]
Radiograph = npt.NDArray[np.uint16]
Radiographs = Sequence[Radiograph]


@dataclass(frozen=True)
class Stressed:
    """What one variant does.

    Attributes
    ----------
    mae, mae_change
        Months; the change against the unchanged pictures.
    wilcoxon_p, mcnemar_p
        Holm's; McNemar's is NaN where no radiograph has a diagnosis.
    significant_rate, newly_significant, no_longer_significant
        Clinically significant errors: their share, and in how many radiographs there is one only in the variant, or
        only in the unchanged picture.
    """

    variant: Variant
    mae: Figure
    mae_change: Figure
    wilcoxon_p: float
    significant_rate: Figure
    newly_significant: int
    no_longer_significant: int
    mcnemar_p: float


@dataclass(frozen=True)
class StressTable:
    """The unchanged pictures, then every variant of them."""

    radiographs: int
    mae: Figure
    significant_rate: Figure
    judged: int
    rows: tuple[Stressed, ...]


def stress(
    answer: Callable[[Images], Predictions], radiographs: Radiographs, seen: Callable[[Radiograph], Images]
) -> StressTable:
    """Ask a model about every variant.

    Parameters
    ----------
    answer
        Asks the model about pictures (n, rows, columns) uint8 of the same hands; with a bone age for each.
    radiographs
        Standard ones, (rows, columns) uint16 each. Not changed.
    seen
        Makes of one the picture (rows, columns) uint8 that the model sees.
    """
    unchanged = answer(np.stack([seen(one) for one in radiographs]))
    found = [
        (variant, answer(np.stack([seen(altered(one, variant)) for one in radiographs])))
        for variant in track(VARIANTS, "stress table")
    ]
    base, is_changed = Errors(unchanged), changes_diagnosis(unchanged)
    rows = [_row(variant, predictions, unchanged) for variant, predictions in found]
    wilcoxon, mcnemar = holm([row.wilcoxon_p for row in rows]), holm([row.mcnemar_p for row in rows])
    rows = [
        Stressed(**(vars(row) | {"wilcoxon_p": one, "mcnemar_p": other}))
        for row, one, other in zip(rows, wilcoxon, mcnemar, strict=True)
    ]
    rate, judged = Figure.of_share(is_changed, unchanged.patients), int(np.isfinite(is_changed).sum())
    return StressTable(base.radiographs, base.figures["mae"], rate, judged, tuple(rows))


def _row(variant: Variant, predictions: Predictions, unchanged: Predictions) -> Stressed:
    errors, base = Errors(predictions), Errors(unchanged)  # of the same seed, and so of the same resamples
    now, before = changes_diagnosis(predictions), changes_diagnosis(unchanged)
    is_judged = np.isfinite(now)
    newly, no_longer = int(((now == 1) & (before == 0)).sum()), int(((now == 0) & (before == 1)).sum())
    sizes = [np.abs(one.predicted_months - one.reference_months) for one in (predictions, unchanged)]
    return Stressed(
        variant,
        errors.figures["mae"],
        difference(errors.samples["mae"], base.samples["mae"]),
        wilcoxon_p(sizes[0] - sizes[1]),
        Figure.of_share(now, predictions.patients),
        newly,
        no_longer,
        mcnemar_p(newly, no_longer) if is_judged.any() else np.nan,
    )


def wilcoxon_p(differences: Float64) -> float:
    """Return the two-sided p-value of the Wilcoxon signed-rank test.

    Parameters
    ----------
    differences
        (n,) of pairs.

    Returns
    -------
    float
        1 where no pair differs.
    """
    return float(stats.wilcoxon(differences).pvalue) if np.any(differences) else 1.0


def mcnemar_p(first_only: int, second_only: int) -> float:
    """Return the two-sided p-value of the exact McNemar test.

    Parameters
    ----------
    first_only, second_only
        The pairs that differ, each way.

    Returns
    -------
    float
        1 where no pair differs.
    """
    differing = first_only + second_only
    return float(stats.binomtest(first_only, differing).pvalue) if differing else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values multiplied after Holm, in their order; NaN stays NaN and is no test.

    Parameters
    ----------
    p_values
        Of tests of one kind.
    """
    adjusted, greatest = [float("nan")] * len(p_values), 0.0
    tested = sorted((p, place) for place, p in enumerate(p_values) if not np.isnan(p))
    for rank, (p, place) in enumerate(tested):
        greatest = max(greatest, min(1.0, p * (len(tested) - rank)))
        adjusted[place] = greatest
    return adjusted
