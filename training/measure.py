"""What an exported bundle does on cases that it has not seen: the metrics and the intervals of its card.

Before it: `training.fit` or `training.fine_tune` has exported it. After it: the card that is published.
"""

from dataclasses import dataclass
from typing import Any

from rich import print as show

from db.vocabulary import CalibratedOn
from training.analysis import analyse
from training.batches import Labelled
from training.calibrate import MIN_CASES, Cases, calibrate, has_enough
from training.evaluate import ask, metrics
from training.tables import on_screen
from worker.bundle import Bundle
from worker.calibration import Calibration
from worker.card import Card
from worker.engines import Engine, tensorflow
from worker.views import with_views


@dataclass(frozen=True)
class Unseen:
    """Cases that were not learned from, in words that follow their number, and of which kind they are."""

    words: str
    labelled: Labelled
    kind: CalibratedOn


def kind_of(*, are_radiographs: bool) -> CalibratedOn:
    """Return the kind of cases that intervals are measured on."""
    return CalibratedOn.RADIOGRAPHS if are_radiographs else CalibratedOn.DRAWN_HANDS


def measured(made: Bundle, test: Unseen, spared: Unseen) -> Card:
    """Return the card of a bundle with what it does on cases that it has not seen.

    Parameters
    ----------
    made
        The bundle.
    test
        Give the metrics, and how many references lie in the intervals.
    spared
        Give the intervals; with fewer than 200 of a sex there are none.
    """
    engine = with_views(tensorflow.load(made), made.card.views)
    answers, _ = ask(made.card.name, engine, test.labelled.images, test.labelled.cases)
    analysis = analyse(answers)
    show(on_screen(analysis))
    facts: dict[str, Any] = {"metrics": metrics(analysis, test.words)}
    if made.card.answers == "bone_age":
        facts["calibration"] = _calibration(made, engine, spared, Cases(f"{len(answers.names)} {test.words}", answers))
    return made.card.model_copy(update=facts)


def _calibration(made: Bundle, engine: Engine, spared: Unseen, tested: Cases) -> Calibration | None:
    """Return the intervals, or None where there are too few cases of a sex."""
    cases = spared.labelled.cases
    if not tested.predictions.has_bone_ages:
        show("no intervals: the network broke while it was fitted, and gives no numbers")
        return None
    if not has_enough(cases):
        show(f"no intervals: of {len(cases)} calibration cases fewer than {MIN_CASES} are of one sex")
        return None
    answers, _ = ask(made.card.name, engine, spared.labelled.images, cases)
    return calibrate(Cases(f"{len(cases)} {spared.words}", answers), tested, spared.kind)
