"""From paths through the hand to a radiograph: attenuation, scatter, blur, quantum noise, and the console's display.

Before it come `thickness` and `appearance`; after it `background` finishes the picture.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.phantom.appearance import Appearance
from training.phantom.thickness import Thickness

_BRIGHTEST_PERCENTILE = 99.7


def trabecular_texture(
    shape: tuple[int, int], pixels_per_mm: float, strength: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw how dense spongy bone is from place to place.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    pixels_per_mm : float
        Scale of the picture.
    strength : float
        Standard deviation of the pattern.
    rng : numpy.random.Generator
        Source of the pattern.

    Returns
    -------
    ndarray
        (rows, columns) float32 ≥ 0, around 1; trabeculae about 0.7 mm apart.
    """
    noise = rng.standard_normal(shape, dtype=np.float32)
    sigma = max(0.2 * pixels_per_mm, 0.6)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
    # A blur of standard deviation s leaves white noise 1/(2·s·√π) of its own.
    return np.asarray(np.maximum(1 + strength * smooth * np.float32(2 * sigma * np.sqrt(np.pi)), 0), np.float32)


def attenuation(thickness: Thickness, appearance: Appearance) -> NDArray[np.float32]:
    """Add up what weakens the beam.

    Parameters
    ----------
    thickness : Thickness
        Paths in mm.
    appearance : Appearance
        Attenuation of either tissue.

    Returns
    -------
    ndarray
        (rows, columns) float32 ≥ 0: the line integral of attenuation.
    """
    bone, soft = np.float32(appearance.bone_per_mm), np.float32(appearance.soft_tissue_per_mm)
    return thickness.bone_mm * bone + thickness.soft_tissue_mm * soft


def expose(
    line_integral: NDArray[np.float32], pixels_per_mm: float, appearance: Appearance, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Let the beam reach the detector, and take the logarithm as a console does.

    Parameters
    ----------
    line_integral : ndarray
        (rows, columns) float32 of attenuation.
    pixels_per_mm : float
        Scale of the picture.
    appearance : Appearance
        Scatter, blur and photons.
    rng : numpy.random.Generator
        Source of the quantum noise.

    Returns
    -------
    ndarray
        (rows, columns) float32: negative logarithm of the detected share of the beam.
    """
    share = (np.exp(-line_integral) + np.float32(appearance.scatter)) / np.float32(1 + appearance.scatter)
    sigma = appearance.blur_mm * pixels_per_mm
    if sigma > 0.2:  # noqa: PLR2004  a narrower kernel is one pixel wide
        share = np.asarray(cv2.GaussianBlur(share, (0, 0), sigma), np.float32)
    photons = np.float32(appearance.photons / share.shape[0] ** 2)
    noise = rng.standard_normal(share.shape, dtype=np.float32) * np.sqrt(share / photons)
    return np.asarray(-np.log(np.maximum(share + noise, np.float32(1e-3))), np.float32)


def display(
    detected: NDArray[np.float32], is_hand: NDArray[np.bool_], pixels_per_mm: float, appearance: Appearance
) -> NDArray[np.float32]:
    """Turn detector values into grey levels, bone bright, as a console does.

    Parameters
    ----------
    detected : ndarray
        (rows, columns) float32 logarithmic detector values.
    is_hand : ndarray
        (rows, columns) bool: what the window is chosen for.
    pixels_per_mm : float
        Scale of the picture.
    appearance : Appearance
        Edge enhancement, window and display curve.

    Returns
    -------
    ndarray
        (rows, columns) float32 in [0, 1].
    """
    reach = appearance.edge_mm * pixels_per_mm
    sharp = detected + np.float32(appearance.edge_enhancement) * (detected - _wide_blur(detected, reach))
    inside = sharp[is_hand] if is_hand.any() else sharp
    high = float(np.percentile(inside[::7], _BRIGHTEST_PERCENTILE))
    level = np.clip(sharp / np.float32(max(high, 1e-3)), 0, 1) ** np.float32(appearance.gamma)
    return np.asarray(appearance.darkest + (appearance.brightest - appearance.darkest) * level, np.float32)


def _wide_blur(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur on a picture reduced until the kernel is small: a wide Gaussian needs no fine grid."""
    factor = max(1, int(sigma / 2))
    rows, columns = image.shape
    small = cv2.resize(image, (max(columns // factor, 1), max(rows // factor, 1)), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return np.asarray(cv2.resize(smooth, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)
