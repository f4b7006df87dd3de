"""What the shipped starter makes of the 29 real radiographs, and where it looks on them and on drawn hands.

Prints a table, and writes into ``.bench``: ``radiographs.svg``, predicted against read, and ``radiographs.png``, the
radiographs with their heat maps. The 29 are never learned from; ``docs/starter_log.md`` says what each look at them was
for.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import keras
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from rich.table import Table

from db.tables import Radiograph
from db.vocabulary import Laterality, ViewPosition
from tests import heat
from training import cache, recipe
from training.analysis import Errors
from training.cases import Case, Part
from training.evaluate import ask, network_input
from training.export import export
from training.loop import untrained
from training.predictions import Predictions
from training.sources.phantoms import phantoms
from training.sources.rsna import open_folder
from worker import bundle, explain
from worker.active import Active, novelty_check
from worker.assess import find
from worker.engines import Engine, tensorflow
from worker.preprocess import encode_sex
from worker.radiograph import negative
from worker.views import with_views

RADIOGRAPHS = Path("../shared/data/hand_radiographs")
WRITTEN = Path(".bench")
HELD_OUT = 300
ITS_CARPUS = "2670.png"  # the outlines of the grown carpal bones that `training.hand` draws were read off this one
_BLUE, _RED, _GREY = "#1f5f8b", "#a23b3b", "#888888"
Lie = Callable[[npt.NDArray[np.uint16]], npt.NDArray[np.uint16]]
_LIES: dict[str, Lie] = {
    "as they are": lambda pixels: pixels,
    "mirrored": lambda pixels: pixels[:, ::-1],
    "as negatives": negative,
    "as mirrored negatives": lambda pixels: negative(pixels[:, ::-1]),
    "turned by 180°": lambda pixels: np.rot90(pixels, 2),
    "turned by 90°": np.rot90,
    "turned by 270°": lambda pixels: np.rot90(pixels, 3),
}
_HEADERS = {
    "as they are": (Laterality.LEFT, None, Laterality.RIGHT),
    "mirrored": (Laterality.RIGHT, None, Laterality.LEFT),
    "as mirrored negatives": (Laterality.RIGHT,),
}
_STYLE = {"font.size": 9, "svg.hashsalt": "radiographs", "axes.spines.top": False, "axes.spines.right": False}
_ACROSS = 4


def measure() -> Table:
    """Ask about the 29, once and over ten views, by sex and third of the ages; and where the heat is on drawn hands."""
    shipped = bundle.load(bundle.starter_folder())
    engine, preprocessing = tensorflow.load(shipped), shipped.card.preprocessing
    cases = sorted(open_folder(RADIOGRAPHS).cases, key=lambda case: case.bone_age_months)
    with TemporaryDirectory() as kept:
        images = cache.images(cases, preprocessing, Path(kept))
        once, by_views = (ask("the 29", one, images, cases)[0] for one in (engine, with_views(engine, 10)))
    WRITTEN.mkdir(exist_ok=True)
    _plot(once, by_views, WRITTEN / "radiographs.svg")
    _sheet(engine, images, cases, once, WRITTEN / "radiographs.png")
    table = Table("", "n", "MAE", "mean error", "MAE over ten views", title="real radiographs, months (95% interval)")
    for words, chosen in _groups(cases).items():
        figures, viewed = (Errors(one.where(chosen)).figures for one in (once, by_views))
        cells = (figures["mae"], figures["mean_error"], viewed["mae"])
        table.add_row(
            words, str(chosen.sum()), *(f"{one.value:.1f} ({one.low:.1f} to {one.high:.1f})" for one in cells)
        )
    table.caption = _heat(shipped, engine)
    return table


def review() -> Table:
    """Tell how many of the 29 must be reviewed as they are, mirrored, negative and turned, by header."""
    shipped = bundle.load(bundle.starter_folder())
    views = shipped.card.views
    active = Active(shipped, tensorflow.load(shipped), "tensorflow", views, novelty_check(shipped, views))
    cases = open_folder(RADIOGRAPHS).cases
    table = Table("the 29", "header", "needs review", "noted", "MAE of the others", title="review of real radiographs")
    for words, lie in _LIES.items():
        for header in _HEADERS.get(words, (Laterality.LEFT,)):
            found = [_found(case, lie, header, active) for case in cases]
            errors = [error for needs_review, _, error in found if not needs_review]
            needed, noted = (sum(bool(one[place]) for one in found) for place in (0, 1))
            error = f"{np.mean(errors):.1f} ({len(errors)})" if errors else "–"
            table.add_row(words, header.name if header else "none", str(needed), str(noted), error)
    return table


def _found(case: Case, lie: Lie, header: Laterality | None, active: Active) -> tuple[bool, bool, float]:
    """Return whether a radiograph must be reviewed, whether anything is noted, and the error."""
    pixels = np.ascontiguousarray(lie(case.picture.standard_radiograph()))
    row = Radiograph(patient_sex=case.sex, laterality=header, view_position=ViewPosition.PA)
    found = find(row, pixels, active)
    assert found.estimate.bone_age_months is not None
    error = abs(found.estimate.bone_age_months - case.bone_age_months)
    return bool(found.review_reasons), bool(found.notes), error


def _groups(cases: list[Case]) -> dict[str, npt.NDArray[np.bool_]]:
    """Return which cases, by age, are in which group."""
    is_male, number = np.array([encode_sex(case.sex) for case in cases]) > 0, np.arange(len(cases))
    names = np.array([case.name for case in cases])
    thirds = {
        f"{cases[part[0]].bone_age_months:g} to {cases[part[-1]].bone_age_months:g} months": np.isin(number, part)
        for part in np.array_split(number, 3)
    }
    without = {f"without {ITS_CARPUS}": names != ITS_CARPUS}
    return {"all": number >= 0} | without | {"girls": ~is_male, "boys": is_male} | thirds


def _heat(shipped: bundle.Bundle, engine: Engine) -> str:
    made_by = recipe.of_bundle(shipped.folder)
    assert made_by is not None
    hands = phantoms(Part.TEST, HELD_OUT, made_by.phantoms.drawing)
    with TemporaryDirectory() as folder:
        keras.utils.set_random_seed(1)
        network = untrained(made_by, made_by.network.without_weights)
        learned_nothing = tensorflow.load(export(network, shipped.card, Path(folder)))
    one, other = (
        heat.on_bones_that_tell(asked, hands, shipped.card.preprocessing) for asked in (engine, learned_nothing)
    )
    return (
        f"Of the heat on {HELD_OUT} drawn hands {100 * one.share:.1f}% lies on growth plates and carpal bones, which"
        f" take {100 * one.uniform:.1f}% of the radiograph ({one.ratio:.2f} times); {one.empty} maps are empty. With"
        f" random weights: {100 * other.share:.1f}% ({one.share / other.share:.2f} times); {other.empty} are empty"
    )


def _plot(once: Predictions, by_views: Predictions, path: Path) -> None:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        for sex, colour, words in ((False, _RED, "girls"), (True, _BLUE, "boys")):
            chosen = once.is_male == sex
            read, said, viewed = (
                months[chosen] for months in (once.reference_months, once.predicted_months, by_views.predicted_months)
            )
            left.plot(read, said, "o", color=colour, markersize=4, label=words)
            right.plot(read, said - read, "o", color=colour, markersize=4, label=f"{words}, once")
            right.plot(read, viewed - read, "o", color=colour, markersize=4, fillstyle="none", label="over ten views")
        left.plot([0, 228], [0, 228], color=_GREY, linewidth=1)
        left.set(xlabel="read, months", ylabel="starter, months", xlim=(0, 235), ylim=(0, 235), aspect="equal")
        right.axhline(0, color=_GREY, linewidth=1)
        right.axhspan(-12, 12, color=_GREY, alpha=0.12, linewidth=0)
        right.set(xlabel="read, months", ylabel="error, months")
        for axes in (left, right):
            axes.legend(frameon=False, fontsize=8)
        figure.savefig(path, metadata={"Date": None})


def _sheet(engine: Engine, images: npt.NDArray[np.uint8], cases: list[Case], once: Predictions, path: Path) -> None:
    tiles = []
    for image, case, months in zip(images, cases, once.predicted_months, strict=True):
        found = engine.predict(network_input(image[np.newaxis]), np.array([encode_sex(case.sex)], np.float32))
        grid = cv2.resize(explain.explain(found.heat_map[0]).grid, image.shape[::-1], interpolation=cv2.INTER_CUBIC)
        hot = np.clip(grid, 0, 1)[..., np.newaxis]
        grey = np.repeat(image[..., np.newaxis], 3, axis=2)
        colours = cv2.applyColorMap((hot * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
        tile = np.hstack(
            [grey, (grey * (1 - explain.OPACITY * hot) + colours * explain.OPACITY * hot).astype(np.uint8)]
        )
        words = f"{case.name} {case.sex} read {case.bone_age_months:.0f} said {months:.0f}"
        tiles.append(cv2.putText(tile, words, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _ACROSS)
    cv2.imwrite(str(path), np.vstack([np.hstack(tiles[at : at + _ACROSS]) for at in range(0, len(tiles), _ACROSS)]))
