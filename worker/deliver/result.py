"""What is said of a result, in words that the report and the picture share, and what is withheld.

Before it: the row in ``result``. After it: :mod:`report` and :mod:`picture`. Where a person must look first, no number
leaves: neither the bone age nor what follows from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple, Self

from db.vocabulary import AgeSource, Stage

VERIFICATION = "Made by a machine and verified by nobody."
# True of a sex without a line, too, whose bone ages stay as they are.
CORRECTED = "bone ages and intervals corrected by reads of this site, by sex, where that helps"
_MONTHS_A_YEAR = 12


class Line(NamedTuple):
    """One thing that is said, and what it is."""

    label: str
    words: str


@dataclass(frozen=True)
class Result:
    """A row of the view ``result``, as far as it is told."""

    radiograph_id: int
    patient_sex: str
    chronological_age_months: float | None
    chronological_age_source: str | None
    chronological_age_span_months: float | None
    bone_age_months: float | None
    bone_age_low_months: float | None
    bone_age_high_months: float | None
    interval_caveat: str | None
    bone_age_sds: float | None
    bone_age_low_sds: float | None
    bone_age_high_sds: float | None
    maturity: str | None
    probability_delayed: float | None
    probability_normal: float | None
    probability_advanced: float | None
    sds_unknown_because: str | None
    review_reasons: list[str]
    notes: list[str]
    stage: str | None
    stage_probability_child: float | None
    stage_probability_adolescent: float | None
    stage_probability_adult: float | None
    sex_used: str | None
    bone_age_if_female_months: float | None
    bone_age_if_male_months: float | None
    heat_map: list[list[float]]
    heat_map_peak_months: float
    model_name: str
    model_version: str
    model_sha256: str
    model_intended_use: str | None
    model_limitations: str | None
    model_preprocessing: dict[str, Any]
    is_site_calibrated: bool
    assessed_at: datetime

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Self:
        """Take from a row of the view what is told."""
        return cls(**{field.name: row[field.name] for field in fields(cls)})

    @property
    def needs_review(self) -> bool:
        """Whether a person must look before the estimate is used."""
        return bool(self.review_reasons)

    @property
    def told_months(self) -> float | None:
        """The bone age that is told; None where there is none, or it is withheld."""
        return None if self.needs_review else self.bone_age_months

    @property
    def told_stage(self) -> str | None:
        """The stage that is told; None where there is none, or it is withheld."""
        return None if self.needs_review else self.stage

    @property
    def sex_takes_part(self) -> bool:
        """Whether the network's answer depends on the sex."""
        return self.bone_age_if_female_months != self.bone_age_if_male_months


def headline(result: Result) -> str:
    """Return the answer in a few words, or why there is none."""
    if result.needs_review:
        return "Needs review: the estimate is withheld"
    if result.bone_age_months is not None:
        return f"Bone age {in_both(result.bone_age_months)}"
    if result.bone_age_if_female_months is not None:
        return "No bone age: the sex is not known"
    return f"Stage by bone age: {result.stage}" if result.stage else "No stage: the sex is not known"


def lines(result: Result) -> list[Line]:
    """Return what is said below the headline, in order; what is withheld is not in it."""
    said = [Line("Why", reason) for reason in result.review_reasons]
    if not result.needs_review:
        said += [*_estimate(result), *_stage(result), *_beside_age(result)]
    said += [Line("Note", note) for note in result.notes]
    return said


def other_sex(result: Result) -> list[Line]:
    """Return the estimates that are no headline; for the picture alone, for whoever imports a report may take any."""
    if result.needs_review or not result.sex_takes_part:
        return []
    months = {"female": result.bone_age_if_female_months, "male": result.bone_age_if_male_months}
    used = {"F": "female", "M": "male"}.get(result.sex_used or "")
    return [Line(f"Estimate if {sex}", in_both(one)) for sex, one in months.items() if one is not None and sex != used]


def about_model(result: Result) -> list[Line]:
    """Return which model answered, what it is for, and what it does not know."""
    said = [Line("Model", f"{result.model_name} {result.model_version}, SHA-256 {result.model_sha256[:12]}")]
    said += [Line("Site", CORRECTED)] if result.is_site_calibrated else []
    for label, words in (("Intended use", result.model_intended_use), ("Limitations", result.model_limitations)):
        said += [Line(label, words)] if words else []
    return said


def in_words(months: float, *, is_short: bool = False) -> str:
    """Return an age as years and months: ``9 years 10 months``, or ``9 y 10 mo``.

    Parameters
    ----------
    months
        Of age, not negative.
    is_short
        Whether as short as can be understood.
    """
    years, rest = divmod(round(months), _MONTHS_A_YEAR)
    if is_short:
        return f"{years} y {rest} mo"
    return f"{years} year{'s' * (years != 1)} {rest} month{'s' * (rest != 1)}"


def in_both(months: float) -> str:
    """Return an age as years and months, and in months alone: ``9 years 10 months (118 months)``."""
    return f"{in_words(months)} ({months:.0f} months)"


def _estimate(result: Result) -> list[Line]:
    low, high = result.bone_age_low_months, result.bone_age_high_months
    if low is None or high is None:
        return [] if result.bone_age_months is None else [Line("90% interval", "none: the model is not calibrated")]
    words = f"{in_words(low, is_short=True)} to {in_words(high, is_short=True)} ({low:.0f} to {high:.0f} months)"
    return [Line("90% interval", ", ".join(filter(None, [words, result.interval_caveat])))]


def _stage(result: Result) -> list[Line]:
    if result.stage is None:
        return [Line("Stage", "none: another under either sex")]
    likely = {stage: getattr(result, f"stage_probability_{stage}") for stage in Stage}
    return [Line("Stage", f"{result.stage}{_shares(likely)}")]


def _beside_age(result: Result) -> list[Line]:
    if result.chronological_age_months is None:
        age = "not known"
    elif result.chronological_age_source == AgeSource.PATIENT_AGE:
        upper = result.chronological_age_months + (result.chronological_age_span_months or _MONTHS_A_YEAR)
        age = (
            f"{in_words(result.chronological_age_months, is_short=True)} to {in_words(upper, is_short=True)}, as stated"
        )
    else:
        age = in_both(result.chronological_age_months)
    said = [Line("Chronological age", age)]
    if result.bone_age_sds is None:
        return [*said, Line("Standard deviations", f"none: {result.sds_unknown_because or 'not reckoned'}")]
    score = f"{result.bone_age_sds:+.1f}"
    if result.bone_age_low_sds is not None:
        score += f" ({result.bone_age_low_sds:+.1f} to {result.bone_age_high_sds:+.1f})"
    said.append(Line("Standard deviations", f"{score}; Brush Foundation, unverified against the atlas"))
    if result.maturity is None:
        return said
    likely = {word: getattr(result, f"probability_{word}") for word in ("delayed", "normal", "advanced")}
    return [*said, Line("For that age", f"{result.maturity}{_shares(likely)}")]


def _shares(likely: Mapping[Any, float | None]) -> str:
    known = {word: share for word, share in likely.items() if share is not None}
    return f" ({', '.join(f'{word} {share:.0%}' for word, share in known.items())})" if known else ""
