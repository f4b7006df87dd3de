"""How far a bone age may be off: intervals from residuals on cases that training never saw.

Before it: `training.calibrate` wrote the constants into the card. After it: `worker.stage` and `worker.record`, and
whoever shows a bone age with its interval.

References
----------
Lei et al., Distribution-free predictive inference for regression, 2018, doi:10.1080/01621459.2017.1307116 (the
interval); Vovk, Conditional validity of inductive conformal predictors, 2013, doi:10.1007/s10994-013-5355-6 (by group).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from db.tables import MAX_BONE_AGE_MONTHS
from db.vocabulary import CalibratedOn, Sex

# The database's columns and every table call these 90% intervals, so a card can hold no others.
NOMINAL_COVERAGE = 0.9
# Must stand wherever an interval is shown that rests on drawn hands.
NOT_ON_RADIOGRAPHS = "not calibrated on radiographs"

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Months = Annotated[float, Field(ge=0, le=MAX_BONE_AGE_MONTHS)]
Residual = Annotated[float, Field(ge=-MAX_BONE_AGE_MONTHS, le=MAX_BONE_AGE_MONTHS)]
KnownSex = Literal["M", "F"]


class _CardPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ResidualGroup(_CardPart):
    """The residuals, reference less prediction, of one sex where the predicted bone age is within a band.

    Attributes
    ----------
    from_months, to_months
        Predicted bone ages from the first up to but not including the second; the last band includes its end.
    half_width_months
        The interval is the prediction plus and minus so much.
    residual_quantiles_months
        Quantiles of the residuals at even steps of probability, the smallest first and the largest last.
    """

    sex: KnownSex
    from_months: Months
    to_months: Months
    cases: Count
    half_width_months: Months
    residual_quantiles_months: Annotated[tuple[Residual, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if self.from_months >= self.to_months:
            raise ValueError(f"expected from_months below to_months, received {self.from_months} and {self.to_months}")
        if any(one > following for one, following in pairwise(self.residual_quantiles_months)):
            raise ValueError("residual_quantiles_months must not descend")
        return self


class Coverage(_CardPart):
    """The fraction of some test cases whose reference lay in the interval, with Wilson's 95% interval."""

    cases: Count
    covered: Fraction
    low: Fraction
    high: Fraction


class MeasuredCoverage(_CardPart):
    """Coverage on cases that were used for nothing else, named in words."""

    test: str
    overall: Coverage
    by_sex: dict[KnownSex, Coverage]


class Calibration(_CardPart):
    """Split-conformal intervals by sex and predicted age; part of a model's card.

    Attributes
    ----------
    calibrated_on
        Drawn hands or radiographs.
    data
        The calibration cases in words.
    cases
        How many these were.
    groups
        For each sex, bands that leave out no predicted bone age.
    """

    nominal_coverage: Annotated[float, Field(ge=NOMINAL_COVERAGE, le=NOMINAL_COVERAGE)] = NOMINAL_COVERAGE
    calibrated_on: CalibratedOn
    data: str
    cases: Count
    groups: tuple[ResidualGroup, ...]
    coverage: MeasuredCoverage

    @model_validator(mode="after")
    def _groups_leave_no_gap(self) -> Self:
        for sex in (Sex.FEMALE, Sex.MALE):
            bands = [(group.from_months, group.to_months) for group in self.groups if group.sex == sex]
            starts, ends = [0.0, *(end for _, end in bands)], [*(start for start, _ in bands), MAX_BONE_AGE_MONTHS]
            if starts != ends:
                raise ValueError(
                    f"groups of sex {sex.value}: expected bands that follow each other from 0 to "
                    f"{MAX_BONE_AGE_MONTHS} months, received {bands}"
                )
        return self

    @property
    def caveat(self) -> str | None:
        """What must be said beside an interval of this calibration, if anything."""
        return None if self.calibrated_on is CalibratedOn.RADIOGRAPHS else NOT_ON_RADIOGRAPHS


@dataclass(frozen=True)
class AgeInterval:
    """A 90% interval of a bone age in months, within 0 to 300, and what kind of cases it was measured on."""

    low_months: float
    high_months: float
    calibrated_on: CalibratedOn


def group_of(groups: Sequence[ResidualGroup], bone_age_months: float, sex: Sex) -> ResidualGroup:
    """Return the residuals to expect of a prediction.

    Parameters
    ----------
    groups
        Of the calibration of the model that made it.
    bone_age_months
        The prediction, 0 to 300.
    sex
        Of the patient, whether or not the network was told. Where it is unknown, the one sex's group with the wider
        interval stands for both; the girls' where they are equal.

    Returns
    -------
    ResidualGroup
        Of the band that holds the prediction.

    Raises
    ------
    ValueError
        When the prediction is NaN or outside 0 to 300 months.
    """
    if not 0 <= bone_age_months <= MAX_BONE_AGE_MONTHS:
        raise ValueError(f"expected a bone age of 0 to {MAX_BONE_AGE_MONTHS} months, received {bone_age_months}")
    sexes = (sex,) if sex.is_known else (Sex.FEMALE, Sex.MALE)
    found = [
        max((g for g in groups if g.sex == one and g.from_months <= bone_age_months), key=lambda g: g.from_months)
        for one in sexes
    ]
    return max(found, key=lambda g: g.half_width_months)


def bounds_months(groups: Sequence[ResidualGroup], bone_age_months: float, sex: Sex) -> tuple[float, float]:
    """Return the ends of a prediction's 90% interval, within 0 to 300 months; for the arguments see `group_of`."""
    half_width_months = group_of(groups, bone_age_months, sex).half_width_months
    return max(0.0, bone_age_months - half_width_months), min(
        float(MAX_BONE_AGE_MONTHS), bone_age_months + half_width_months
    )


def interval(calibration: Calibration, bone_age_months: float, sex: Sex) -> AgeInterval:
    """Return the 90% interval of a prediction.

    Parameters
    ----------
    calibration
        Of the model that made it.
    bone_age_months
        The prediction, 0 to 300. A network that takes sex makes one under either: each has its own interval, by the
        sex it was made under.
    sex
        Of the patient; where it is unknown, the wider interval of both sexes.

    Returns
    -------
    AgeInterval
        Holds the prediction.

    Raises
    ------
    ValueError
        When the prediction is NaN or outside 0 to 300 months.
    """
    low_months, high_months = bounds_months(calibration.groups, bone_age_months, sex)
    return AgeInterval(low_months, high_months, calibration.calibrated_on)
