"""The picture for whoever looks: the radiograph with the heat map, and beside it all that the report says.

Before it: :mod:`result`, the standard radiograph and its heat map. After it: :mod:`secondary_capture`. Of the patient
it shows age and sex, without which the answer cannot be judged, and nothing else.
"""

from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from db.vocabulary import Sex
from worker import brush, explain
from worker.deliver.canvas import BOLD, Canvas, Colour, Style
from worker.deliver.result import VERIFICATION, Line, Result, about_model, in_words, lines, other_sex
from worker.maturity import ChronologicalAge
from worker.preprocess import Preprocessing
from worker.stage import ADOLESCENT_FROM_MONTHS, ADULT_FROM_MONTHS

ROWS: Final = 1080
COLUMNS: Final = 1440
_MARGIN: Final = 28
_IMAGE_COLUMNS: Final = 760  # of the radiograph's box
_BAR_COLUMNS: Final = 22  # of the colour bar
_PANEL_LEFT: Final = _IMAGE_COLUMNS + 128
_PANEL_COLUMNS: Final = COLUMNS - _PANEL_LEFT - _MARGIN
_BACKGROUND: Final[Colour] = (12, 13, 15)
_WHITE: Final[Colour] = (240, 240, 240)
_GREY: Final[Colour] = (150, 153, 158)
_DIM: Final[Colour] = (58, 61, 66)
_AMBER: Final[Colour] = (255, 176, 0)  # seen as well by the colour blind, as the blue
_BLUE: Final[Colour] = (86, 180, 233)

_NAME: Final = Style(20, _GREY)
_HEADLINE: Final = Style(50, _WHITE, BOLD)
_HEADLINE_WARNING: Final = Style(38, _AMBER, BOLD)
_SUBLINE: Final = Style(24, _GREY)
_LABEL: Final = Style(17, _GREY)
_SMALL: Final = Style(16, _GREY)
_LONGEST_WORDS: Final = 320  # of the model, so that the result has room; the report has all of them
_SIZES: Final = (22, 20, 18, 16)  # of the lines: the largest in which all of them have room

_AXIS_MONTHS: Final = 240
_TICK_YEARS: Final = (0, 5, 10, 15, 20)
_CHART_ROWS: Final = 118
_LEGEND: Final = "Heat map (Grad-CAM): where the network sees what speaks for a greater bone age"
_CHART: Final = (
    "Chart: white the bone age, blue its 90% interval, amber the child's age, grey 2 standard deviations around"
)
_WARNED_OF: Final = frozenset({"Why", "Note"})


def draw(result: Result, radiograph: NDArray[np.uint16], bundle: Path = Path()) -> NDArray[np.uint8]:
    """Draw the picture of a result.

    Parameters
    ----------
    result
        What is said.
    radiograph
        The standard one as it was stored, (rows, columns) uint16. Not changed.
    bundle
        Folder of the model that assessed, for one that crops the hand by a network of its own.

    Returns
    -------
    numpy.ndarray
        (1080, 1440, 3) uint8, red, green, blue.
    """
    canvas = Canvas(ROWS, COLUMNS, _BACKGROUND)
    _radiograph(canvas, result, radiograph, bundle)
    _panel(canvas, result)
    return canvas.pixels


def _radiograph(canvas: Canvas, result: Result, radiograph: NDArray[np.uint16], bundle: Path) -> None:
    preprocessing = Preprocessing.model_validate(result.model_preprocessing)
    grid = np.asarray(result.heat_map, np.float32)
    explained = explain.overlay_as_shown(radiograph, result.notes, grid, preprocessing, bundle)
    room = (ROWS - 2 * _MARGIN, _IMAGE_COLUMNS)
    scale = min(room[0] / explained.shape[0], room[1] / explained.shape[1])
    rows, columns = (round(side * scale) for side in explained.shape[:2])
    shown = cv2.resize(explained, (columns, rows), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    left, top = _MARGIN + (room[1] - columns) // 2, _MARGIN + (room[0] - rows) // 2
    canvas.put(np.asarray(shown, np.uint8), left, top)
    if result.needs_review:
        canvas.frame((left, top), (rows, columns), _AMBER, 4)
    _colour_bar(canvas, result)


def _colour_bar(canvas: Canvas, result: Result) -> None:
    """Draw which colour stands for how much, in the heat map's unit; without it where numbers are withheld."""
    left, height = _MARGIN + _IMAGE_COLUMNS + 18, 420
    top = (ROWS - height) // 2
    ramp = np.linspace(255, 0, height).round().astype(np.uint8)[:, np.newaxis].repeat(_BAR_COLUMNS, axis=1)
    canvas.put(np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)[:, :, ::-1], np.uint8), left, top)
    unit = " mo" if result.bone_age_if_female_months is not None else ""
    peak = "most" if result.needs_review else f"{result.heat_map_peak_months:.1f}{unit}"
    canvas.write(peak, left - 8, top - 30, _SMALL, 90)
    canvas.write("0", left - 8, top + height + 2, _SMALL, 90)


def _panel(canvas: Canvas, result: Result) -> None:
    top = canvas.write("Carpus: bone age by a neural network", _PANEL_LEFT, _MARGIN - 4, _NAME, _PANEL_COLUMNS)
    top = _headline(canvas, result, top + 10)
    top = _chart(canvas, result, top + 18)
    bottom = _footer(canvas, result)
    said = (*lines(result), *other_sex(result))
    sizes = (size for size in _SIZES if _lines(Canvas(1, 1, _BACKGROUND), said, top, size) <= bottom)
    _lines(canvas, said, top, next(sizes, _SIZES[-1]))


def _headline(canvas: Canvas, result: Result, top: int) -> int:
    big, below, style = _words_of_headline(result)
    top = canvas.write(big, _PANEL_LEFT, top, style, _PANEL_COLUMNS)
    return canvas.write(below, _PANEL_LEFT, top + 2, _SUBLINE, _PANEL_COLUMNS)


def _words_of_headline(result: Result) -> tuple[str, str, Style]:
    if result.needs_review:
        return "Needs review", "a person must look first; no estimate is shown", _HEADLINE_WARNING
    sex = {"F": "female", "M": "male"}.get(result.patient_sex, "of unknown sex")
    if result.bone_age_months is not None:
        return in_words(result.bone_age_months), f"bone age, {result.bone_age_months:.0f} months; {sex}", _HEADLINE
    if result.bone_age_if_female_months is not None:
        return "No single bone age", "the estimate depends on the sex, which is not known", _HEADLINE_WARNING
    return result.stage or "No stage", f"by bone age; {sex}", _HEADLINE


def _chart(canvas: Canvas, result: Result, top: int) -> int:
    """Draw the bone age with its interval over the child's age with what is usual for it; return the row below."""
    marks = _marks(result)
    if not marks:
        return top - 18
    middle, bottom = top + 34, top + 76
    canvas.fill(_x(0), bottom, _x(_AXIS_MONTHS), bottom + 2, _DIM)
    for edge in (ADOLESCENT_FROM_MONTHS, ADULT_FROM_MONTHS):
        canvas.fill(_x(edge), top, _x(edge) + 1, bottom, _DIM)
    for years in _TICK_YEARS:
        x, words = _x(years * 12), str(years) if years < _TICK_YEARS[-1] else f"{years} y"
        canvas.fill(x, bottom, x + 2, bottom + 7, _DIM)
        canvas.write(words, round(x - canvas.width_of(words, _SMALL) / 2), bottom + 8, _SMALL, 60)
    _usual(canvas, result, bottom)
    if result.bone_age_low_months is not None and result.bone_age_high_months is not None:
        canvas.fill(_x(result.bone_age_low_months), middle - 6, _x(result.bone_age_high_months), middle + 6, _BLUE)
    for label, months in marks.items():
        canvas.fill(_x(months) - 2, middle - 16, _x(months) + 3, middle + 16, _WHITE)
        canvas.write(label, round(_x(months)) - 5, middle - 42, _SMALL, 20)
    return top + _CHART_ROWS


def _marks(result: Result) -> dict[str, float]:
    """Return the bone ages to mark: the one that is told, or those under either sex with its letter."""
    if result.needs_review:
        return {}
    if result.bone_age_months is not None:
        return {"": result.bone_age_months}
    under = {"F": result.bone_age_if_female_months, "M": result.bone_age_if_male_months}
    return {label: months for label, months in under.items() if months is not None}


def _usual(canvas: Canvas, result: Result, bottom: int) -> None:
    """Mark the child's age on the axis, and two standard deviations around it."""
    age = ChronologicalAge.of(
        result.chronological_age_months, result.chronological_age_source, result.chronological_age_span_months
    )
    if age is None or age.middle_months > _AXIS_MONTHS:
        return
    if result.bone_age_sds is not None:
        usual = brush.USUAL_SDS * float(brush.sd_months(Sex(result.patient_sex), age.middle_months))
        low, high = max(age.middle_months - usual, 0), min(age.middle_months + usual, _AXIS_MONTHS)
        canvas.fill(_x(low), bottom - 16, _x(high), bottom, _DIM)
    canvas.triangle(_x(age.middle_months), bottom - 1, 14, _AMBER)


def _x(months: float) -> float:
    return _PANEL_LEFT + 4 + (_PANEL_COLUMNS - 30) * min(months, _AXIS_MONTHS) / _AXIS_MONTHS


def _lines(canvas: Canvas, said: Sequence[Line], top: int, size: int) -> int:
    """Write lines of a size, and return the row below them."""
    for line in said:
        style = Style(size, _AMBER if line.label in _WARNED_OF else _WHITE)
        top = canvas.write(line.label, _PANEL_LEFT, top + 9, _LABEL, _PANEL_COLUMNS)
        top = canvas.write(line.words, _PANEL_LEFT, top - 2, style, _PANEL_COLUMNS)
    return top


def _footer(canvas: Canvas, result: Result) -> int:
    """Write what holds for all of it at the bottom, and return the row above it."""
    told = [_LEGEND, *([_CHART] if _marks(result) else [])]
    told += [shorten(f"{label}: {words}", _LONGEST_WORDS, placeholder=" …") for label, words in about_model(result)]
    measured = Canvas(1, 1, _BACKGROUND)
    height = sum(measured.write(words, 0, 0, _SMALL, _PANEL_COLUMNS) + 3 for words in (*told, VERIFICATION))
    top = ROWS - _MARGIN - height
    canvas.fill(_PANEL_LEFT, top - 8, _PANEL_LEFT + _PANEL_COLUMNS, top - 7, _DIM)
    for words in told:
        top = canvas.write(words, _PANEL_LEFT, top, _SMALL, _PANEL_COLUMNS) + 3
    canvas.write(VERIFICATION, _PANEL_LEFT, top, Style(_SMALL.size, _AMBER), _PANEL_COLUMNS)
    return ROWS - _MARGIN - height - 14
