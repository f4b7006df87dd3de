"""``python -m tests.bench.region_picture FILE.svg``: who comes when, and how p95 falls with the number of workers."""

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.bench.region import ASSUMED, BY_HOUR, SCENARIOS, Numbers, arrivals, one_day

BLUE, ORANGE, GREY = "#1f5f8b", "#d9822b", "#888888"
MOST_WORKERS = 10
_STYLE = {"font.size": 9, "svg.hashsalt": "region", "axes.spines.top": False, "axes.spines.right": False}


def draw(path: Path) -> None:
    """Write the picture, the same each time."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
        _draw_arrivals(left)
        _draw_p95(right)
        figure.savefig(path, metadata={"Date": None})


def _draw_arrivals(axes: Axes) -> None:
    _, _, _, backlog, *_ = SCENARIOS
    sent, _ = arrivals(backlog, 1, np.random.default_rng(0))
    hours = np.arange(len(BY_HOUR))
    usual, late = (np.histogram(part, 24, (0, 86_400))[0] for part in (sent[:-2_000], sent[-2_000:]))
    axes.bar(hours, usual, 0.8, align="edge", color=BLUE, label="usual")
    axes.bar(hours, late, 0.8, bottom=usual, align="edge", color=ORANGE, label="one hospital's backlog")
    axes.set(xlabel="hour of a Monday", ylabel="radiographs sent", xticks=range(0, 25, 6), xlim=(0, 24))
    axes.legend(frameon=False)


def _draw_p95(axes: Axes) -> None:
    monday, _, _, backlog, views, ten = SCENARIOS
    lines = (
        (replace(monday, receive_seconds=backlog.receive_seconds), Numbers(1, 2, 1), BLUE, "a Monday"),
        (backlog, Numbers(1, 2, 1), ORANGE, "one sends 2,000 at nine"),
        (views, Numbers(1, 2, 1), "#a23b3b", "the same, over ten views"),
        (ten, Numbers(4, 6, 1), "#3a7d44", "ten send 2,000 each"),
    )
    workers = range(1, MOST_WORKERS + 1)
    for scenario, numbers, colour, label in lines:
        p95 = [one_day(scenario, numbers._replace(assess=n), ASSUMED, 0, is_gpu=False).p95 for n in workers]
        axes.plot(workers, p95, "o-", color=colour, markersize=3.5, label=label)
    axes.axhline(60, color=GREY, linewidth=1, linestyle="--")
    axes.text(MOST_WORKERS, 63, "one minute", color=GREY, ha="right", va="bottom")
    axes.set(xlabel="assess workers on a processor", ylabel="p95 of the whole way, s", yscale="log", xticks=workers)
    axes.set_yticks([1, 10, 60, 600], ["1", "10", "60", "600"])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=8, loc="upper right", bbox_to_anchor=(1.0, 1.02))


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
