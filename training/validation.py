"""What a network answers about radiographs that it does not learn from, between epochs.

Before it: an epoch of `training.loop`. After it: `training.schedule` chooses rates, the end and the best epoch by it.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training import losses
from training.batches import Labelled, balanced, references, shrunk
from training.evaluate import network_input
from training.pipeline import BATCH
from training.recipe import Recipe
from worker.preprocess import encode_sex

Answer = Callable[[Any, Any], Any]

_AT_ONCE = 32


def answering(network: keras.Model) -> Answer:
    """Return a network's answers as a graph, for any number and size of pictures.

    Layer by layer, a quarter-wide Xception takes 1.7 times as long, and a whole one 1.15 times.

    Parameters
    ----------
    network
        From `training.networks.network.join`; the weights that it will have then count.
    """
    image, sex, *_ = BATCH

    @tf.function(input_signature=(image, sex))  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def answer(image: Any, sex: Any) -> Any:
        return network([image, sex], training=False)

    return answer  # type: ignore[no-any-return]  # as above


def validate(recipe: Recipe, answer: Answer, labelled: Labelled, shrink: int) -> tuple[float, float | None]:
    """Return the mean loss and, of a network that gives bone ages, the mean absolute error in months.

    Parameters
    ----------
    recipe
        With its loss.
    answer
        From `answering`.
    labelled
        What validation is done on.
    shrink
        By how much pictures are shrunk.
    """
    sex = np.array([encode_sex(case.sex) for case in labelled.cases], np.float32)
    answers = []
    for start in range(0, len(sex), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        images = np.stack([shrunk(image[..., 0], shrink) for image in network_input(labelled.images[some])])
        answers.append(np.asarray(answer(images[..., np.newaxis], sex[some])))
    answered, reference = np.concatenate(answers), references(recipe, labelled.cases)
    # Balanced as training is: else rare stages would hardly count in choosing the best epoch.
    weight = None if recipe.fit.class_balancing == "none" else balanced(labelled.cases)
    loss = float(np.average(losses.of(recipe)(reference, answered), weights=weight))
    gives_months = recipe.head.answers == "bone_age"
    return loss, float(np.abs(answered[:, 0] - reference).mean()) if gives_months else None
