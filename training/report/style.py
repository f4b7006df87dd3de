"""How plots look: colours that all readers can tell apart, and SVG that takes the page's light or dark colours.

Before it: `training.report.plots` draws. After it: the page holds the SVG itself, without a file beside it.

References
----------
Okabe and Ito, Color Universal Design, 2008: eight colours that are told apart with any kind of colour vision.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Of Okabe and Ito; the page gives each a lighter tone on a dark ground, by the name beside it.
BLUE, VERMILLION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
INK = "#010203"  # becomes the colour of the page's text

_ON_THE_PAGE = {
    INK: "currentColor",
    BLUE: f"var(--blue, {BLUE})",
    VERMILLION: f"var(--vermillion, {VERMILLION})",
    GREEN: f"var(--green, {GREEN})",
    ORANGE: f"var(--orange, {ORANGE})",
}
_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "font.size": 9,
    "grid.alpha": 0.15,
    "grid.color": INK,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "legend.loc": "lower left",
    "legend.borderaxespad": 0.2,
    "svg.fonttype": "path",
    "svg.hashsalt": "carpus",  # the same figures give the same page
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


class Canvas:
    """A figure in the making, and the SVG that becomes of it."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.svg = Markup("")

    def axes(self, x: str, y: str) -> Axes:
        """Add one pair of axes with their labels, units included."""
        axes = self.figure.add_subplot()
        axes.set(xlabel=x, ylabel=y)
        return axes


@contextmanager
def canvas(width: float = 7.0, height: float = 4.0) -> Iterator[Canvas]:
    """Give a figure to draw in; at the end of ``with`` its SVG is there. Matplotlib keeps no figure and no style.

    Parameters
    ----------
    width, height
        Inches; the page shrinks what is too wide.
    """
    with mpl.rc_context(_STYLE):
        made = Canvas(Figure((width, height), layout="constrained"))
        FigureCanvasSVG(made.figure)
        yield made
        made.svg = _inline(made.figure)


def _inline(figure: Figure) -> Markup:
    written = StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = written.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # these would be there once for every plot of the page
    svg = re.sub(r'\b([xy])="(-?\d+\.\d{2})\d+"', r'\1="\2"', svg)
    svg = re.sub(r"<g([^>]*)>\s*((?:<use [^>]*/>\s*){2,})</g>", _with_one_style, svg)
    for colour, on_the_page in _ON_THE_PAGE.items():
        svg = svg.replace(colour, on_the_page)
    return Markup(svg)  # noqa: S704  written by Matplotlib, which escapes the texts in it


def _with_one_style(group: re.Match[str]) -> str:
    """Say once for all of a plot's points what each of them says."""
    attributes, uses = group.groups()
    styles = set(re.findall(r' style="[^"]*"', uses))
    if len(styles) != 1 or "style" in attributes:
        return group[0]
    (style,) = styles
    points = re.sub(r">\s+<", "><", uses.replace(style, ""))
    return f"<g{attributes}{style}>{points}</g>"
