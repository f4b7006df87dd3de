"""The plots of a gender audit, each as SVG for the page.

Before it: `training.report.audit`. After it: its page. Girls and boys differ by marker and line as well as by colour.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from markupsafe import Markup

from training.analysis import Analysis
from training.predictions import Predictions
from training.report.style import BLUE, GREEN, INK, ORANGE, VERMILLION, canvas

_SEXES = (("girls", "F", VERMILLION, "o", "-"), ("boys", "M", BLUE, "^", "--"))
_FIGURES = (("mae_months", "MAE", BLUE, "s"), ("rmse_months", "RMSE", GREEN, "D"), ("bias_months", "bias", ORANGE, "v"))
_BINS = 40
_TARGET_MONTHS = 2
_DATES = 7  # as many are told apart side by side


def error_distribution(predictions: Predictions) -> Markup:
    """Draw how often girls' and boys' errors are how large, each sex as shares of its own radiographs."""
    error = predictions.predicted_months - predictions.reference_months
    edges = np.linspace(error.min(), error.max(), _BINS + 1) if len(error) else np.linspace(-1, 1, _BINS + 1)
    with canvas(7.0, 3.6) as drawn:
        axes = drawn.axes("predicted less reference, months", "radiographs of the sex, %")
        axes.axvline(0, color=INK, linewidth=1)
        for label, sex, colour, _, line in _SEXES:
            chosen = error[predictions.is_male == (sex == "M")]
            if len(chosen):
                counts, _ = np.histogram(chosen, edges)
                shares = 100 * counts / len(chosen)
                axes.stairs(
                    shares, edges, color=colour, linestyle=line, linewidth=1.6, label=f"{label}, {len(chosen):,}"
                )
        axes.legend(loc="upper right")
    return drawn.svg


def errors_by_age(analyses: Sequence[tuple[str, Analysis]]) -> Markup:
    """Draw each sex's mean absolute error and bias in each age group, with 95% intervals.

    Parameters
    ----------
    analyses
        Of girls and of boys alone, by ``F`` and ``M``.
    """
    found = dict(analyses)
    bands = list(next(iter(found.values())).by_age_band)
    with canvas(7.0, 5.2) as drawn:
        for place, (name, words) in enumerate((("mae", "MAE, months"), ("mean_error", "bias, months"))):
            axes = drawn.figure.add_subplot(2, 1, place + 1)
            axes.set(ylabel=words)
            axes.axhline(0, color=INK, linewidth=1)
            for side, (label, sex, colour, marker, _) in zip((-0.12, 0.12), _SEXES, strict=True):
                if sex not in found:
                    continue
                figures = [found[sex].by_age_band[band].figures[name] for band in bands]
                bars = np.nan_to_num(
                    [[one.value - one.low for one in figures], [one.high - one.value for one in figures]]
                )
                axes.errorbar(
                    np.arange(len(bands)) + side,
                    [one.value for one in figures],
                    bars,
                    fmt=marker,
                    color=colour,
                    markersize=5,
                    linewidth=1.6,
                    label=label,
                )
            axes.set_xticks(range(len(bands)), bands)
        axes.set(xlabel="reference bone age, months")
        axes.legend(loc="best")
    return drawn.svg


def gap_over_time(runs: Sequence[tuple[datetime, dict[str, tuple[float, float, float]]]]) -> Markup:
    """Draw the standardised gaps of one audit after the other with their intervals, and the targets.

    Parameters
    ----------
    runs
        When, and by figure the gap with its lower and upper bound; the earliest first.
    """
    with canvas(7.0, 3.6) as drawn:
        axes = drawn.axes("audit, the latest on the right", "boys less girls, months")
        axes.axhspan(-_TARGET_MONTHS, _TARGET_MONTHS, color=INK, alpha=0.08, linewidth=0, label="target")
        axes.axhline(0, color=INK, linewidth=1)
        for offset, (name, label, colour, marker) in zip((-0.12, 0, 0.12), _FIGURES, strict=True):
            known = [(place, gaps[name]) for place, (_, gaps) in enumerate(runs) if name in gaps]
            if known:
                places, values = np.array([place for place, _ in known]), np.array([gap for _, gap in known])
                bars = np.abs(values[:, 1:] - values[:, :1]).T
                axes.errorbar(
                    places + offset, values[:, 0], bars, fmt=f"{marker}-", color=colour, markersize=5, label=label
                )
        shown = np.unique(np.linspace(0, max(len(runs) - 1, 0), min(len(runs), _DATES)).round().astype(int))
        axes.set_xticks(shown, [f"{runs[place][0]:%Y-%m-%d}" for place in shown])
        axes.set_xlim(-0.5, max(len(runs), 1) - 0.5)
        axes.legend(bbox_to_anchor=(0, 1.01), ncols=4)
    return drawn.svg
