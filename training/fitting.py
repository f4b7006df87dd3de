"""How a network is fitted, as a recipe says it: loss, optimiser, learning rate and when to stop.

Before it: `training.recipe`. After it: `training.schedule` works out rates and stops, `training.losses` the loss.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]


class RecipePart(BaseModel):
    """A table of a recipe: with its keys and no others, and never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class OptimizerRecipe(RecipePart):
    """Which optimiser.

    Attributes
    ----------
    weight_decay
        Of AdamW only.
    clip_norm
        Largest norm of the gradient of each weight; null for any.
    """

    name: Literal["adam", "adamw"]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Fraction = 0.0
    clip_norm: Positive | None = None

    @model_validator(mode="after")
    def _adam_decays_nothing(self) -> Self:
        if self.name == "adam" and self.weight_decay:
            raise ValueError("weight_decay: expected none with adam; take adamw")
        return self


class ScheduleRecipe(RecipePart):
    """How the learning rate changes.

    Attributes
    ----------
    name
        ``constant``; ``cosine``, down to nothing at the end of the last epoch; or ``plateau``, multiplied by `factor`
        whenever the validation loss has not become less for `patience_epochs`.
    warm_up_epochs
        In which it rises from nothing, in a line.
    factor, patience_epochs
        Of ``plateau`` only.
    """

    name: Literal["constant", "cosine", "plateau"] = "constant"
    warm_up_epochs: Annotated[float, Field(ge=0)] = 0.0
    factor: Annotated[float, Field(gt=0, lt=1)] | None = None
    patience_epochs: PositiveInt | None = None

    @model_validator(mode="after")
    def _a_plateau_says_when_and_how(self) -> Self:
        is_plateau = self.name == "plateau"
        if any((value is not None) != is_plateau for value in (self.factor, self.patience_epochs)):
            raise ValueError("factor and patience_epochs: expected both with plateau, and neither with another")
        return self


class StoppingRecipe(RecipePart):
    """When to stop before the last epoch, by the validation loss.

    Attributes
    ----------
    patience_epochs
        After so many epochs in which it has not become less; null for never.
    held_loss, held_epochs
        After so many epochs in a row in which it was at most this; null for never.
    minutes
        After the epoch in which the steps have taken so long altogether; null for never.
    """

    patience_epochs: PositiveInt | None = None
    held_loss: Positive | None = None
    held_epochs: PositiveInt | None = None
    minutes: Positive | None = None

    @model_validator(mode="after")
    def _a_threshold_is_held(self) -> Self:
        if (self.held_loss is None) != (self.held_epochs is None):
            raise ValueError("held_loss and held_epochs: expected both or neither")
        return self


class Phase(RecipePart):
    """Some epochs at one size: rows and columns of the network input divided by `shrink`.

    A fully convolutional backbone learns most of what a large picture teaches from a small one, sooner.
    """

    epochs: Annotated[int, Field(ge=1, le=4000)]
    shrink: Annotated[int, Field(ge=1, le=8)] = 1


class FitRecipe(RecipePart):
    """How the network is fitted.

    Attributes
    ----------
    loss
        Mean absolute or squared error, squared error of the logarithms of 1 + months (``msle``), ``huber`` (squared up
        to `huber_delta`, absolute beyond), in the unit of the target; or ``cross_entropy`` of the stages.
    weights_kept
        ``last``, or ``best``: of the epoch with the least validation loss.
    class_balancing
        ``none``; ``sampling``, so that each stage is shown as often as each other; or ``weights``, so that it counts as
        much in the loss.
    mixed_precision
        Whether one GPU, or a processor that has bfloat16, computes in half precision; the weights stay single.
    """

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    batch_size: PositiveInt
    loss: Literal["mse", "mae", "msle", "huber", "cross_entropy"]
    huber_delta: Positive | None = None
    optimizer: OptimizerRecipe
    schedule: ScheduleRecipe = ScheduleRecipe()
    stopping: StoppingRecipe = StoppingRecipe()
    weights_kept: Literal["last", "best"] = "last"
    class_balancing: Literal["none", "sampling", "weights"] = "none"
    mixed_precision: bool = False
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _huber_has_a_delta(self) -> Self:
        if (self.huber_delta is not None) != (self.loss == "huber"):
            raise ValueError("huber_delta: expected with the loss huber, in the unit of the target, and only with it")
        if self.weights_kept == "best" and len({phase.shrink for phase in self.phases}) > 1:
            raise ValueError("weights_kept: expected last where phases differ in size, for so do their losses")
        return self

    @property
    def epochs(self) -> int:
        """Number of epochs over all phases."""
        return sum(phase.epochs for phase in self.phases)

    def shrink_in(self, epoch: int) -> int:
        """Return by how much pictures are shrunk in an epoch, counted from 0."""
        return [phase.shrink for phase in self.phases for _ in range(phase.epochs)][epoch]
