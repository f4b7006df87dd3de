"""Bone age to developmental stage.

Before it: an engine of ``worker.engines`` estimated the bone age. After it: ``worker.record`` stores both.
"""

from math import isnan

from db.vocabulary import Stage
from worker.estimate import Estimate

# The stages of the published systems that Carpus reproduces: child under 10 years, adult from 18 years of bone age.
ADOLESCENT_FROM_MONTHS = 120
ADULT_FROM_MONTHS = 216


def stage(bone_age_months: float) -> Stage:
    """Return the stage of a bone age.

    Parameters
    ----------
    bone_age_months
        In months; not NaN.

    Returns
    -------
    Stage
        Child below 120 months, adult from 216 months, adolescent between.

    Raises
    ------
    ValueError
        When the bone age is NaN.
    """
    if isnan(bone_age_months):
        raise ValueError("bone_age_months is NaN, which has no stage")
    if bone_age_months < ADOLESCENT_FROM_MONTHS:
        return Stage.CHILD
    return Stage.ADOLESCENT if bone_age_months < ADULT_FROM_MONTHS else Stage.ADULT


def stage_of(estimated: Estimate) -> Stage | None:
    """Return the stage of a radiograph.

    Parameters
    ----------
    estimated
        Its bone age.

    Returns
    -------
    Stage or None
        That of the bone age; where there is none, the one that both sexes' estimates give, else None.
    """
    if estimated.bone_age_months is not None:
        return stage(estimated.bone_age_months)
    if estimated.if_female_months is None or estimated.if_male_months is None:
        return None
    if_female = stage(estimated.if_female_months)
    return if_female if if_female is stage(estimated.if_male_months) else None
