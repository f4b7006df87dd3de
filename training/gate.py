"""The gate of a refresh: a candidate takes the active version's place only where bounds, and not estimates, allow it.

Before it: a candidate has learned from a site's reads, and both versions were asked about test reads that neither has
learned from. After it: `training.report.refresh` shows the judgement, and whoever asked for it acts on it.

References
----------
Piaggio et al., Reporting of noninferiority and equivalence randomized trials, 2012, doi:10.1001/jama.2012.87802.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from db.vocabulary import Sex
from training import criteria
from training.criteria import MIN_PATIENTS, Criterion, Unit
from training.pairs import Answers, Pair
from training.refreshing import RefreshRecipe

SINCE_CHOSEN = "_since_chosen"  # ends the names of what is asked beside the version that a person chose
_OF_EACH = ((Sex.FEMALE, "girls"), (Sex.MALE, "boys"))

__all__ = ["Answers", "Criterion", "Judgement", "Pair", "Verdict", "enough", "judge"]


class Verdict(StrEnum):
    """What comes of a candidate."""

    PROMOTED = "promoted"
    REFUSED = "refused"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True)
class Judgement:
    """A verdict and why.

    Attributes
    ----------
    reasons
        A sentence with numbers for each criterion that is not met or cannot be told, or for what data are missing.
    not_asked
        A sentence for each criterion that could not be asked for.
    """

    verdict: Verdict
    criteria: tuple[Criterion, ...] = ()
    reasons: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return all figures as what JSON can hold; what is not known is null."""
        return {
            "verdict": str(self.verdict),
            "reasons": list(self.reasons),
            "not_asked": list(self.not_asked),
            "criteria": [_row(one) for one in self.criteria],
        }


def enough(test_reads: Mapping[Sex, int], new_reads: int, rules: RefreshRecipe) -> Judgement | None:
    """Return what is missing before a candidate is worth making; None where nothing is.

    Parameters
    ----------
    test_reads
        Of the site, by which candidates are judged, of each sex.
    new_reads
        Of what is learned from, since the last candidate.
    rules
        How many are enough.
    """
    counts = [
        (sum(test_reads.values()), rules.min_test_reads, "test reads"),
        *((test_reads.get(sex, 0), MIN_PATIENTS, f"test reads of {words}") for sex, words in _OF_EACH),
        (new_reads, rules.min_new_reads, "new reads"),
    ]
    missing = tuple(f"{have:,} of {needed:,} {words}" for have, needed, words in counts if have < needed)
    return Judgement(Verdict.NOT_ENOUGH_DATA, reasons=missing) if missing else None


def judge(
    site: Pair, base: Pair | None, rules: RefreshRecipe, seed: int = 0, anchor: tuple[Pair, Pair | None] | None = None
) -> Judgement:
    """Judge a candidate: promoted where every criterion is met, refused where one is not.

    Parameters
    ----------
    site
        Both versions on the site's test reads.
    base
        Both on cases of the base set that the candidate has not learned from; None where there are none.
    rules
        The margins.
    seed
        Of the resampling.
    anchor
        The same with the version that a person chose last in the place of the active one, where that is another: what
        one refresh may lose, many must not lose together.

    Returns
    -------
    Judgement
        The same for the same answers. Not enough data where no criterion is missed, but one cannot be told.

    Raises
    ------
    ValueError
        If the active version gives no bone age for a radiograph.
    """
    pairs = {"of the site's test": site} | ({"of the base set": base} if base is not None else {})
    for where, pair in pairs.items():
        if not pair.active.predictions.has_bone_ages:
            raise ValueError(f"the active version gives no bone age for {_unanswered(pair.active)} {where}")
    unanswered = tuple(
        f"The candidate gives no bone age for {_unanswered(pair.candidate)} {where}."
        for where, pair in pairs.items()
        if not pair.candidate.predictions.has_bone_ages
    )
    if unanswered:
        return Judgement(Verdict.REFUSED, reasons=unanswered)
    since = [] if anchor is None else _since_chosen(_asked(*anchor, rules, seed))
    return _weighed([*_asked(site, base, rules, seed), *since], base)


def _since_chosen(asked: Sequence[Criterion]) -> list[Criterion]:
    """Return what each refresh has a margin for, asked of a candidate beside the version that a person chose."""
    beside = "beside the version last chosen by a person"
    return [
        replace(one, name=f"{one.name}{SINCE_CHOSEN}", subject=f"{one.subject}, {beside}")
        for one in asked
        if one.name != "mae"
    ]


def _asked(site: Pair, base: Pair | None, rules: RefreshRecipe, seed: int) -> list[Criterion]:
    gap_margin, mae_margin = rules.gap_margin_months, rules.mae_margin_months
    gap = criteria.larger(
        "sex_gap", "Gap between the mean absolute errors of girls and boys", criteria.gaps_of(site, seed), gap_margin
    )
    is_gap_smaller = gap.difference.bound < 0
    mae = criteria.larger(
        "mae",
        "Mean absolute error",
        criteria.errors_of(site, seed),
        mae_margin if is_gap_smaller else 0.0,
        f"not larger, or at most {mae_margin:.2f} months where the gap between girls and boys is smaller",
    )
    covered = criteria.coverage(site, rules, seed)
    found = [mae, gap, *([covered] if covered else []), *criteria.errors_by_age(site, rules, seed)]
    if base is not None:
        subject = "Mean absolute error on the base set"
        found.append(criteria.larger("base_mae", subject, criteria.errors_of(base, seed), rules.base_margin_months))
    return found


def _weighed(asked: Sequence[Criterion], base: Pair | None) -> Judgement:
    answers = {one.is_met for one in asked}
    verdict = Verdict.NOT_ENOUGH_DATA if None in answers else Verdict.PROMOTED
    not_asked = [] if base is not None else ["No base set guards what was learned before."]
    if all(one.unit is not Unit.SHARE for one in asked):
        not_asked.append("Neither version gives intervals.")
    reasons = tuple(_reason(one) for one in asked if not one.is_met)
    return Judgement(Verdict.REFUSED if False in answers else verdict, tuple(asked), reasons, tuple(not_asked))


def _reason(one: Criterion) -> str:
    if one.is_met is None:
        return f"{one.subject}: cannot be told of {one.patients:,} patients, expected {MIN_PATIENTS} or more."
    if math.isnan(one.candidate):
        return f"{one.subject}: the candidate gives none, the active version does."
    scale, digits, unit = (1, 2, "months") if one.unit is Unit.MONTHS else (100, 1, "%")
    active, candidate, bound, limit = (
        f"{scale * value:.{digits}f}"
        for value in (one.active, one.candidate, abs(one.difference.bound), abs(one.limit))
    )
    before = "" if math.isnan(one.active) else f", {active} {unit} of the active version"
    told = f"{bound} months more" if one.unit is Unit.MONTHS else f"{bound} percentage points fewer than asked"
    return (
        f"{one.subject}: {candidate} {unit} of the candidate{before}; with 95% confidence it may be {told}, "
        f"where {limit} is allowed."
    )


def _unanswered(answers: Answers) -> str:
    given = np.isfinite(answers.predictions.predicted_months)
    return f"{np.count_nonzero(~given):,} of {len(given):,} radiographs"


def _row(one: Criterion) -> dict[str, Any]:
    figures = {"active": one.active, "candidate": one.candidate, "difference": one.difference.value}
    figures |= {"bound": one.difference.bound, "limit": one.limit}
    return {
        "name": one.name,
        "words": one.words,
        "unit": str(one.unit),
        **{name: None if math.isnan(value) else value for name, value in figures.items()},
        "is_met": one.is_met,
        "radiographs": one.radiographs,
        "patients": one.patients,
    }
