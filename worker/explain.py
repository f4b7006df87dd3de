"""Grad-CAM: kept small as numbers, drawn over the radiograph only when somebody looks.

Before it: an engine gave the heat map with the estimate. After it: ``worker.record`` stores the numbers, and the
contact sheet and the pictures for readers are drawn from them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.preprocess import Preprocessing, crop_box, placed
from worker.radiograph import as_assessed, is_mirrored

OPACITY = 0.55  # of the hottest place; the bone below stays readable


@dataclass(frozen=True)
class HeatMap:
    """A heat map as it is stored.

    Attributes
    ----------
    grid
        (rows, columns) float32, 0 to 1, over the network's input, padding included.
    peak_months
        What 1 stands for, in months of the estimate; 0 for an empty map.
    """

    grid: NDArray[np.float32]
    peak_months: float


def explain(heat_map: NDArray[np.float32]) -> HeatMap:
    """Separate a heat map's shape from its scale.

    Parameters
    ----------
    heat_map
        (rows, columns) float32 ≥ 0, as an engine gives it. Not changed.
    """
    peak_months = float(heat_map.max())
    grid = heat_map / np.float32(peak_months) if peak_months > 0 else np.zeros_like(heat_map)
    return HeatMap(grid.astype(np.float32), peak_months)


def over_radiograph(
    grid: NDArray[np.float32], radiograph: NDArray[np.uint16], preprocessing: Preprocessing, folder: Path = Path()
) -> NDArray[np.float32]:
    """Spread a stored heat map over the radiograph it explains.

    Parameters
    ----------
    grid
        (rows, columns) float32 in [0, 1], over the network's input.
    radiograph
        (rows, columns) uint16: the standard radiograph, in the size in which it was assessed. Not changed.
    preprocessing
        How the model that made the heat map wants its input, from its card.
    folder
        Where `crop_model` lies: the bundle's folder.

    Returns
    -------
    numpy.ndarray
        (rows, columns) float32 in [0, 1], of the radiograph's size; 0 outside the crop, which the network did not see.
    """
    box = crop_box(radiograph, preprocessing, folder)
    place = placed(box.shape, preprocessing)
    spread = cv2.resize(grid, (preprocessing.columns, preprocessing.rows), interpolation=cv2.INTER_CUBIC)
    rows, columns = box.shape
    heat = np.zeros(radiograph.shape, np.float32)
    heat[box.slices] = cv2.resize(spread[place.slices], (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.clip(heat, 0, 1)


def overlay(
    radiograph: NDArray[np.uint16], grid: NDArray[np.float32], preprocessing: Preprocessing, folder: Path = Path()
) -> NDArray[np.uint8]:
    """Draw a heat map over its radiograph.

    Parameters
    ----------
    radiograph
        (rows, columns) uint16, bone bright, in the size in which it was assessed. Not changed.
    grid
        (rows, columns) float32 in [0, 1], as stored.
    preprocessing
        How the model that made the heat map wants its input, from its card.
    folder
        Where `crop_model` lies: the bundle's folder.

    Returns
    -------
    numpy.ndarray
        (rows, columns, 3) uint8, red, green, blue. Where the map is 0 the radiograph shows unchanged.
    """
    heat = over_radiograph(np.asarray(grid, np.float32), radiograph, preprocessing, folder)
    colours: NDArray[Any] = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    opacity = (OPACITY * heat)[:, :, None]
    grey = (radiograph / 257.0)[:, :, None]
    blended: NDArray[np.float64] = grey * (1 - opacity) + colours * opacity
    return np.clip(blended, 0, 255).astype(np.uint8)


def overlay_as_shown(
    radiograph: NDArray[np.uint16],
    notes: Collection[str],
    grid: NDArray[np.float32],
    preprocessing: Preprocessing,
    folder: Path = Path(),
) -> NDArray[np.uint8]:
    """Draw a stored heat map over its radiograph as a reader shall see it, whatever was done before the network saw it.

    Parameters
    ----------
    radiograph
        The standard one, (rows, columns) uint16, as it was stored. Not changed.
    notes
        Of the assessment.
    grid, preprocessing, folder
        As for `overlay`.

    Returns
    -------
    numpy.ndarray
        (rows, columns, 3) uint8, red, green, blue, over what `worker.radiograph.as_shown` returns: a negative is
        inverted, a hand that was assessed mirrored lies as it came.
    """
    drawn = overlay(as_assessed(radiograph, notes), grid, preprocessing, folder)
    return np.ascontiguousarray(drawn[:, ::-1]) if is_mirrored(notes) else drawn
