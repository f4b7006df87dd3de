"""Where the hand lies, by MediaPipe's palm detector: its network is run by OpenCV, its answer is decoded here.

Before it: `worker.preprocess` made the detector's input of the radiograph. After it: the same cuts out what is found.
The network's file is not part of Carpus; whoever wants this crop downloads it, and a bundle then carries it along.

References
----------
Zhang et al., MediaPipe Hands: On-device Real-time Hand Tracking, 2020, arXiv:2006.10214. The anchors, the layout of the
18 numbers per anchor and the way from palm to hand are those of MediaPipe's graphs ``palm_detection_cpu`` and
``palm_detection_detection_to_roi``.
"""

import threading
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from db.errors import PermanentError

INPUT_PIXELS: Final = 192  # rows and columns
ANCHORS_PER_CELL: Final = ((8, 2), (16, 6))  # stride in px, and how many anchors lie in each of its cells
REGRESSORS: Final = 18  # x, y, width, height, and x and y of seven landmarks, in px from the anchor
_WRIST: Final = 0  # the landmark at its centre
_MIDDLE_FINGER: Final = 2  # the landmark at its metacarpophalangeal joint
_LEAST_SCORE: Final = 0.5
_LEAST_OVERLAP: Final = 0.3  # intersection over union from which on two anchors mean the same palm
_HAND_PER_PALM: Final = 2.6  # sides of the squares around them
_SHIFT_PER_PALM: Final = 0.5  # of the palm's height, from its centre to the hand's, towards the fingers

Floats = npt.NDArray[np.float64]
Edges = tuple[float, float, float, float]


class Palm(NamedTuple):
    """A palm in the detector's input, in fractions of its side.

    Attributes
    ----------
    score
        0 to 1.
    x, y, width, height
        Of its centre, and its size.
    landmarks
        (7, 2) float64, x and y: wrist, index, middle, ring and little finger's first joint, and two of the thumb.
    """

    score: float
    x: float
    y: float
    width: float
    height: float
    landmarks: Floats


def anchors() -> Floats:
    """Return the anchors in the order of the network's outputs.

    Returns
    -------
    numpy.ndarray
        (2016, 2) float64: x and y of each centre, in fractions of the input's side.
    """
    layers = []
    for stride, count in ANCHORS_PER_CELL:
        centres = (np.arange(INPUT_PIXELS // stride) + 0.5) * stride / INPUT_PIXELS
        y, x = np.meshgrid(centres, centres, indexing="ij")
        layers.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), count, axis=0))
    return np.concatenate(layers)


def decode(regressors: npt.NDArray[np.float32], logits: npt.NDArray[np.float32]) -> Palm | None:
    """Return the palm that the network is most certain of.

    Parameters
    ----------
    regressors
        (2016, 18) float32, in px of the input from each anchor.
    logits
        (2016,) float32; a palm is where the logistic function of it is at least 0.5.

    Returns
    -------
    Palm or None
        The mean, by score, of the best anchor and those that overlap it; None where there is no palm.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
    seen = np.flatnonzero(scores >= _LEAST_SCORE)
    if seen.size == 0:
        return None
    points = regressors[seen].astype(np.float64).reshape(-1, REGRESSORS // 2, 2) / INPUT_PIXELS
    points[:, [0, *range(2, REGRESSORS // 2)]] += anchors()[seen][:, np.newaxis]  # all but width and height
    best = int(scores[seen].argmax())
    is_same = _overlaps(points[:, 0], points[:, 1], best) >= _LEAST_OVERLAP
    is_same[best] = True
    mean = np.average(points[is_same], axis=0, weights=scores[seen][is_same])
    (x, y), (width, height) = mean[:2].tolist()
    return Palm(float(scores[seen][best]), x, y, width, height, mean[2:])


def hand_edges(palm: Palm) -> Edges:
    """Return the upright box around the hand of a palm.

    Parameters
    ----------
    palm
        From `decode`.

    Returns
    -------
    tuple of float
        Top, left, bottom and right in fractions of the input's side: the box of a square that is turned as the hand is,
        from the wrist to the middle finger. They may lie outside the input.
    """
    across, down = palm.landmarks[_MIDDLE_FINGER] - palm.landmarks[_WRIST]
    length = float(np.hypot(across, down))
    across, down = (across / length, down / length) if length > 0 else (0.0, -1.0)  # upright, where it is not known
    x, y = (
        palm.x + across * _SHIFT_PER_PALM * palm.height,
        palm.y + down * _SHIFT_PER_PALM * palm.height,
    )
    half = max(palm.width, palm.height) * _HAND_PER_PALM / 2 * (abs(across) + abs(down))
    return float(y - half), float(x - half), float(y + half), float(x + half)


class Detector:
    """A palm detector that is loaded and has answered once; safe to share between threads.

    Parameters
    ----------
    path
        Its file, ``.tflite`` or ``.onnx``.

    Raises
    ------
    PermanentError
        If it cannot be read, or is no palm detector; the message says what is expected, and where.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()  # a network of OpenCV keeps its input
        try:
            self._network = _read(path)
        except cv2.error as error:
            raise _refusal(path, "it cannot be read") from error
        blank = np.zeros((1, INPUT_PIXELS, INPUT_PIXELS, 3), np.float32)
        # A network converted to ONNX takes rows, columns, channels as the original does; OpenCV's own order for TFLite
        # is channels, rows, columns. The wrong one cannot pass: no layer takes 192 channels.
        for self._is_channels_first in (path.suffix == ".tflite", path.suffix != ".tflite"):
            try:
                self._run(blank)
            except (cv2.error, ValueError):
                continue
            return
        raise _refusal(path, "its input or its outputs are others")

    def find(self, picture: npt.NDArray[np.float32]) -> Edges | None:
        """Find the hand in a picture.

        Parameters
        ----------
        picture
            (192, 192, 1) float32 in [0, 1], bone bright. Not changed.

        Returns
        -------
        tuple of float or None
            Top, left, bottom and right of the hand in px of the picture; None where no palm is seen.
        """
        regressors, logits = self._run(np.repeat(picture, 3, axis=2)[np.newaxis])
        palm = decode(regressors, logits)
        if palm is None:
            return None
        top, left, bottom, right = (edge * INPUT_PIXELS for edge in hand_edges(palm))
        return top, left, bottom, right

    def _run(self, image: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        count = len(anchors())
        blob = np.ascontiguousarray(image.transpose(0, 3, 1, 2)) if self._is_channels_first else image
        with self._lock:
            self._network.setInput(blob)
            outputs = [
                np.array(output) for output in self._network.forward(self._network.getUnconnectedOutLayersNames())
            ]
        logits, regressors = sorted(outputs, key=np.size)  # a ValueError, unless there are two
        return regressors.reshape(count, REGRESSORS), logits.reshape(count)


@cache
def detector(path: Path) -> Detector:
    """Load a palm detector, once in a process.

    Parameters
    ----------
    path
        Its file.

    Raises
    ------
    PermanentError
        If it cannot be read, or is no palm detector.
    """
    return Detector(path)


def _read(path: Path) -> Any:
    if path.suffix == ".tflite":
        # Of OpenCV 5's engines only this one gives both outputs of a TFLite network, and only from a file.
        return cv2.dnn.readNetFromTFLite(str(path), engine=cv2.dnn.ENGINE_CLASSIC)
    return cv2.dnn.readNetFromONNX(str(path))


def _refusal(path: Path, reason: str) -> PermanentError:
    return PermanentError(
        f"crop_model: {path}: expected MediaPipe's palm detector for {INPUT_PIXELS} px, as .tflite"
        f" (palm_detection_full.tflite, palm_detection_lite.tflite) or converted to .onnx, but {reason};"
        " download it and give its path"
    )


def _overlaps(centres: Floats, sizes: Floats, best: int) -> Floats:
    """Return the intersection over union of each box with the best."""
    low, high = centres - sizes / 2, centres + sizes / 2
    sides = np.clip(np.minimum(high, high[best]) - np.maximum(low, low[best]), 0, None)
    intersection, areas = sides.prod(axis=1), sizes.prod(axis=1)
    return np.asarray(intersection / np.maximum(areas + areas[best] - intersection, 1e-12), np.float64)
