"""Fit one network, step by step, on one device or several; an interrupted run goes on where it was.

Before it: `training.batches` makes the batches, `training.schedule` says how fast and how long. After it:
`training.validation` judges each epoch, `training.fit` evaluates and exports. The steps are our own: Keras' ``fit``
fails on several machines.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich import print as show
from rich.progress import track

from training import losses, precision
from training.batches import Epoch, Labelled
from training.checkpoint import Checkpoint
from training.fitting import FitRecipe
from training.ingredients import NetworkRecipe
from training.networks.build import build
from training.networks.network import ANY_SHAPE, Shape
from training.parent import Weights, begin_with
from training.recipe import Recipe
from training.replicas import fewest_epochs, of_first, shared_out
from training.schedule import EpochResult, learning_rate, should_stop
from training.strategies import StrategyError
from training.validation import Answer, answering, validate

_MOST_STEPS = 2**20  # of an epoch: a generator counts up by one in each


def fit_network(
    recipe: Recipe,
    number: int,
    labelled: tuple[Labelled, Labelled],
    folder: Path,
    strategy: Any = None,
    *,
    initial: Weights | None = None,
) -> tuple[keras.Model, list[EpochResult]]:
    """Fit one of a recipe's networks, from its checkpoint if there is one.

    Parameters
    ----------
    recipe
        What to make.
    number
        Which of its networks, from 0.
    labelled
        What is learned from, and what validation is done on.
    folder
        Keeps weights, optimiser and history after each epoch.
    strategy
        Of ``tf.distribute``; None for one device.
    initial
        Weights to begin with, from `training.parent`; None for those that the recipe names.

    Returns
    -------
    tuple
        The network, fitted, and what came of each epoch.
    """
    is_alone = strategy is None
    strategy = strategy or tf.distribute.get_strategy()
    _check_batches(recipe, labelled[0], strategy.num_replicas_in_sync)
    keras.utils.set_random_seed(recipe.fit.seed + number)
    with strategy.scope(), precision.computing_in(precision.policy(recipe.fit, strategy.num_replicas_in_sync)):
        wanted = recipe.networks[number]
        network = untrained(recipe, wanted if initial is None else wanted.without_weights)
        if initial is not None:
            begin_with(network, initial)
        network.compile(optimizer=_optimizer(recipe.fit, network), jit_compile=False)
    if not is_alone:
        _synchronise(network)
    checkpoint = Checkpoint(folder, network)
    history = checkpoint.resume(fewest_epochs(strategy, checkpoint.epochs))
    running = _step_of(recipe, network, strategy), answering(network), strategy
    while not should_stop(recipe.fit, history):
        result = _epoch(recipe, network, labelled, history, running)
        history.append(of_first(strategy, result.model_copy(update={"network": number})))
        checkpoint.save(history)
        show(_told(recipe, history[-1]))
    if recipe.fit.weights_kept == "best":
        checkpoint.load_best(history)
    return _on_one_device(recipe, number, network, is_alone=is_alone), history


def untrained(recipe: Recipe, network: NetworkRecipe) -> keras.Model:
    """Build one of a recipe's networks with its initial weights.

    Parameters
    ----------
    recipe
        With its head, target and size.
    network
        Which.
    """
    size = Shape(recipe.preprocessing.rows, recipe.preprocessing.columns)
    return build(network, recipe.head, recipe.target, size if recipe.head.pooling == "flatten" else ANY_SHAPE)


def _on_one_device(recipe: Recipe, number: int, network: keras.Model, *, is_alone: bool) -> keras.Model:
    """Return a network outside of any strategy and in float32, as every engine can compute."""
    in_float32 = all(layer.compute_dtype == "float32" for layer in _layers(network))
    if in_float32 and is_alone:
        return network
    whole = untrained(recipe, recipe.networks[number].without_weights)
    whole.set_weights(network.get_weights())
    return whole


def _check_batches(recipe: Recipe, learned: Labelled, replicas: int) -> None:
    size = min(recipe.fit.batch_size, len(learned.cases))
    if size < replicas:
        raise StrategyError(f"batches of {size} cannot be shared out among {replicas} devices; raise fit.batch_size")


def _epoch(
    recipe: Recipe,
    network: keras.Model,
    labelled: tuple[Labelled, Labelled],
    history: Sequence[EpochResult],
    running: tuple[Any, Answer, Any],
) -> EpochResult:
    epoch = Epoch(recipe, labelled[0], len(history))
    step, answer, strategy = running
    _reseed(network, recipe.fit.seed, len(history))
    # A batch that is too small for every replica to see something of it is left out.
    steps = len(epoch) - (epoch.size_of(len(epoch) - 1) < strategy.num_replicas_in_sync)
    batches, began, losses_of_steps, milliseconds = shared_out(epoch, steps, strategy), time.monotonic(), [], []
    for number in track(range(steps), f"epoch {len(history) + 1} of {recipe.fit.epochs}", transient=True):
        rate = learning_rate(recipe.fit, history, (number + 1) / steps)
        network.optimizer.learning_rate = rate
        started = time.perf_counter()
        losses_of_steps.append(float(step(batches)))
        milliseconds.append((time.perf_counter() - started) * 1000)
    seconds = time.monotonic() - began
    validation_loss, mae_months = validate(recipe, answer, labelled[1], recipe.fit.shrink_in(len(history)))
    return EpochResult(
        epoch=len(history) + 1,
        loss=float(np.average(losses_of_steps, weights=[epoch.size_of(number) for number in range(steps)])),
        validation_loss=validation_loss,
        validation_mae_months=mae_months,
        learning_rate=rate,
        seconds=seconds,
        ms_per_step=median(milliseconds),
    )


def _step_of(recipe: Recipe, network: keras.Model, strategy: Any) -> Any:
    """Return the function of one step: from an iterator of batches to the next one's loss, without what penalises."""
    loss_of, replicas = losses.of(recipe), strategy.num_replicas_in_sync
    variables = network.trainable_variables

    def on_replica(image: Any, sex: Any, reference: Any, weight: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(weight * loss_of(reference, network([image, sex], training=True)))
            penalised = tf.add_n([loss, *(penalty / replicas for penalty in network.losses)])
            minimised = network.optimizer.scale_loss(penalised)
        # The gradients of all replicas are added up, and the weights are 1 over all of them.
        network.optimizer.apply_gradients(zip(tape.gradient(minimised, variables), variables, strict=True))
        return loss

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def step(batches: Any) -> Any:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(on_replica, args=next(batches)), axis=None)

    return step


def _optimizer(recipe: FitRecipe, network: keras.Model) -> Any:
    wanted = recipe.optimizer
    arguments = {"learning_rate": wanted.learning_rate, "clipnorm": wanted.clip_norm}
    if wanted.name == "adam":
        optimizer = keras.optimizers.Adam(**arguments)
    else:
        optimizer = keras.optimizers.AdamW(**arguments, weight_decay=wanted.weight_decay)
    if keras.config.dtype_policy().name == precision.SCALED:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(network.trainable_variables)
    return optimizer


def _reseed(network: keras.Model, seed: int, epoch: int) -> None:
    """Let what dropout leaves out in an epoch follow from recipe and epoch alone, for checkpoints do not keep it."""
    for number, layer in enumerate(_layers(network)):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign(np.array([seed + number, epoch * _MOST_STEPS], np.uint32))


def _synchronise(network: keras.Model) -> None:
    """Have batch normalisation see the batches of all replicas together, as one device would."""
    for layer in _layers(network):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _layers(network: keras.Model) -> list[keras.Layer]:
    """Return all layers, those inside others too."""
    return list(network._flatten_layers())


def _told(recipe: Recipe, result: EpochResult) -> str:
    error = "" if result.validation_mae_months is None else f", MAE {result.validation_mae_months:.1f} months"
    return (
        f"epoch {result.epoch} of {recipe.fit.epochs}: loss {result.loss:.4g}, on validation"
        f" {result.validation_loss:.4g}{error}; {result.ms_per_step:.0f} ms a step"
    )
