"""The plots of a report, each as SVG for the page.

Before it: `training.report.evaluation`. After it: `training.report.page`. Girls and boys differ by marker and line as
well as by colour.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from training.analysis import AGE_BAND_EDGES_MONTHS, Analysis, Figure
from training.predictions import Predictions
from training.report.agreement import Agreement
from training.report.history import Epoch
from training.report.stress import StressTable
from training.report.style import BLUE, GREEN, INK, ORANGE, VERMILLION, canvas

_YEAR_TICKS = np.arange(0, 241, 24)
_SEXES = (("girls", False, VERMILLION, "o"), ("boys", True, BLUE, "^"))
_YEAR_MONTHS = 12
_LINEAR_MONTHS = 10  # beyond, changes are shown on a logarithmic scale
_CHANGE_TICKS = (-100, -50, -20, -10, -5, 0, 5, 10, 20, 50, 100)
_FEW = 400  # points; of more, each is drawn smaller and fainter


def predicted_against_reference(predictions: Predictions) -> Markup:
    """Draw each prediction against its reference, with the line of identity and a year either way."""
    with canvas(6.0, 5.4) as drawn:
        axes = drawn.axes("reference bone age, months", "predicted bone age, months")
        ends = np.array([0.0, AGE_BAND_EDGES_MONTHS[-1] - 1])
        axes.plot(ends, ends, color=INK, linewidth=1, label="identity")
        axes.fill_between(
            ends, ends - _YEAR_MONTHS, ends + _YEAR_MONTHS, color=INK, alpha=0.08, linewidth=0, label="±12 months"
        )
        points(axes, predictions, predictions.reference_months, predictions.predicted_months)
        low, high = min(predictions.predicted_months.min(), 0), max(predictions.predicted_months.max(), ends[1])
        axes.set(xticks=_YEAR_TICKS, yticks=_YEAR_TICKS, aspect="equal", xlim=(-4, 244), ylim=(low - 4, high + 4))
        _legend(axes)
    return drawn.svg


def residuals(predictions: Predictions, analysis: Analysis) -> Markup:
    """Draw each error against the reference, with the mean error of each age band and its interval."""
    with canvas(7.0, 4.0) as drawn:
        axes = drawn.axes("reference bone age, months", "predicted less reference, months")
        error = predictions.predicted_months - predictions.reference_months
        axes.axhline(0, color=INK, linewidth=1)
        points(axes, predictions, predictions.reference_months, error)
        low = np.array(AGE_BAND_EDGES_MONTHS[:-1])
        high = np.array([*AGE_BAND_EDGES_MONTHS[1:-1], AGE_BAND_EDGES_MONTHS[-1] - 1])
        figures = [errors.figures["mean_error"] for errors in analysis.by_age_band.values()]
        axes.errorbar(
            (low + high) / 2,
            [figure.value for figure in figures],
            _bars(figures),
            (high - low) / 2,
            fmt="s",
            color=INK,
            markersize=4,
            linewidth=1.6,
            label="mean error of the age group, 95% interval",
            zorder=4,
        )
        axes.set(xticks=_YEAR_TICKS)
        _legend(axes)
    return drawn.svg


def bland_altman(predictions: Predictions, found: Agreement) -> Markup:
    """Draw the differences against the means, with the bias and the limits of agreement and their intervals."""
    with canvas(7.0, 4.0) as drawn:
        axes = drawn.axes("mean of predicted and reference, months", "predicted less reference, months")
        mean = (predictions.predicted_months + predictions.reference_months) / 2
        points(axes, predictions, mean, predictions.predicted_months - predictions.reference_months)
        limits = (("limits of agreement", found.upper_limit, "--"), ("", found.lower_limit, "--"))
        for label, figure, line in (("bias", found.bias, "-"), *limits):
            axes.axhline(figure.value, color=INK, linestyle=line, linewidth=1.3, label=label or None)
            axes.axhspan(figure.low, figure.high, color=INK, alpha=0.12, linewidth=0)
            axes.annotate(
                f"{figure.value:+.1f}".replace("-", "−"),
                (1.0, figure.value),
                xycoords=("axes fraction", "data"),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set(xticks=_YEAR_TICKS)
        _legend(axes)
    return drawn.svg


def error_bands(analysis: Analysis) -> Markup:
    """Draw the shares of small, middling and large errors in each age group."""
    groups = [(f"{band}\nn = {errors.radiographs:,}", errors) for band, errors in analysis.by_age_band.items()]
    bands = (
        ("under 5 months", "under_5", GREEN, ""),
        ("5 to 15 months", "from_5_to_15", ORANGE, "//"),
        ("over 15 months", "over_15", VERMILLION, "xx"),
    )
    with canvas(7.0, 3.6) as drawn:
        axes = drawn.axes("reference bone age, months", "radiographs, %")
        below = np.zeros(len(groups))
        for label, name, colour, hatch in bands:
            shares = np.array([100 * errors.figures[name].value for _, errors in groups])
            heights = np.nan_to_num(shares)
            axes.bar(
                range(len(groups)),
                heights,
                bottom=below,
                color=colour,
                label=label,
                hatch=hatch,
                edgecolor=INK,
                width=0.7,
            )
            below += heights
        axes.set_xticks(range(len(groups)), [text for text, _ in groups])
        axes.grid(visible=False, axis="x")
        axes.set(ylim=(0, 100))
        _legend(axes)
    return drawn.svg


def training_history(epochs: Sequence[Epoch]) -> Markup:
    """Draw loss, validation error and learning rate by epoch, those that are known."""
    rows = {
        "loss": [epoch.loss for epoch in epochs],
        "validation MAE,\nmonths": [epoch.validation_mae_months for epoch in epochs],
        "learning rate": [epoch.learning_rate for epoch in epochs],
    }
    known = {label: values for label, values in rows.items() if any(value is not None for value in values)}
    with canvas(7.0, 1.2 + 1.5 * len(known)) as drawn:
        numbers = [epoch.epoch for epoch in epochs]
        for place, (label, values) in enumerate(known.items()):
            axes = drawn.figure.add_subplot(len(known), 1, place + 1)
            axes.plot(numbers, _with_gaps(values), color=BLUE, marker="o", markersize=3, linewidth=1.3)
            axes.set(ylabel=label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch")
    return drawn.svg


def stress_changes(table: StressTable) -> Markup:
    """Draw how much each variant changes the mean absolute error; filled where it is significant."""
    with canvas(7.0, 7.6) as drawn:
        axes = drawn.axes("change of the mean absolute error, months", "")
        axes.axvline(0, color=INK, linewidth=1)
        for place, row in enumerate(table.rows):
            is_proven = row.wilcoxon_p < 0.05  # noqa: PLR2004  the usual level
            _interval(axes, row.mae_change, place, colour=VERMILLION if is_proven else BLUE, is_filled=is_proven)
        axes.set_yticks(range(len(table.rows)), [f"{row.variant.kind} {row.variant.words}" for row in table.rows])
        axes.set_xscale("symlog", linthresh=_LINEAR_MONTHS)
        axes.set_xticks(
            _CHANGE_TICKS, [f"{months:+d}".replace("-", "−") if months else "0" for months in _CHANGE_TICKS]
        )
        axes.minorticks_off()
        known = [one for row in table.rows for one in (row.mae_change.low, row.mae_change.high) if math.isfinite(one)]
        ends = (
            min([1.2 * one for one in known] + [-_LINEAR_MONTHS]),
            max([1.2 * one for one in known] + [_LINEAR_MONTHS]),
        )
        axes.set(xlim=ends, ylim=(len(table.rows) - 0.5, -0.5))
    return drawn.svg


def differences(figures: Sequence[tuple[str, Figure]], unit: str) -> Markup:
    """Draw differences with their intervals, one line a model; filled where the interval leaves out 0."""
    return estimates(figures, unit, is_filled=[not figure.low <= 0 <= figure.high for _, figure in figures])


def estimates(figures: Sequence[tuple[str, Figure]], unit: str, is_filled: Sequence[bool] = ()) -> Markup:
    """Draw estimates with their intervals, one line a model, from 0."""
    with canvas(7.0, 0.9 + 0.32 * len(figures)) as drawn:
        axes = drawn.axes(unit, "")
        axes.axvline(0, color=INK, linewidth=1)
        for place, (_, figure) in enumerate(figures):
            _interval(axes, figure, place, colour=BLUE, is_filled=is_filled[place] if is_filled else True)
        axes.set_yticks(range(len(figures)), [label for label, _ in figures])
        axes.set_ylim(len(figures) - 0.5, -0.5)
    return drawn.svg


def _legend(axes: Axes) -> None:
    """Put the legend above the plot, where no point lies under it, with marks large enough to be told apart."""
    legend = axes.legend(bbox_to_anchor=(0, 1.01), ncols=4, columnspacing=1.4, handletextpad=0.5)
    for mark in legend.get_lines():
        mark.set_alpha(1)
        mark.set_markersize(5)


def _interval(axes: Axes, figure: Figure, place: float, *, colour: str, is_filled: bool) -> None:
    if not math.isfinite(figure.low):
        return
    axes.plot([figure.low, figure.high], [place, place], color=colour, linewidth=1.6)
    face = colour if is_filled else "none"
    axes.plot(figure.value, place, "s" if is_filled else "o", color=colour, markerfacecolor=face, markersize=5)


def points(axes: Axes, predictions: Predictions, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> None:
    """Draw a mark for each radiograph, girls' and boys' apart; of many, smaller and fainter ones.

    Parameters
    ----------
    axes
        Drawn on.
    predictions
        Of the radiographs, for their sex.
    x, y
        Where, (n,).
    """
    is_many = len(x) > _FEW
    for label, is_male, colour, marker in _SEXES:
        chosen = predictions.is_male == is_male
        axes.plot(
            x[chosen],
            y[chosen],
            marker,
            color=colour,
            markersize=2.6 if is_many else 4,
            alpha=0.45 if is_many else 0.7,
            markeredgewidth=0,
            label=label,
        )


def _bars(figures: Sequence[Figure]) -> npt.NDArray[np.float64]:
    return np.nan_to_num([[one.value - one.low for one in figures], [one.high - one.value for one in figures]])


def _with_gaps(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]
