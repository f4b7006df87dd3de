"""One radiograph from its file to its result, by Carpus and the way that published scripts go, in turns.

The script reads a PNG by OpenCV, asks Keras' ``predict``, and makes a Grad-CAM eagerly with a second model; it has
loaded the network before, and keeps nothing. Carpus reads a DICOM object of the same picture, writes the standard
radiograph durably, loads it again, assesses, and records the result in PostgreSQL: all that its tasks do.
"""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from rich.table import Table

from db import states, steps
from db.session import transaction
from db.vocabulary import Sex
from tests.bench.carries import radiograph_of_10_mb, servers
from tests.bench.networks import SIDE_PX, starter_and_full_width
from tests.objects import as_file
from tests.rows import add_radiograph
from training.networks.network import BACKBONE, HEAD
from worker import radiograph as standard
from worker import serving
from worker.assess import find
from worker.bundle import NETWORK, Bundle
from worker.read import read
from worker.record import record

ROUNDS, WARM = 15, 2


def measure() -> Table:
    """Take both ways again and again and print medians."""
    table = Table("network", "Carpus, ms", "the published way, ms", "times faster", title="published")
    with tempfile.TemporaryDirectory() as name, servers():
        folder = Path(name)
        sent = radiograph_of_10_mb(seed=5)
        stored, png = as_file(sent, folder / "object.dcm"), folder / "radiograph.png"
        cv2.imwrite(str(png), np.rint(sent.pixel_array / 4095 * 255).astype(np.uint8))
        for number, (network, made) in enumerate(starter_and_full_width(folder).items()):
            ways = _carpus(stored, folder, made, number), _published(png, made)
            ours, theirs = _medians_ms(ways)
            table.add_row(network, f"{ours:.0f}", f"{theirs:.0f}", f"{theirs / ours:.1f}")
    return table


def _carpus(stored: Path, folder: Path, made: Bundle, number: int) -> Callable[[int], object]:
    active = serving.load(made)
    with transaction() as session:  # as the listener has them before
        rows = [
            add_radiograph(session, f"1.2.{number}.{turn}", patient_sex=Sex.FEMALE, laterality="L")
            for turn in range(WARM + ROUNDS)
        ]

    def way(turn: int) -> None:
        started = _claimed(rows[turn], steps.READ)
        digest = standard.save(read(stored), folder / "standard.npy", folder / "incoming")
        with transaction() as session:
            states.finish(session, started, standard_path="standard.npy", standard_sha256=digest, read_ms=1.0)
        claim = _claimed(rows[turn], steps.ASSESS)
        record(claim, active, find(claim.radiograph, standard.load(folder / "standard.npy", digest), active))

    return way


def _claimed(row: int, step: steps.Step) -> states.Claim:
    with transaction() as session:
        claim = states.claim(session, row, step, 60)
    assert claim is not None
    return claim


def _published(png: Path, made: Bundle) -> Callable[[int], object]:
    import keras
    import tensorflow as tf

    network = keras.saving.load_model(made.folder / NETWORK, compile=False)
    image_input, sex_input = keras.Input((SIDE_PX, SIDE_PX, 1)), keras.Input(())
    features = network.get_layer(BACKBONE)(image_input)
    answer = network.get_layer(HEAD)([features, sex_input])
    explained = keras.Model([image_input, sex_input], [features, answer])
    sex = np.zeros((1,), np.float32)

    def way(_: int) -> Any:
        picture = cv2.resize(cv2.imread(str(png), cv2.IMREAD_GRAYSCALE), (SIDE_PX, SIDE_PX))
        image = picture[np.newaxis, ..., np.newaxis].astype(np.float32) / 255
        months = network.predict([image, sex], verbose=0)
        with tf.GradientTape() as tape:
            features, answer = explained([image, sex], training=False)
        weights = tf.reduce_mean(tape.gradient(answer, features), axis=(1, 2))
        return months, tf.nn.relu(tf.reduce_sum(features * weights[:, None, None], axis=-1)).numpy()

    return way


def _medians_ms(ways: tuple[Callable[[int], object], ...]) -> list[float]:
    took: list[list[float]] = [[] for _ in ways]
    for turn in range(WARM + ROUNDS):
        for way, milliseconds in zip(ways, took, strict=True):
            started = perf_counter()
            way(turn)
            milliseconds.append(1000 * (perf_counter() - started))
    return [statistics.median(milliseconds[WARM:]) for milliseconds in took]
