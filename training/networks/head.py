"""Heads: from a feature map, and the sex where a network is told it, to a bone age or to probabilities of the stages.

Before it: a backbone. All published heads differ in how they pool and in their dense layers only, so that a recipe says
which.

References
----------
Halabi et al., The RSNA Pediatric Bone Age Machine Learning Challenge, 2019, doi:10.1148/radiol.2018180736: the winner
joins 32 features of sex to the pooled image features, followed by two dense layers of 1,000.
"""

from typing import Any

import keras
from keras import layers

from training.ingredients import HeadRecipe, Pooling, TargetRecipe
from training.networks.network import HEAD
from worker.stage import STAGES

LOGITS = "logits"  # of the stages, before they become probabilities

_SEX_FEATURES = 32


def build(head: HeadRecipe, feature_map: tuple[int | None, ...], target: TargetRecipe) -> keras.Model:
    """Build a head.

    Parameters
    ----------
    head
        Which.
    feature_map
        Shape of what the backbone gives, (n, h, w, c); h and w may be None unless the head flattens.
    target
        What the last layer gives. In months or years it counts from birth, for nothing is added to it: maturity is what
        the features speak for, and Grad-CAM, which keeps only what speaks for a greater age, shows something on a young
        hand too. As a z-score it counts from the mean.

    Returns
    -------
    keras.Model
        Feature map (n, h, w, c) float32 and sex (n,) float32, 1 male and 0 female, to the bone age (n, 1) float32 in
        months, or to the stages' probabilities (n, 3) float32.

    Raises
    ------
    ValueError
        When a head that flattens is to follow a backbone for any size.
    """
    if head.pooling == "flatten" and None in feature_map[1:]:
        raise ValueError("pooling: a head that flattens needs a backbone of one size; give rows and columns")
    seen = keras.Input(feature_map[1:], name="feature_map")
    sex = keras.Input((), name="sex")
    before, *after = head.dropout_fractions or [0.0] * (len(head.dense_units) + 1)
    x = _dropped(_pooled(head.pooling, seen), before)
    if head.takes_sex:
        sex_features = layers.Dense(_SEX_FEATURES, activation="relu", name="sex_features")(layers.Reshape((1,))(sex))
        x = layers.Concatenate()([x, sex_features])
    penalty = keras.regularizers.L2(head.l2) if head.l2 else None
    for units, fraction in zip(head.dense_units, after, strict=True):
        x = _dropped(layers.Dense(units, activation="relu", kernel_regularizer=penalty)(x), fraction)
    return keras.Model([seen, sex], _answer(x, head, target), name=HEAD)


def _pooled(pooling: Pooling, feature_map: Any) -> Any:
    if pooling == "flatten":
        return layers.Flatten(name="pool")(feature_map)
    kind = layers.GlobalAveragePooling2D if pooling == "average" else layers.GlobalMaxPooling2D
    return kind(name="pool")(feature_map)


def _dropped(x: Any, fraction: float) -> Any:
    return layers.Dropout(fraction)(x) if fraction else x


def _answer(x: Any, head: HeadRecipe, target: TargetRecipe) -> Any:
    # In float32 also where the rest computes in halves: a half near 200 months is a twelfth of a month wide.
    if head.answers == "stages":
        logits = layers.Dense(len(STAGES), dtype="float32", name=LOGITS)(x)
        return layers.Softmax(dtype="float32", name="stages")(logits)
    answer = layers.Dense(1, dtype="float32", name="answer")(x)
    scale, offset = target.last_layer_months or target.unit_months, target.mean_months or 0.0
    return layers.Rescaling(scale=scale, offset=offset, dtype="float32", name="months")(answer)
