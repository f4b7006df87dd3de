"""A picture to write and draw on: texts by OpenCV's own font, wrapped where they end, and plain shapes.

Used by :mod:`picture`. Places are (left, top) in px, colours red, green, blue.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

REGULAR: Final = 400
BOLD: Final = 600
_LINE: Final = 1.35  # from one line of text to the next, in sizes
_FONT: Final = "sans"  # the one that OpenCV carries; it has what Latin texts need

Colour = tuple[int, int, int]


class Style(NamedTuple):
    """How a text looks: its size in px, its colour and its weight."""

    size: int
    colour: Colour
    weight: int = REGULAR


class Canvas:
    """The picture under the pen.

    Parameters
    ----------
    rows, columns
        Its size in px.
    background
        Its colour.
    """

    def __init__(self, rows: int, columns: int, background: Colour) -> None:
        self.pixels: NDArray[np.uint8] = np.full((rows, columns, 3), background, np.uint8)
        self._font = cv2.FontFace(_FONT)

    def write(self, words: str, left: int, top: int, style: Style, width: int) -> int:
        """Write words, as many lines as they need, and return the row below them.

        Parameters
        ----------
        words
            Of Latin letters.
        left, top
            Where they begin.
        style
            How they look.
        width
            Where a line ends; a longer word goes beyond it.
        """
        for line in self._wrapped(words, style, width):
            top += round(style.size * _LINE)
            base = (left, top - round(style.size * (_LINE - 1)))
            cv2.putText(self.pixels, line, base, style.colour, self._font, style.size, style.weight)
        return top

    def width_of(self, words: str, style: Style) -> int:
        """Return how wide words are in one line."""
        box = cv2.getTextSize((0, 0), words, (0, 0), self._font, style.size, style.weight)
        return int(box[2])

    def fill(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a rectangle."""
        corners = (round(left), round(top)), (round(right) - 1, round(bottom) - 1)
        cv2.rectangle(self.pixels, *corners, colour, cv2.FILLED)

    def frame(self, corner: tuple[int, int], size: tuple[int, int], colour: Colour, thickness: int) -> None:
        """Draw a rectangle's outline, inside of it; its size is in rows and columns."""
        (left, top), (right, bottom) = corner, (corner[0] + size[1], corner[1] + size[0])
        self.fill(left, top, right, top + thickness, colour)
        self.fill(left, bottom - thickness, right, bottom, colour)
        self.fill(left, top, left + thickness, bottom, colour)
        self.fill(right - thickness, top, right, bottom, colour)

    def put(self, image: NDArray[np.uint8], left: int, top: int) -> None:
        """Lay a picture (rows, columns, 3) on it."""
        self.pixels[top : top + image.shape[0], left : left + image.shape[1]] = image

    def triangle(self, x: float, y: float, size: float, colour: Colour) -> None:
        """Draw a triangle that points down to a place; up where the size is negative."""
        corners = np.array([(x, y), (x - abs(size) * 0.7, y - size), (x + abs(size) * 0.7, y - size)])
        cv2.fillPoly(self.pixels, [np.rint(corners).astype(np.int32)], colour, cv2.LINE_AA)

    def _wrapped(self, words: str, style: Style, width: int) -> list[str]:
        lines: list[str] = []
        for word in words.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width_of(longer, style) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines
