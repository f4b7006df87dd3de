"""What the network of a bundle knows: its embeddings of what it learned from, and of what it has never seen.

Before it: an exported bundle, and pictures from `training.cache`. After it: `training.novelty` draws the line, and
whoever publishes the bundle with both.
"""

import math
from dataclasses import dataclass

import numpy as np
from rich.progress import track

from training import novelty
from training.batches import Labelled
from training.evaluate import BATCH_SIZE, batches
from training.novelty import Embeddings, NoveltyError
from training.predictions import numbered
from worker.bundle import Bundle
from worker.engines import tensorflow
from worker.novelty import NoveltyFacts, UsualEmbeddings
from worker.views import with_views

LEARNED_AT_MOST = 5000  # more hardly change the usual, but take their time


@dataclass(frozen=True)
class Described:
    """Labelled pictures, and in words how many of what they are."""

    words: str
    labelled: Labelled


def checked(
    made: Bundle, learned: Described, spared: Described, test: Described
) -> tuple[UsualEmbeddings, NoveltyFacts]:
    """Return what a bundle's network knows, and from where on a radiograph is unlike that.

    Parameters
    ----------
    made
        The bundle.
    learned
        What it learned from; `LEARNED_AT_MOST` are enough.
    spared
        Draw the line.
    test
        Tell how many lie beyond it.

    Raises
    ------
    NoveltyError
        When there are too few, or the network gives no numbers.
    """
    novelty.check_enough(len(spared.labelled.cases))
    known, valid, tried = (embeddings(made, one.labelled) for one in (learned, spared, test))
    if not np.isfinite(known).all():
        raise NoveltyError("the network broke while it was fitted, and gives no numbers")
    usual = novelty.usual(known)
    patients = numbered([case.patient for case in test.labelled.cases])
    return usual, novelty.facts(usual, learned.words, (spared.words, valid), (test.words, tried, patients))


def embeddings(made: Bundle, labelled: Labelled) -> Embeddings:
    """Return the embeddings (n, d) of pictures as an engine gives them for the bundle.

    Parameters
    ----------
    made
        The bundle.
    labelled
        One picture or more.
    """
    engine = with_views(tensorflow.load(made), made.card.views)
    count = math.ceil(len(labelled.cases) / BATCH_SIZE)
    shown = track(batches(labelled.images, labelled.cases), "asking", count)
    return np.concatenate([engine.predict(image, sex).embedding for image, sex in shown])
