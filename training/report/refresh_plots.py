"""The plots of a refresh, each as SVG for the page.

Before it: `training.report.refresh`. After it: its page. Girls and boys differ by marker as well as by colour, and so
do criteria that are met and those that are not.
"""

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from training.criteria import Criterion, Unit
from training.gate import SINCE_CHOSEN
from training.pairs import Pair
from training.report import plots
from training.report.style import GREEN, INK, VERMILLION, canvas

_LABELS = {
    "mae": "MAE",
    "sex_gap": "gap between girls and boys",
    "base_mae": "MAE on the base set",
    "interval_coverage": "coverage of the 90% intervals",
}
_PANELS = (
    (Unit.MONTHS, 1, "candidate less active, months (to the right: worse)"),
    (Unit.SHARE, 100, "candidate less what is asked, percentage points (to the left: worse)"),
)
_SMALLEST_HALF_MONTHS = 5.0


def forest(criteria: Sequence[Criterion]) -> Markup:
    """Draw each criterion's difference with its one-sided bound, beside the limit that it is held against.

    Parameters
    ----------
    criteria
        One or more.
    """
    panels = [(unit, scale, words) for unit, scale, words in _PANELS if any(one.unit is unit for one in criteria)]
    heights = [sum(one.unit is unit for one in criteria) for unit, _, _ in panels]
    with canvas(7.0, 0.5 + 0.36 * sum(heights) + 0.6 * len(panels)) as drawn:
        grid = drawn.figure.add_gridspec(len(panels), 1, height_ratios=[one + 0.6 for one in heights])
        for place, (unit, scale, words) in enumerate(panels):
            axes = drawn.figure.add_subplot(grid[place])
            axes.set(xlabel=words)
            axes.axvline(0, color=INK, linewidth=1)
            shown = [one for one in criteria if one.unit is unit]
            for line, one in enumerate(shown):
                _judged(axes, one, line, scale)
            axes.set_yticks(range(len(shown)), [_label(one) for one in shown])
            axes.set_ylim(len(shown) - 0.4, -0.6)
        _key(drawn.figure.axes[0])
    return drawn.svg


def error_against_error(pair: Pair) -> Markup:
    """Draw the candidate's error of each radiograph against the active version's; shaded: the candidate is nearer.

    Parameters
    ----------
    pair
        Both with a bone age for every radiograph.
    """
    active, candidate = (one.predictions.predicted_months - pair.reference_months for one in pair)
    half = 1.05 * max(_SMALLEST_HALF_MONTHS, np.abs([active, candidate]).max(initial=0.0))
    with canvas(5.6, 5.4) as drawn:
        axes = drawn.axes("active version's error, months", "candidate's error, months")
        ends = np.array([-half, 0.0, half])
        axes.fill_between(ends, -np.abs(ends), np.abs(ends), color=INK, alpha=0.07, linewidth=0)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle="--", label="the same error")
        plots.points(axes, pair.active.predictions, active, candidate)
        axes.set(aspect="equal", xlim=(-half, half), ylim=(-half, half))
        legend = axes.legend(bbox_to_anchor=(0, 1.01), ncols=3)
        for mark in legend.get_lines():
            mark.set_alpha(1)
            mark.set_markersize(5)
    return drawn.svg


def _judged(axes: Axes, one: Criterion, line: int, scale: float) -> None:
    limit, value, bound = (scale * figure for figure in (one.limit, one.difference.value, one.difference.bound))
    axes.plot([limit, limit], [line - 0.32, line + 0.32], color=INK, linewidth=2.2)
    if not math.isfinite(bound):
        return
    colour, marker = (GREEN, "o") if one.is_met else (VERMILLION, "X")
    axes.plot([value, bound], [line, line], color=colour, linewidth=1.8)
    axes.plot(bound, line, "|", color=colour, markersize=9, markeredgewidth=1.8)
    axes.plot(value, line, marker, color=colour, markersize=6)


def _key(axes: Axes) -> None:
    """Explain the marks above the plot, drawn where no data are."""
    for label, colour, marker in (("met", GREEN, "o"), ("not met", VERMILLION, "X")):
        axes.plot([], [], marker, color=colour, markersize=6, label=label)
    axes.plot([], [], "|", color=INK, markersize=10, markeredgewidth=2.2, label="what is allowed")
    axes.legend(bbox_to_anchor=(0, 1.01), ncols=3)


def _label(one: Criterion) -> str:
    name = one.name.removesuffix(SINCE_CHOSEN)
    since = ", since a person chose" if name != one.name else ""
    if name in _LABELS:
        return _LABELS[name] + since
    _, low, _, high, _ = name.split("_")
    return f"MAE, {low} to {high} months of bone age{since}"
