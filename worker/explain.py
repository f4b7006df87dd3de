"""Grad-CAM: kept small as numbers, drawn over the radiograph only when somebody looks.

Before it: an engine gave the heat map with the estimate. After it: ``worker.record`` stores the numbers, and the
contact sheet and the pictures for readers are drawn from them.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.preprocess import Preprocessing, fitted_size

OPACITY = 0.55  # of the hottest place; the bone below stays readable
_CELL_PIXELS = 32  # scale of the letterbox in which the heat map's frame is found


@dataclass(frozen=True)
class HeatMap:
    """A heat map as it is stored.

    Attributes
    ----------
    grid
        (rows, columns) float32, 0 to 1, over the network's input, letterbox included.
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


def over_radiograph(grid: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Spread a stored heat map over the radiograph it explains, leaving out the letterbox around it.

    Parameters
    ----------
    grid
        (rows, columns) float32 in [0, 1], over the network's input, whose aspect ratio it has.
    rows, columns
        Size of the standard radiograph in px.

    Returns
    -------
    numpy.ndarray
        (rows, columns) float32 in [0, 1].
    """
    frame = Preprocessing(rows=grid.shape[0] * _CELL_PIXELS, columns=grid.shape[1] * _CELL_PIXELS)
    inner_rows, inner_columns = fitted_size((rows, columns), frame)
    top, left = (frame.rows - inner_rows) // 2, (frame.columns - inner_columns) // 2
    spread = cv2.resize(grid, (frame.columns, frame.rows), interpolation=cv2.INTER_CUBIC)
    inner = spread[top : top + inner_rows, left : left + inner_columns]
    return np.clip(cv2.resize(inner, (columns, rows), interpolation=cv2.INTER_LINEAR), 0, 1).astype(np.float32)


def overlay(radiograph: NDArray[np.uint16], grid: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draw a heat map over its radiograph.

    Parameters
    ----------
    radiograph
        (rows, columns) uint16, bone bright. Not changed.
    grid
        (rows, columns) float32 in [0, 1], as stored.

    Returns
    -------
    numpy.ndarray
        (rows, columns, 3) uint8, red, green, blue. Where the map is 0 the radiograph shows unchanged.
    """
    heat = over_radiograph(np.asarray(grid, np.float32), *radiograph.shape)
    colours: NDArray[Any] = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    opacity = (OPACITY * heat)[:, :, None]
    grey = (radiograph / 257.0)[:, :, None]
    blended: NDArray[np.float64] = grey * (1 - opacity) + colours * opacity
    return np.clip(blended, 0, 255).astype(np.uint8)
