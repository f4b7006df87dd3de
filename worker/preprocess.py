"""Standard radiograph to network input: the only such path, in serving and in training.

Before it: `worker.read` wrote the standard radiograph, or `training.phantom` drew one. After it: an engine of
`worker.engines`, or training. What is done stands in the model's card, and nowhere else.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from db.vocabulary import Sex
from worker import palm
from worker.contrast import Clahe, equalise
from worker.crop import Box, hand_box, whole, with_margin

_FULL_SCALE = 65535  # a standard radiograph is 16 bit

_SEX_INPUT = {Sex.MALE: 1.0, Sex.FEMALE: 0.0}

Percentile = Annotated[float, Field(ge=0, le=100)]


class Preprocessing(BaseModel):
    """How a model wants its input; part of its card. The steps come in the order of the attributes.

    Attributes
    ----------
    rows, columns
        Size of the network input in px.
    crop
        ``none``: the whole radiograph; ``hand``: the box of `worker.crop.hand_box`; ``mediapipe``: the hand
        that MediaPipe's palm detector finds, by `worker.palm`; where nothing is found, the whole radiograph.
    crop_model
        File of the palm detector, for ``mediapipe`` only; in a bundle's card a file of the bundle.
    fit
        ``letterbox`` keeps the aspect ratio and pads; ``stretch`` fills the input.
    padding_value
        Grey value, 0 to 1, beside or above and below a radiograph of another aspect ratio.
    interpolation
        ``area``: the mean over the area of a pixel when shrinking, bilinear when enlarging.
    value_percentiles
        The grey values at these two percentiles of the cropped and resized radiograph become 0 and 1, so that another
        bit depth or window width of the same exposure gives the same input; null maps the full 16 bits to [0, 1].
    clahe
        Local contrast equalisation of what was resized and scaled, without the padding; null for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: PositiveInt
    columns: PositiveInt
    crop: Literal["none", "hand", "mediapipe"] = "none"
    crop_model: str | None = None
    fit: Literal["letterbox", "stretch"] = "letterbox"
    padding_value: Annotated[float, Field(ge=0, le=1)] = 0.0
    interpolation: Literal["area"] = "area"
    value_percentiles: tuple[Percentile, Percentile] | None = None
    clahe: Clahe | None = None

    @model_validator(mode="after")
    def _percentiles_ascend(self) -> Self:
        if self.value_percentiles is not None and self.value_percentiles[0] >= self.value_percentiles[1]:
            raise ValueError("value_percentiles must ascend, for example [0.5, 99.5]")
        return self

    @model_validator(mode="after")
    def _palm_detector_has_its_file(self) -> Self:
        if (self.crop == "mediapipe") != (self.crop_model is not None):
            raise ValueError(
                'crop_model: expected the path of a palm detector (.tflite or .onnx) with crop = "mediapipe", and'
                f" none with any other; crop is {self.crop!r} and crop_model {self.crop_model!r}"
            )
        return self


_PALM_INPUT = Preprocessing(rows=palm.INPUT_PIXELS, columns=palm.INPUT_PIXELS, value_percentiles=(0.5, 99.5))


def preprocess(
    radiograph: npt.NDArray[np.uint16], preprocessing: Preprocessing, folder: Path = Path()
) -> npt.NDArray[np.float32]:
    """Turn a standard radiograph into the input of one model.

    Parameters
    ----------
    radiograph
        (rows, columns) uint16, bone bright. Not changed.
    preprocessing
        How the model wants it, from its card.
    folder
        Where `crop_model` lies: the bundle's folder.

    Returns
    -------
    numpy.ndarray
        (rows, columns, 1) float32 in [0, 1], bone bright, of the size in the card.

    Raises
    ------
    ValueError
        If the radiograph is not a two-dimensional uint16 array with pixels in it.
    PermanentError
        If the file of the palm detector cannot be read.
    """
    if radiograph.dtype != np.uint16 or radiograph.ndim != 2 or radiograph.size == 0:  # noqa: PLR2004  rows and columns
        raise ValueError(
            f"expected a radiograph (rows, columns) uint16, received {radiograph.shape} {radiograph.dtype}"
        )
    box = crop_box(radiograph, preprocessing, folder)
    place = placed(box.shape, preprocessing)
    grey = _scale(_resize(radiograph[box.slices], *place.shape), preprocessing.value_percentiles)
    if preprocessing.clahe is not None:
        grey = equalise(grey, preprocessing.clahe)
    network_input = np.full((preprocessing.rows, preprocessing.columns, 1), preprocessing.padding_value, np.float32)
    network_input[(*place.slices, 0)] = grey
    return network_input


def crop_box(radiograph: npt.NDArray[np.uint16], preprocessing: Preprocessing, folder: Path = Path()) -> Box:
    """Return the part of a radiograph that a model sees.

    Parameters
    ----------
    radiograph
        (rows, columns) uint16, bone bright. Not changed.
    preprocessing
        How the model wants it, from its card.
    folder
        Where `crop_model` lies: the bundle's folder.

    Returns
    -------
    Box
        In px of the radiograph.

    Raises
    ------
    PermanentError
        If the file of the palm detector cannot be read.
    """
    match preprocessing.crop:
        case "none":
            return whole(radiograph.shape)
        case "hand":
            return hand_box(radiograph)
        case "mediapipe":
            return _palm_box(radiograph, folder / str(preprocessing.crop_model))


def placed(shape: tuple[int, ...], preprocessing: Preprocessing) -> Box:
    """Return where a radiograph's crop lies in the network input: centred, the odd pixel of padding below or right.

    Parameters
    ----------
    shape
        (rows, columns) of the crop in px.
    preprocessing
        How the model wants it, from its card.

    Returns
    -------
    Box
        In px of the network input; all of it where the crop is stretched.
    """
    rows, columns = fitted_size(shape, preprocessing)
    top, left = (preprocessing.rows - rows) // 2, (preprocessing.columns - columns) // 2
    return Box(top, left, top + rows, left + columns)


def fitted_size(shape: tuple[int, ...], preprocessing: Preprocessing) -> tuple[int, int]:
    """Return the size of a radiograph's crop inside the network input.

    Parameters
    ----------
    shape
        (rows, columns) of the crop in px.
    preprocessing
        How the model wants it, from its card.

    Returns
    -------
    tuple of int
        Rows and columns in px: the largest of the same aspect ratio that fit, each at least 1; those of the input where
        the crop is stretched.
    """
    if preprocessing.fit == "stretch":
        return preprocessing.rows, preprocessing.columns
    rows, columns = shape
    factor = min(preprocessing.rows / rows, preprocessing.columns / columns)
    return max(1, round(rows * factor)), max(1, round(columns * factor))


def encode_sex(sex: Sex) -> float:
    """Return a sex as networks take it: 1 male, 0 female, NaN if it is not known.

    Parameters
    ----------
    sex
        Patient's sex.

    Returns
    -------
    float
        1, 0 or NaN; an unknown sex is never a known one, nor one half.
    """
    return _SEX_INPUT.get(sex, float("nan"))


def _palm_box(radiograph: npt.NDArray[np.uint16], path: Path) -> Box:
    edges = palm.detector(path).find(preprocess(radiograph, _PALM_INPUT))
    if edges is None:
        return whole(radiograph.shape)
    place = placed(radiograph.shape, _PALM_INPUT)
    down, across = radiograph.shape[0] / place.shape[0], radiograph.shape[1] / place.shape[1]
    top, left, bottom, right = edges
    moved = (top - place.top) * down, (left - place.left) * across, (bottom - place.top) * down
    return with_margin(radiograph.shape, (*moved, (right - place.left) * across))


def _resize(radiograph: npt.NDArray[np.uint16], rows: int, columns: int) -> npt.NDArray[np.float32]:
    is_shrinking = rows < radiograph.shape[0] or columns < radiograph.shape[1]
    interpolation = cv2.INTER_AREA if is_shrinking else cv2.INTER_LINEAR
    resized = cv2.resize(radiograph.astype(np.float32), (columns, rows), interpolation=interpolation)
    return resized.astype(np.float32, copy=False)


def _scale(grey: npt.NDArray[np.float32], percentiles: tuple[float, float] | None) -> npt.NDArray[np.float32]:
    low, high = np.percentile(grey, percentiles) if percentiles else (0.0, float(_FULL_SCALE))
    span = max(float(high - low), 1.0)  # a constant picture, which reading rejects, becomes black
    scaled: npt.NDArray[np.float32] = np.clip((grey - np.float32(low)) / np.float32(span), 0, 1)
    return scaled
