"""Bone age to developmental stage, and how likely each stage is.

Before it: an engine of ``worker.engines`` estimated the bone age, or the stage itself. After it: ``worker.record``
stores both.
"""

from math import isnan

import numpy as np

from db.vocabulary import Sex, Stage
from worker.calibration import Calibration, ResidualGroup, group_of
from worker.estimate import Estimate, StageProbabilities

# The stages of the published systems that Carpus reproduces: child under 10 years, adult from 18 years of bone age.
ADOLESCENT_FROM_MONTHS = 120
ADULT_FROM_MONTHS = 216
_EDGES_MONTHS = (ADOLESCENT_FROM_MONTHS, ADULT_FROM_MONTHS)

STAGES = (Stage.CHILD, Stage.ADOLESCENT, Stage.ADULT)  # in the order of their probabilities


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
        Its bone age, or the probabilities of a network that answers stages.

    Returns
    -------
    Stage or None
        That of the bone age; where there is none, the one that both sexes' estimates give, else None. Of a network that
        answers stages the likeliest, and where the sex is needed and unknown, only if it is the same under both.
    """
    if estimated.bone_age_months is not None:
        return stage(estimated.bone_age_months)
    if estimated.if_female_months is not None and estimated.if_male_months is not None:
        found = {stage(estimated.if_female_months), stage(estimated.if_male_months)}
    else:
        found = {probabilities.likeliest for probabilities in estimated.stage_probabilities}
    return found.pop() if len(found) == 1 else None


def stage_probabilities(bone_age_months: float, residuals: ResidualGroup) -> StageProbabilities:
    """Return how likely each stage is, by how far such predictions were off on calibration cases.

    Parameters
    ----------
    bone_age_months
        The prediction.
    residuals
        Of the band that holds it. Between two of their quantiles the probability rises evenly; none is expected beyond
        the smallest and the largest.

    Returns
    -------
    StageProbabilities
        Of the reference, that is the prediction plus its residual. The likeliest may be another stage than that of the
        prediction near a stage's edge, where the residuals lean to one side.
    """
    quantiles = residuals.residual_quantiles_months
    levels = np.linspace(0, 1, len(quantiles))
    below = [float(np.interp(edge - bone_age_months, quantiles, levels)) for edge in _EDGES_MONTHS]
    return StageProbabilities(below[0], below[1] - below[0], 1 - below[1])


def probabilities_of(estimated: Estimate, calibration: Calibration | None, sex: Sex) -> StageProbabilities | None:
    """Return how likely each stage of a radiograph is.

    Parameters
    ----------
    estimated
        Its bone age, or the probabilities of a network that answers stages.
    calibration
        Of the model, if it has one.
    sex
        Of the patient.

    Returns
    -------
    StageProbabilities or None
        None without a calibration, and where the network needs the sex and it is unknown, for one set of probabilities
        would weigh the sexes.
    """
    if estimated.bone_age_months is not None:
        if calibration is None:
            return None
        return stage_probabilities(
            estimated.bone_age_months, group_of(calibration.groups, estimated.bone_age_months, sex)
        )
    return estimated.stage_probabilities[0] if len(estimated.stage_probabilities) == 1 else None
