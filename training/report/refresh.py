"""The page of a refresh: whether the candidate takes the active version's place, and by what; one self-contained file.

Before it: `training.gate`. After it: a browser, or a printer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from training.analysis import Errors, Figure
from training.gate import Judgement
from training.pairs import Answers, Pair
from training.report import refresh_plots
from training.report.page import environment
from training.report.refresh_text import cells

_FIGURES = ("mae", "mean_error", "within_12")
_VERSIONS = ("active", "candidate")


@dataclass(frozen=True)
class Page:
    """What stands on the page.

    Attributes
    ----------
    title
        Such as ``Refresh: starter 0.1.1 → candidate 0.1.2``.
    counts
        What the refresh had, in words: such as ``new reads`` and ``140``.
    facts
        What else is to be known, such as the digests of both versions and when it was run.
    site, base
        Both versions on the site's test reads and on the base set; None where no candidate was made.
    """

    title: str
    judgement: Judgement
    counts: Mapping[str, str]
    facts: Mapping[str, str] = field(default_factory=dict)
    site: Pair | None = None
    base: Pair | None = None


@dataclass(frozen=True)
class Row:
    """The figures of one version on the radiographs of one sex, or of both."""

    group: str
    version: str
    errors: Errors
    covered: Figure | None


def write(page: Page, path: Path) -> None:
    """Write the page.

    Parameters
    ----------
    page
        What stands on it.
    path
        The .html file.
    """
    path.write_text(html(page), encoding="utf-8")


def html(page: Page) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    page
        What stands on it.
    """
    pairs = {"The site's test reads": page.site, "The base set": page.base}
    asked = [(words, pair) for words, pair in pairs.items() if pair is not None]
    return (
        environment()
        .get_template("refresh.html")
        .render(
            title=page.title,
            page=page,
            rows=[(one, cells(one)) for one in page.judgement.criteria],
            figures=_FIGURES,
            sets=[_of_set(words, pair) for words, pair in asked],
            forest=refresh_plots.forest(page.judgement.criteria) if page.judgement.criteria else None,
        )
    )


def figures_by_sex(pair: Pair) -> list[Row]:
    """Return the figures of both versions of girls, of boys and of all, the active version's first.

    Parameters
    ----------
    pair
        Both on the same radiographs.
    """
    everyone = np.ones_like(pair.is_male)
    groups = (("girls", ~pair.is_male, 1), ("boys", pair.is_male, 2), ("all", everyone, 0))
    return [
        Row(group, version, Errors(answers.predictions, seed), _covered(answers))
        for group, is_in, seed in groups
        for version, answers in zip(_VERSIONS, pair.where(is_in), strict=True)
    ]


def _of_set(words: str, pair: Pair) -> dict[str, Any]:
    plot: Markup | None = None
    if all(answers.predictions.has_bone_ages for answers in pair):
        plot = refresh_plots.error_against_error(pair)
    rows = figures_by_sex(pair)
    return {"words": words, "rows": rows, "has_intervals": any(row.covered for row in rows), "plot": plot}


def _covered(answers: Answers) -> Figure | None:
    if answers.is_covered is None:
        return None
    return Figure.of_share(answers.is_covered, answers.predictions.patients)
