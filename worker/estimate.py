"""What an engine's answer says of one radiograph: months, stages, or nothing, within what a bone age can be.

Before it: an engine predicted a batch. After it: ``worker.stage`` and ``worker.record``.
"""

from dataclasses import dataclass

import numpy as np

from db.errors import TransientError
from db.tables import MAX_BONE_AGE_MONTHS
from db.vocabulary import Sex, Stage
from worker.calibration import AgeInterval, Calibration, interval
from worker.card import Card
from worker.engines import Float32, Predictions
from worker.preprocess import encode_sex


class NoNumberError(TransientError):
    """The network's answer is not finite; it may be on another device, and the last attempt ends as ``FAILED``."""


@dataclass(frozen=True)
class StageProbabilities:
    """How likely each stage is, 0 to 1; they sum to 1."""

    child: float
    adolescent: float
    adult: float

    @property
    def likeliest(self) -> Stage:
        """The stage with the highest probability; of equal ones the youngest."""
        return max(
            (Stage.CHILD, self.child),
            (Stage.ADOLESCENT, self.adolescent),
            (Stage.ADULT, self.adult),
            key=lambda stage_and_probability: stage_and_probability[1],
        )[0]


@dataclass(frozen=True)
class Estimate:
    """What a network says of one radiograph.

    Attributes
    ----------
    bone_age_months
        0 to 300; None where the network needs the sex and it is unknown, or answers stages.
    if_female_months, if_male_months
        The same under either sex; None where the network answers stages.
    stage_probabilities
        Of a network that answers stages: one, or those under either sex where it needs the sex and it is unknown.
    """

    bone_age_months: float | None
    if_female_months: float | None
    if_male_months: float | None
    stage_probabilities: tuple[StageProbabilities, ...] = ()


def sex_inputs(card: Card, sex: Sex) -> Float32:
    """Return the sexes under which an engine is asked about one radiograph.

    The exported function gives the months under both sexes at once, but only one set of stage probabilities; so a
    network that answers stages is asked twice where it needs the sex and it is unknown.

    Parameters
    ----------
    card
        Of the model.
    sex
        Of the patient.

    Returns
    -------
    numpy.ndarray
        (n,) float32: 1 male, 0 female, NaN unknown; one, or female and male.
    """
    if card.answers == "stages" and card.takes_sex and not sex.is_known:
        return np.array([encode_sex(Sex.FEMALE), encode_sex(Sex.MALE)], np.float32)
    return np.array([encode_sex(sex)], np.float32)


def estimate(predictions: Predictions) -> Estimate:
    """Say what an engine's answer means for one radiograph.

    Parameters
    ----------
    predictions
        Of an engine, for one radiograph under each of `sex_inputs`; NaN stands for none. Not changed.

    Raises
    ------
    NoNumberError
        When there is something else than a number where there must be one.
    """
    probabilities, under_either = predictions.stage_probabilities, []
    if probabilities is None:
        under_either = [predictions.bone_age_if_female_months, predictions.bone_age_if_male_months]
    if not all(np.isfinite(answer).all() for answer in (probabilities, *under_either) if answer is not None):
        raise NoNumberError("the network's answer is no finite number; look at the model and at the device")
    return Estimate(
        _months(predictions.bone_age_months),
        _months(predictions.bone_age_if_female_months),
        _months(predictions.bone_age_if_male_months),
        _stage_probabilities(predictions.stage_probabilities),
    )


def interval_of(estimated: Estimate, calibration: Calibration | None, sex: Sex) -> AgeInterval | None:
    """Return the 90% interval of a radiograph's bone age; None where it has none, or the model is not calibrated.

    Parameters
    ----------
    estimated
        Its bone age.
    calibration
        Of the model, if it has one.
    sex
        Of the patient.
    """
    if estimated.bone_age_months is None or calibration is None:
        return None
    return interval(calibration, estimated.bone_age_months, sex)


def _months(months: Float32) -> float | None:
    first = float(months[0])
    return None if np.isnan(first) else float(np.clip(first, 0, MAX_BONE_AGE_MONTHS))


def _stage_probabilities(probabilities: Float32 | None) -> tuple[StageProbabilities, ...]:
    if probabilities is None:
        return ()
    return tuple(StageProbabilities(*(float(one) for one in row)) for row in np.clip(probabilities, 0, 1))
