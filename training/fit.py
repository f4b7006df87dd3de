"""Fit a recipe, evaluate it on cases it has not seen and export it as a bundle; an interrupted run goes on.

Before it: `training.recipe` and `training.sources`. On the way: `training.cache`, `training.loop`, `training.export`,
`training.evaluate`, `training.calibrate`. After it: the bundle, which a worker serves.
"""

import hashlib
import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from rich import print as show

from db.vocabulary import CalibratedOn, Sex
from training import cache
from training.analysis import analyse
from training.batches import Labelled
from training.calibrate import MIN_CASES, Cases, calibrate
from training.cases import Case, Part
from training.checkpoint import HISTORY, write_history
from training.evaluate import ask, metrics
from training.export import check_replaceable, export, publish
from training.loop import fit_network
from training.networks.network import average
from training.predictions import Predictions
from training.recipe import IN_BUNDLE, Recipe
from training.replicas import is_writer
from training.schedule import EpochResult
from training.split import check_for_leaks
from training.tables import on_screen
from worker import palm
from worker.bundle import Bundle
from worker.calibration import Calibration
from worker.card import Card, Metrics, TrainingCost, TrainingData
from worker.engines import tensorflow
from worker.views import with_views


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

    Returns
    -------
    Bundle or None
        With metrics on the test part, and intervals, in its card. None in a process that only helps another to fit.
    """
    check_replaceable(folder)
    labelled = _labelled(recipe, data, work_folder / "cache", processes)
    data_digest = cache.digest(labelled[Part.TRAINING].cases, labelled[Part.TRAINING].images)
    watched = cache.digest(labelled[Part.VALIDATION].cases, labelled[Part.VALIDATION].images)
    run = hashlib.sha256((recipe.model_dump_json() + data_digest + watched).encode()).hexdigest()[:16]
    kept = work_folder / "training" / f"{recipe.name}-{run}"
    seen = labelled[Part.TRAINING], labelled[Part.VALIDATION]
    fitted = [fit_network(recipe, number, seen, kept / str(number), strategy) for number in range(len(recipe.networks))]
    if not is_writer(strategy):
        return None
    network, histories = average([network for network, _ in fitted]), [history for _, history in fitted]
    card = _card(recipe, data, data_digest, _cost(recipe, histories))
    write_history([one for history in histories for one in history], kept / HISTORY)
    (kept / IN_BUNDLE).write_text(recipe.model_dump_json(indent=2) + "\n", encoding="utf-8")
    made = export(network, card, kept / "bundle", extra=[kept / HISTORY, kept / IN_BUNDLE, *_palm_detector(recipe)])
    return publish(made, _measured(made, data, labelled), folder)


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


def _measured(made: Bundle, data: Data, labelled: Mapping[Part, Labelled]) -> Card:
    """Return the card with what the exported bundle does on cases that it has not seen."""
    engine = with_views(tensorflow.load(made), made.card.views)
    test, spared = labelled[Part.TEST], labelled[Part.CALIBRATION]
    answers, _ = ask(made.card.name, engine, test.images, test.cases)
    analysis = analyse(answers)
    show(on_screen(analysis))
    facts: dict[str, Any] = {"metrics": metrics(analysis, data.description)}
    if made.card.answers == "bone_age":
        facts["calibration"] = _calibration(made, data, spared, answers)
    return made.card.model_copy(update=facts)


def _calibration(made: Bundle, data: Data, spared: Labelled, tested: Predictions) -> Calibration | None:
    """Return the intervals, or None where there are too few cases of a sex."""
    sexes = [case.sex for case in spared.cases]
    if not tested.has_bone_ages:
        show("no intervals: the network broke while it was fitted, and gives no numbers")
        return None
    if min(sexes.count(Sex.FEMALE), sexes.count(Sex.MALE)) < MIN_CASES:
        show(f"no intervals: of {len(sexes)} calibration cases fewer than {MIN_CASES} are of one sex")
        return None
    engine = with_views(tensorflow.load(made), made.card.views)
    on_spared, _ = ask(made.card.name, engine, spared.images, spared.cases)
    kind = CalibratedOn.RADIOGRAPHS if data.are_radiographs else CalibratedOn.DRAWN_HANDS
    known, judged = (Cases(f"{len(one.names)} {data.description}", one) for one in (on_spared, tested))
    return calibrate(known, judged, kind)


def _palm_detector(recipe: Recipe) -> list[Path]:
    path = recipe.preprocessing.crop_model
    return [] if path is None else [Path(path)]


def _cost(recipe: Recipe, histories: Sequence[Sequence[EpochResult]]) -> TrainingCost:
    epochs = [epoch for history in histories for epoch in history]
    gpus = tf.config.list_physical_devices("GPU")
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if gpus:
        peak_bytes = sum(tf.config.experimental.get_memory_info(f"GPU:{index}")["peak"] for index in range(len(gpus)))
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    return TrainingCost(
        seconds=sum(epoch.seconds for epoch in epochs),
        peak_memory_bytes=peak_bytes,
        ms_per_step=sum(history[-1].ms_per_step for history in histories),
        epochs=len(epochs),
        initial_weights=" + ".join(dict.fromkeys(Path(network.weights).name for network in recipe.networks)),
        device=", ".join(names) or f"{os.cpu_count()} processor cores",
    )


def _card(recipe: Recipe, data: Data, data_digest: str, cost: TrainingCost) -> Card:
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
        training_data=TrainingData(
            description=data.description,
            radiographs=len(data.parts[Part.TRAINING]),
            digest=data_digest,
            split_seed=recipe.fit.seed,
        ),
        training_cost=cost,
        metrics=Metrics.nothing(),
        intended_use=recipe.intended_use,
        limitations=recipe.limitations,
        library_versions={},
        files={},
    )
