"""Fit a recipe, evaluate it on cases it has not seen and export it as a bundle; an interrupted run goes on.

Before it: `training.recipe` and `training.sources`. On the way: `training.cache`, `training.loop`, `training.export`,
`training.measure`. After it: the bundle, which a worker serves.
"""

import hashlib
import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from training import cache
from training.batches import Labelled
from training.cases import Case, Part
from training.checkpoint import HISTORY, write_history
from training.export import check_replaceable, export, publish
from training.loop import fit_network
from training.measure import Unseen, kind_of, measured
from training.networks.network import average
from training.parent import named, weights_of
from training.recipe import IN_BUNDLE, Recipe
from training.replicas import is_writer
from training.schedule import EpochResult
from training.split import check_for_leaks
from worker import palm
from worker.bundle import Bundle
from worker.card import Card, Metrics, TrainingCost, TrainingData


@dataclass(frozen=True)
class Data:
    """The cases of a run, and what they are in words; none is in two parts."""

    parts: Mapping[Part, Sequence[Case]]
    description: str
    are_radiographs: bool


def fit(
    recipe: Recipe,
    data: Data,
    folder: Path,
    work_folder: Path,
    *,
    processes: int | None = None,
    strategy: Any = None,
    begin_from: Bundle | None = None,
) -> Bundle | None:
    """Fit, evaluate, calibrate and export.

    Parameters
    ----------
    recipe
        What to make.
    data
        What with.
    folder
        Where the bundle shall lie; one that was there before is replaced at the end.
    work_folder
        Keeps pictures and checkpoints; a run with the same recipe and the same pictures goes on from them.
    processes
        How many make pictures at once; None takes one a core.
    strategy
        Of ``tf.distribute``; None for one device.
    begin_from
        The bundle whose weights the networks begin with; None for those that the recipe names.

    Returns
    -------
    Bundle or None
        With metrics on the test part, and intervals, in its card. None in a process that only helps another to fit.
    """
    check_replaceable(folder)
    labelled = _labelled(recipe, data, work_folder / "cache", processes)
    seen = labelled[Part.TRAINING], labelled[Part.VALIDATION]
    made = fitted(recipe, data.description, seen, work_folder, strategy=strategy, begin_from=begin_from)
    if made is None:
        return None
    kind = kind_of(are_radiographs=data.are_radiographs)
    test, spared = (Unseen(data.description, labelled[part], kind) for part in (Part.TEST, Part.CALIBRATION))
    return publish(made, measured(made, test, spared), folder)


def fitted(
    recipe: Recipe,
    description: str,
    seen: tuple[Labelled, Labelled],
    work_folder: Path,
    *,
    strategy: Any = None,
    begin_from: Bundle | None = None,
) -> Bundle | None:
    """Fit a recipe's networks, and export them with a card that knows nothing yet of how good they are.

    Parameters
    ----------
    recipe
        What to make.
    description
        Of what is learned from, in words.
    seen
        What is learned from, and what validation is done on.
    work_folder
        Keeps checkpoints, and the bundle.
    strategy, begin_from
        As of `fit`.

    Returns
    -------
    Bundle or None
        None in a process that only helps another to fit.
    """
    initial = [None] * len(recipe.networks) if begin_from is None else weights_of(begin_from, recipe)
    digests = [cache.digest(one.cases, one.images) for one in seen]
    parent = "" if begin_from is None else begin_from.digest
    made_by = recipe.model_dump_json(exclude={"refresh"})  # which says what comes of a fit, and nothing of it
    run = hashlib.sha256("".join([made_by, *digests, parent]).encode()).hexdigest()[:16]
    kept = work_folder / "training" / f"{recipe.name}-{run}"
    fits = [
        fit_network(recipe, number, seen, kept / str(number), strategy, initial=weights)
        for number, weights in enumerate(initial)
    ]
    if not is_writer(strategy):
        return None
    network, histories = average([network for network, _ in fits]), [history for _, history in fits]
    learned = TrainingData(
        description=description, radiographs=len(seen[0].cases), digest=digests[0], split_seed=recipe.fit.seed
    )
    card = _card(recipe, learned, _cost(recipe, histories, begin_from))
    write_history([one for history in histories for one in history], kept / HISTORY)
    (kept / IN_BUNDLE).write_text(recipe.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return export(network, card, kept / "bundle", extra=[kept / HISTORY, kept / IN_BUNDLE, *_palm_detector(recipe)])


def _labelled(recipe: Recipe, data: Data, kept: Path, processes: int | None) -> dict[Part, Labelled]:
    """Return the pictures of each part, made where they are missing; no patient and no picture is in two."""
    if recipe.preprocessing.crop_model is not None:
        palm.detector(Path(recipe.preprocessing.crop_model))  # told before anything is made
    check_for_leaks(data.parts)
    labelled = {
        part: Labelled(cache.images(cases, recipe.preprocessing, kept, processes), cases)
        for part, cases in data.parts.items()
    }
    check_for_leaks(data.parts, {part: one.images for part, one in labelled.items()} if data.are_radiographs else None)
    return labelled


def _palm_detector(recipe: Recipe) -> list[Path]:
    path = recipe.preprocessing.crop_model
    return [] if path is None else [Path(path)]


def _cost(recipe: Recipe, histories: Sequence[Sequence[EpochResult]], begin_from: Bundle | None) -> TrainingCost:
    epochs = [epoch for history in histories for epoch in history]
    gpus = tf.config.list_physical_devices("GPU")
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if gpus:
        peak_bytes = sum(tf.config.experimental.get_memory_info(f"GPU:{index}")["peak"] for index in range(len(gpus)))
    initial = " + ".join(dict.fromkeys(Path(network.weights).name for network in recipe.networks))
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    return TrainingCost(
        seconds=sum(epoch.seconds for epoch in epochs),
        peak_memory_bytes=peak_bytes,
        ms_per_step=sum(history[-1].ms_per_step for history in histories),
        epochs=len(epochs),
        initial_weights=initial if begin_from is None else named(begin_from),
        device=", ".join(names) or f"{os.cpu_count()} processor cores",
    )


def _card(recipe: Recipe, learned: TrainingData, cost: TrainingCost) -> Card:
    detector = next((path.name for path in _palm_detector(recipe)), None)
    return Card(
        name=recipe.name,
        version=recipe.version,
        network=" + ".join(network.architecture for network in recipe.networks),
        width=recipe.network.width,
        parameters=0,  # this, the versions and the files are filled in by the export
        preprocessing=recipe.preprocessing.model_copy(update={"crop_model": detector}),
        takes_sex=recipe.head.takes_sex,
        target_unit="months",
        answers=recipe.head.answers,
        views=recipe.views,
        training_data=learned,
        training_cost=cost,
        metrics=Metrics.nothing(),
        intended_use=recipe.intended_use,
        limitations=recipe.limitations,
        library_versions={},
        files={},
    )
