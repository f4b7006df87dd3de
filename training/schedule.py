"""Learning rates and stops as functions of the history, so that a run that goes on does what it would have done.

Before it: `training.fitting` names them; each epoch adds to the history. After it: `training.loop` asks.
"""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from training.fitting import FitRecipe, ScheduleRecipe


def _from_json(value: object) -> object:
    return math.nan if value is None else value


Measured = Annotated[float, BeforeValidator(_from_json)]  # JSON knows no NaN


class EpochResult(BaseModel):
    """What came of one epoch.

    Attributes
    ----------
    epoch
        From 1.
    loss, validation_loss
        Means over the radiographs, in the unit of the recipe's target and balanced where the recipe balances; NaN of a
        run that broke.
    network
        Which of the recipe's networks, from 0.
    validation_mae_months
        Null for a network that gives no bone age.
    learning_rate
        At the end of the epoch.
    seconds, ms_per_step
        Of the steps, validation left out; the median step.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=True)

    network: int = 0
    epoch: int
    loss: Measured
    validation_loss: Measured
    validation_mae_months: float | None
    learning_rate: float
    seconds: float
    ms_per_step: float


def learning_rate(fit: FitRecipe, history: Sequence[EpochResult], progress: float) -> float:
    """Return the learning rate.

    Parameters
    ----------
    fit
        With its optimiser's rate and its schedule.
    history
        Of the epochs before this one.
    progress
        How much of this epoch is done, 0 to 1.

    Returns
    -------
    float
        From 0 up to the optimiser's.
    """
    done, schedule, rate = len(history) + progress, fit.schedule, fit.optimizer.learning_rate
    if done < schedule.warm_up_epochs:
        return rate * done / schedule.warm_up_epochs
    if schedule.name == "cosine":
        left = fit.epochs - schedule.warm_up_epochs
        part = min(1.0, (done - schedule.warm_up_epochs) / left) if left > 0 else 1.0
        return rate * (1 + math.cos(math.pi * part)) / 2
    return rate * _plateau_factor(schedule, [one.validation_loss for one in history])


def should_stop(fit: FitRecipe, history: Sequence[EpochResult]) -> bool:
    """Return whether a run is over.

    Parameters
    ----------
    fit
        With its epochs and its rule for stopping.
    history
        Of all epochs so far.
    """
    losses, rule = [one.validation_loss for one in history], fit.stopping
    if len(losses) >= fit.epochs:
        return True
    if rule.minutes is not None and sum(one.seconds for one in history) >= rule.minutes * 60:
        return True
    if rule.patience_epochs is not None and losses and len(losses) - 1 - best(losses) >= rule.patience_epochs:
        return True
    if rule.held_loss is None or rule.held_epochs is None:
        return False
    held = losses[-rule.held_epochs :]
    return len(held) == rule.held_epochs and all(loss <= rule.held_loss for loss in held)


def best(losses: Sequence[float]) -> int:
    """Return the index of the least loss, the first of equals; one that is not a number is never the least.

    Parameters
    ----------
    losses
        One or more.
    """
    return min(range(len(losses)), key=lambda index: (math.isnan(losses[index]), losses[index]))


def _plateau_factor(schedule: ScheduleRecipe, losses: Sequence[float]) -> float:
    if schedule.factor is None or schedule.patience_epochs is None:
        return 1.0
    factor, least, waited = 1.0, math.inf, 0
    for loss in losses:
        least, waited = (loss, 0) if loss < least else (least, waited + 1)
        if waited == schedule.patience_epochs:
            factor, waited = factor * schedule.factor, 0
    return factor
