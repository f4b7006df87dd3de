"""The demonstration's table: what the view `result` holds of the radiographs that were sent, and how far off it is."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import fmean, median

from rich.table import Column, Table
from rich.text import Text

from carpus import listing
from carpus.followed import Followed

_COLUMNS = {
    "sex": "patient_sex",
    "bone age": "bone_age_months",
    "if F": "bone_age_if_female_months",
    "if M": "bone_age_if_male_months",
    "stage": "stage",
    "reference": "reference_bone_age_months",
    "error": "error_months",
}
_WORDS = frozenset({"sex", "stage"})
NARROWEST_TABLE = 80  # characters: with less, the numbers no longer fit


def table(followed: Sequence[Followed], width: int) -> Table:
    """Lay out one row for each radiograph, ages and errors in months.

    Parameters
    ----------
    followed
        The radiographs.
    width
        Of the terminal, in characters.
    """
    columns = [Column("radiograph", overflow="fold")]
    columns += [Column(title, justify="left" if title in _WORDS else "right", overflow="fold") for title in _COLUMNS]
    laid_out = listing.table(columns, [_row(one) for one in followed], width, NARROWEST_TABLE)
    laid_out.title = "view `result`, ages in months"
    laid_out.caption = _on_intervals([one for one in followed if one.is_completed])
    return laid_out


def _on_intervals(completed: Sequence[Followed]) -> str | None:
    if not any(one.interval_months for one in completed):
        return None
    caveats = sorted({one.interval_caveat for one in completed if one.interval_caveat})
    return ", ".join(["below a bone age: its 90% interval", *caveats])


def _row(one: Followed) -> list[Text]:
    """Return a radiograph's row; where it has no result, its state stands in place of the bone age."""
    if one.is_completed:
        cells = [_cell(one.columns[column]) for column in _COLUMNS.values()]
        if one.interval_months:
            cells[list(_COLUMNS).index("bone age")] += "\n{}–{}".format(*one.interval_months)
    else:
        cells = ["–", one.columns["state"]]
    return [Text(cell) for cell in (Path(one.name).name, *cells)]


def reasons(followed: Sequence[Followed]) -> list[str]:
    """Say of each radiograph without a result why it has none, and of others why a person must look first."""
    return [
        f"{one.name}: needs review: {', '.join(one.review_reasons)}"
        if one.is_completed
        else f"{one.name}: {one.columns['state']}: {one.columns['state_reason']}"
        for one in followed
        if one.review_reasons or not one.is_completed
    ]


def accuracy(followed: Sequence[Followed]) -> str | None:
    """Say the mean absolute error as what it is, or None where no bone age was known.

    Parameters
    ----------
    followed
        The radiographs.

    Returns
    -------
    str or None
        A sentence that compares it with the best constant, the references' median.
    """
    judged = [one for one in followed if one.error_months is not None]
    if not judged:
        return None
    mae_months = fmean(abs(one.error_months or 0.0) for one in judged)
    references_months = [float(one.columns["reference_bone_age_months"]) for one in judged]
    median_months = median(references_months)
    constants_mae_months = fmean(abs(reference - median_months) for reference in references_months)
    verdict = "better" if mae_months < constants_mae_months else "no better"
    return (
        f"Mean absolute error {mae_months:.1f} months on {len(judged)} radiographs; the best constant answer "
        f"({median_months:.0f} months for all) gives {constants_mae_months:.1f}: the model is {verdict} than that."
    )


def known_before(followed: Sequence[Followed], since: datetime) -> str | None:
    """Say how many had been sent before, for the same bytes sent again change nothing; None where there were none.

    Parameters
    ----------
    followed
        The radiographs.
    since
        When this run began.
    """
    known = sum(one.columns["ended_at"] < since for one in followed)
    if not known:
        return None
    return (
        f"{known} of {len(followed)} had been sent before: the same bytes sent again change nothing, and their results "
        "are those of then. Remove the folder below to begin anew."
    )


def models(followed: Sequence[Followed]) -> list[str]:
    """Name the models that gave the results, and what they are for."""
    return sorted(
        {
            f"Model {one.columns['model_name']} {one.columns['model_version']}: {one.columns['model_intended_use']}"
            for one in followed
            if one.is_completed
        }
    )


def _cell(value: float | str | None) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:.1f}"
