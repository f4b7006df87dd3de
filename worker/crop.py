"""Where the hand lies in a standard radiograph, by grey values alone: a box around the largest bright part.

Before it: `worker.read` wrote the standard radiograph. After it: `worker.preprocess` cuts the box out, and
`worker.explain` draws the heat map back into it.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

_LONG_SIDE_PIXELS: Final = 256  # in which the hand is looked for; a finger is about ten wide
_BLUR_PIXELS: Final = 1.5
_CLOSING_PIXELS: Final = 7  # bridges a growth plate, not the gap between fingers
_OPENING_PIXELS: Final = 3  # removes lines: film frames, scratches, rims of collimation
_SOFT_TISSUE: Final = 0.35  # of the way from the mean of the dark to the mean of the bright class
_WHITE: Final = 0.8  # of the same way, from which on a bar along the border is no uneven background
_DARK_SPREADS: Final = 2.5  # standard deviations of the dark class below which nothing is tissue
_BAR_FRACTION: Final = 0.9  # of a row or column at the border: brighter than any wrist is wide
_WIDEST_BAR: Final = 1 / 3  # of the picture; more is an uneven background
_FIELD_FRACTION: Final = 0.88  # of its smallest rectangle: fuller than any hand
_RIM_FRACTION: Final = 0.06  # of an exposed field's short side, in which its frame lies
_FIELDS: Final = 3  # nested at most: shutter, film frame, hand
_PART_FRACTION: Final = 0.3  # of the largest part's area, from which on a second one is kept too
_SMALLEST_FRACTION: Final = 0.03  # of the radiograph; less is no hand
_MARGIN_FRACTION: Final = 0.05  # of the box's long side

Mask = npt.NDArray[np.uint8]


class Box(NamedTuple):
    """A part of a standard radiograph, in px; `bottom` and `right` are the first row and column outside."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """What to index a picture with, to get the part."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def whole(shape: tuple[int, ...]) -> Box:
    """Return the box of a whole radiograph.

    Parameters
    ----------
    shape
        (rows, columns) in px.
    """
    return Box(0, 0, shape[0], shape[1])


def with_margin(shape: tuple[int, ...], edges: tuple[float, float, float, float]) -> Box:
    """Return the box around a hand's edges, with a margin, inside its radiograph.

    Parameters
    ----------
    shape
        (rows, columns) of the radiograph in px.
    edges
        Top, left, bottom and right of the hand in px; they may lie outside.

    Returns
    -------
    Box
        Wider by 5% of its long side on each side, as far as the radiograph goes; the whole radiograph where the edges
        do not touch it.
    """
    top, left, bottom, right = edges
    margin = _MARGIN_FRACTION * max(bottom - top, right - left)
    box = Box(
        max(0, int(np.floor(top - margin))),
        max(0, int(np.floor(left - margin))),
        min(shape[0], int(np.ceil(bottom + margin))),
        min(shape[1], int(np.ceil(right + margin))),
    )
    return box if min(box.shape) > 0 else whole(shape)


def hand_box(radiograph: npt.NDArray[np.uint16]) -> Box:
    """Find the hand by its brightness.

    Bright bars along the border are left out, and so is what surrounds an exposed field or a film frame. In what
    remains, the largest bright part is the hand; another part nearly as large, such as a second hand, is kept with it.

    Parameters
    ----------
    radiograph
        (rows, columns) uint16, bone bright. Not changed.

    Returns
    -------
    Box
        Around the hand, with a margin; the whole radiograph where nothing looks like a hand, or it fills the picture.

    References
    ----------
    Otsu, A threshold selection method from gray-level histograms, 1979, doi:10.1109/TSMC.1979.4310076.
    """
    mask = hand_mask(radiograph)
    if mask is None:
        return whole(radiograph.shape)
    left, top, width, height = cv2.boundingRect(mask)
    down, across = radiograph.shape[0] / mask.shape[0], radiograph.shape[1] / mask.shape[1]
    return with_margin(radiograph.shape, (top * down, left * across, (top + height) * down, (left + width) * across))


def hand_mask(radiograph: npt.NDArray[np.uint16]) -> Mask | None:
    """Find what is the hand by its brightness, as `hand_box` does.

    Parameters
    ----------
    radiograph
        (rows, columns) uint16, bone bright. Not changed.

    Returns
    -------
    numpy.ndarray or None
        (rows, columns) uint8, 1 in the hand and 0 outside, the long side 256 px or as the radiograph's if that is
        less; None where nothing looks like a hand, or it fills the picture.
    """
    factor = min(1.0, _LONG_SIDE_PIXELS / max(radiograph.shape))
    rows, columns = (max(1, round(side * factor)) for side in radiograph.shape)
    small = cv2.resize(radiograph.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.GaussianBlur(small, (0, 0), _BLUR_PIXELS), np.float32)
    everywhere = np.ones(grey.shape, np.uint8)
    return _hand(grey, _without_bars(_bright(grey, everywhere, _WHITE)))


def _hand(grey: npt.NDArray[np.float32], field: Mask, fields: int = _FIELDS) -> Mask | None:
    """Return where the hand is in a field, 0 or 1, or None if nothing is plausible."""
    parts = _large_parts(_bright(grey, field, _SOFT_TISSUE))
    if fields == 0 or parts.sum() < _SMALLEST_FRACTION * grey.size:
        return None
    outline = _outline(parts)
    rectangle = cv2.minAreaRect(outline)[1]
    if cv2.contourArea(outline) < _FIELD_FRACTION * rectangle[0] * rectangle[1]:
        return None if _touches_all_borders(parts) else parts
    filled = np.asarray(cv2.drawContours(np.zeros_like(field), [outline], -1, 1, cv2.FILLED), np.uint8)
    rim = _disc(2 * round(_RIM_FRACTION * min(rectangle)) + 1)
    inner = np.asarray(cv2.erode(filled, rim, borderType=cv2.BORDER_CONSTANT, borderValue=0), np.uint8) & field
    hand = _hand(grey, inner, fields - 1)
    if hand is None:
        return None
    return hand | np.asarray(cv2.dilate(hand, rim), np.uint8) & filled & (1 - inner)  # a hand that reached the rim


def _bright(grey: npt.NDArray[np.float32], field: Mask, level: float) -> Mask:
    """Return what is brighter than the background of a field, 0 or 1, gaps closed and lines removed.

    The level is 0 at the mean of what is dark in the field, and 1 at the mean of what is bright.
    """
    is_inside = field == 1
    if not is_inside.any():
        return np.zeros_like(field)
    low, high = np.percentile(grey[is_inside], (0.5, 99.5))
    # By the square root, so that soft tissue falls to bone's side and not to the background's.
    rooted = np.sqrt(np.clip((grey - low) / max(high - low, 1.0), 0, 1))
    eight_bits = np.rint(rooted * 255).astype(np.uint8)
    values = eight_bits[is_inside]
    otsu, _ = cv2.threshold(values, 0, 255, cv2.THRESH_OTSU)
    dark, light = values[values <= otsu], values[values > otsu]
    if light.size == 0:
        return np.zeros_like(field)
    above_noise = min(otsu, dark.mean() + _DARK_SPREADS * dark.std())
    threshold = max(dark.mean() + level * (light.mean() - dark.mean()), above_noise)
    bright = ((eight_bits > threshold) & is_inside).astype(np.uint8)
    opened = cv2.morphologyEx(bright, cv2.MORPH_OPEN, _disc(_OPENING_PIXELS))
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_CLOSE, _disc(_CLOSING_PIXELS)), np.uint8) & field


def _without_bars(bright: Mask) -> Mask:
    """Return 1 but for rows and columns along the border that are bright nearly from end to end."""
    field = np.ones_like(bright)
    for turn in range(4):
        lines = np.rot90(bright, turn).mean(axis=1) > _BAR_FRACTION
        count = len(lines) if lines.all() else int(np.argmin(lines))
        if 0 < count <= _WIDEST_BAR * len(lines):
            np.rot90(field, turn)[: count + 2] = 0  # two more, for the blur
    return field


def _large_parts(bright: Mask) -> Mask:
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    areas = statistics[1:count, cv2.CC_STAT_AREA]
    kept = 1 + np.flatnonzero(areas >= _PART_FRACTION * areas.max(initial=0))
    return np.isin(labels, kept).astype(np.uint8)


def _outline(parts: Mask) -> npt.NDArray[np.int32]:
    contours, _ = cv2.findContours(parts, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(max(contours, key=cv2.contourArea), np.int32)


def _touches_all_borders(parts: Mask) -> bool:
    return all(bool(border.any()) for border in (parts[0], parts[-1], parts[:, 0], parts[:, -1]))


def _disc(diameter: int) -> Mask:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter)), np.uint8)
