"""The pattern of spongy bone: a net of trabeculae, drawn longer along the bone than across it.

Before it comes nothing but chance; `mineral` reads the pattern at each pixel of a bone.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE: Final = 512
"""Rows and columns of the tile, which repeats."""
_TILE_PIXELS_PER_MM: Final = 6.0
_VARIANTS: Final = 12


@dataclass(frozen=True)
class Spongiosa:
    """How dense spongy bone is from place to place.

    Attributes
    ----------
    tile : ndarray
        (SIDE, SIDE) float32 around 1, sharp enough for one size of picture; repeats.
    pixels_per_mm : float
        Of the tile, across a bone; coarser trabeculae have fewer.
    stretch : float
        How many times longer the pattern is along a bone.
    """

    tile: NDArray[np.float32]
    pixels_per_mm: float
    stretch: float

    def at(self, u_mm: NDArray[np.float32], v_mm: NDArray[np.float32]) -> NDArray[np.float32]:
        """Read the pattern.

        Parameters
        ----------
        u_mm, v_mm : ndarray
            (n,) places across and along a bone.

        Returns
        -------
        ndarray
            (n,) float32 ≥ 0, around 1.
        """
        column = (u_mm * np.float32(self.pixels_per_mm)).astype(np.int32) & (SIDE - 1)
        row = (v_mm * np.float32(self.pixels_per_mm / self.stretch)).astype(np.int32) & (SIDE - 1)
        return self.tile.ravel()[row * SIDE + column]


def spongiosa(variant: int, strength: float, coarseness: float, stretch: float, pixels_per_mm: float) -> Spongiosa:
    """Make the pattern of one hand for one size of picture.

    Parameters
    ----------
    variant : int
        Which pattern.
    strength : float
        Its standard deviation at full sharpness.
    coarseness : float
        Factor on the distance of trabeculae.
    stretch : float
        How many times longer they are along a bone.
    pixels_per_mm : float
        Of the picture.

    Returns
    -------
    Spongiosa
        The same for the same arguments.
    """
    tile_pixels_per_mm = _TILE_PIXELS_PER_MM / coarseness
    # In half octaves, so that few blurred tiles are kept.
    octave = max(0, round(2 * float(np.log2(tile_pixels_per_mm / pixels_per_mm))))
    tile = np.maximum(1 + np.float32(strength) * _blurred(variant % _VARIANTS, octave), np.float32(0.05))
    return Spongiosa(tile, tile_pixels_per_mm, stretch)


@lru_cache(maxsize=128)
def _blurred(variant: int, octave: int) -> NDArray[np.float32]:
    """Return the pattern as pixels of 2**(octave / 2) of the tile's see it."""
    sigma = 0.45 * 2 ** (octave / 2)
    return _wrapped_blur(_net(variant), sigma) if octave else _net(variant)


@lru_cache(maxsize=_VARIANTS)
def _net(variant: int) -> NDArray[np.float32]:
    """Draw a net of bright strands with blotches, of mean 0 and standard deviation 1.

    Strands are where one of two smooth noises passes through zero: 0.6 to 1.2 mm apart, as trabeculae are seen.
    """
    rng = np.random.default_rng([variant, 7])
    strands = np.zeros((SIDE, SIDE), np.float32)
    for sigma in (1.2, 2.0, 3.4):
        noise = _wrapped_blur(rng.standard_normal((SIDE, SIDE), dtype=np.float32), sigma)
        strands += np.exp(-((noise / (0.55 * noise.std())) ** 2))
    blotches = _wrapped_blur(rng.standard_normal((SIDE, SIDE), dtype=np.float32), 9.0)
    pattern = strands / strands.std() + 0.25 * blotches / blotches.std()
    return np.asarray((pattern - pattern.mean()) / pattern.std(), np.float32)


def _wrapped_blur(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    margin = min(SIDE // 2, int(4 * sigma) + 1)
    padded = np.pad(image, margin, mode="wrap")
    return np.asarray(cv2.GaussianBlur(padded, (0, 0), sigma)[margin:-margin, margin:-margin], np.float32)
