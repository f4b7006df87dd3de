"""The tables of a recipe: network, head, target, and what is learned from and how it is varied.

Before it: `training.recipe` reads them. After it: `training.networks`, `training.split` and `training.augment`. What a
network is fitted by stands in `training.fitting`.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from training.cases import Part
from training.fitting import Fraction, RecipePart
from training.sources.phantoms import MAX_HANDS, Drawings

PhantomCount = Annotated[int, Field(ge=1, le=MAX_HANDS)]
Months = Annotated[float, Field(gt=0)]

Architecture = Literal["xception", "convmixer", "cnn", "shallow", "resnet50", "inception_v4", "efficientnet_b4"]
_WITH_IMAGENET_WEIGHTS = ("efficientnet_b4", "resnet50", "xception")
Pooling = Literal["average", "max", "flatten"]


class NetworkRecipe(RecipePart):
    """Which backbone.

    Attributes
    ----------
    width
        Factor on the channels of every layer.
    weights
        ``none``, ``imagenet`` (Keras downloads them) or the path of a file of them without a top.
    is_frozen
        Whether only the head learns.
    channels
        1, or 3 for the grey values three times, as published networks for colour take them.
    value_range
        What black and white become inside the network; null for what the published network takes.
    normalisation_momentum
        How much of what batch normalisation knows of earlier batches stays at each step; null for 0.99. In a run of few
        steps that knowledge would lag behind the weights.
    """

    architecture: Architecture
    width: Annotated[float, Field(gt=0, le=1)] = 1.0
    weights: Annotated[str, Field(min_length=1)] = "none"
    is_frozen: bool = False
    channels: Literal[1, 3] = 1
    value_range: tuple[float, float] | None = None
    normalisation_momentum: Fraction | None = None

    @property
    def without_weights(self) -> Self:
        """The same with random weights, which others will take the place of."""
        return self.model_copy(update={"weights": "none"})

    @model_validator(mode="after")
    def _values_ascend(self) -> Self:
        if self.value_range is not None and self.value_range[0] >= self.value_range[1]:
            raise ValueError("value_range: must ascend, for example [-1.0, 1.0]")
        if self.weights == "imagenet" and self.architecture not in _WITH_IMAGENET_WEIGHTS:
            raise ValueError(f"weights: Keras has ImageNet weights of {', '.join(_WITH_IMAGENET_WEIGHTS)} only")
        return self


class HeadRecipe(RecipePart):
    """What comes after the backbone.

    Attributes
    ----------
    answers
        ``bone_age``, or ``stages`` for the probabilities of child, adolescent and adult and no bone age.
    pooling
        Mean or greatest value of each feature, or all values of the feature map one after the other.
    dense_units
        Width of each dense ReLU layer.
    dropout_fractions
        Left out while training: of the pooled features, then of each dense layer's; empty for none.
    l2
        Weight of the dense layers' squared weights in the loss.
    takes_sex
        Whether 32 features of sex are joined to those of the image.
    """

    answers: Literal["bone_age", "stages"] = "bone_age"
    pooling: Pooling
    dense_units: tuple[PositiveInt, ...] = ()
    dropout_fractions: tuple[Fraction, ...] = ()
    l2: Fraction = 0.0
    takes_sex: bool = False

    @model_validator(mode="after")
    def _drops_where_there_is_a_layer(self) -> Self:
        expected = len(self.dense_units) + 1
        if len(self.dropout_fractions) not in {0, expected}:
            raise ValueError(
                f"dropout_fractions: expected none or {expected}, for the pooled features and for each of"
                f" {len(self.dense_units)} dense layers"
            )
        return self


class TargetRecipe(RecipePart):
    """In which unit a network learns bone ages; whatever it is, a network gives months.

    Attributes
    ----------
    unit
        Of the loss: ``months``, ``years``, or ``z_score``, the distance from the mean in standard deviations.
    mean_months, sd_months
        Of the z-score; for it only.
    last_layer_months
        What a 1 of the last layer stands for; null for the unit itself. A network learns sooner where its last layer
        gives numbers near one.
    """

    unit: Literal["months", "years", "z_score"]
    mean_months: Months | None = None
    sd_months: Months | None = None
    last_layer_months: Months | None = None

    @model_validator(mode="after")
    def _z_score_has_its_unit(self) -> Self:
        is_z_score = self.unit == "z_score"
        if any((value is not None) != is_z_score for value in (self.mean_months, self.sd_months)):
            raise ValueError("mean_months and sd_months: expected both with the unit z_score, and neither with another")
        return self

    @property
    def unit_months(self) -> float:
        """How many months the unit of the loss is."""
        return self.sd_months or {"months": 1.0, "years": 12.0, "z_score": 1.0}[self.unit]


class PhantomRecipe(RecipePart):
    """How many hands are drawn for each part, where hands are drawn, and by what; their seeds never meet.

    Attributes
    ----------
    drawing
        ``phantom``; ``hand`` for the truer drawing of `training.hand`; or ``both``, every fourth by the former.
    """

    drawing: Drawings = "phantom"
    training: PhantomCount
    validation: PhantomCount
    calibration: PhantomCount = 1000
    test: PhantomCount

    @property
    def counts(self) -> dict[Part, int]:
        """The counts by part."""
        return {part: getattr(self, part) for part in Part}


class SplitRecipe(RecipePart):
    """Which fraction of the patients is for what, where there are radiographs of patients."""

    training: Fraction = 0.6
    validation: Fraction = 0.1
    calibration: Fraction = 0.15
    test: Fraction = 0.15

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if abs(sum(self.fractions.values()) - 1) > 1e-6:  # noqa: PLR2004  of rounding
            raise ValueError("expected fractions that are 1 together")
        if not (self.training and self.validation and self.test):
            raise ValueError("expected some for training, validation and test; only calibration may have none")
        return self

    @property
    def fractions(self) -> dict[Part, float]:
        """The fractions by part."""
        return {part: getattr(self, part) for part in Part}


class AugmentationRecipe(RecipePart):
    """How much a radiograph is varied each time it is shown; each is the largest deviation either way.

    Attributes
    ----------
    mirrored_fraction
        How many are shown as the other hand.
    shift_fraction, zoom_fraction
        Of the input's size.
    rotation_degrees
        About the centre.
    brightness, contrast_fraction
        Grey values, 0 to 1, become (grey - 0.5) · (1 ± contrast) + 0.5 ± brightness.
    gamma_octaves
        Grey values are raised to 2 to the power of ± this.
    noise
        Largest standard deviation of white noise, in grey values of 0 to 1.
    blur_fraction
        Largest standard deviation of the blur that half of them get, of the input's height.
    sharpening
        By how much more, at most, the other half shows detail finer than a hundredth of the input's height.
    hidden_fraction
        Largest sides of two rectangles that each hide a part behind one grey value, of the input's size: so that no
        single bone decides.
    """

    mirrored_fraction: Fraction = 0.0
    shift_fraction: Fraction = 0.0
    zoom_fraction: Fraction = 0.0
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    brightness: Fraction = 0.0
    contrast_fraction: Fraction = 0.0
    gamma_octaves: Annotated[float, Field(ge=0, le=2)] = 0.0
    noise: Fraction = 0.0
    blur_fraction: Annotated[float, Field(ge=0, le=0.1)] = 0.0
    sharpening: Annotated[float, Field(ge=0, le=4)] = 0.0
    hidden_fraction: Fraction = 0.0
