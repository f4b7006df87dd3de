"""From paths through the hand to detector values: attenuation, scatter, blur, quantum noise, detector or film.

Before it come the paths of `mineral` and `flesh`; after it `console` makes a picture of the values.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.hand.blur import wide_blur
from training.hand.look import Beam

Float32 = NDArray[np.float32]

# A film's toe and shoulder: optical density against the logarithm of exposure is a logistic curve of some 2.5 to 3 per
# decade in its middle (Haus and Jaskulski, The Basics of Film Processing in Medical Imaging, 1997).
_FILM_SLOPE = 1.15
_LEAST_SHARE = 1e-3


def expose(
    mineral_mm: Float32, flesh_mm: Float32, pixels_per_mm: float, beam: Beam, rng: np.random.Generator
) -> Float32:
    """Let the beam reach the detector, and take the logarithm as a console does.

    Parameters
    ----------
    mineral_mm, flesh_mm : ndarray
        (rows, columns) float32: paths of the beam.
    pixels_per_mm : float
        Scale of the picture.
    beam : Beam
        How it is exposed.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    ndarray
        (rows, columns) float32: negative logarithm of the detected share of the beam, 0 in air; of a film, density.
    """
    bone, soft = np.float32(beam.bone_per_mm), np.float32(beam.soft_tissue_per_mm)
    primary = np.exp(-(mineral_mm * bone + flesh_mm * soft))
    scattered = wide_blur(primary * (flesh_mm > 0), beam.scatter_mm * pixels_per_mm)
    share = primary + np.float32(beam.scatter) * scattered
    sigma = beam.blur_mm * pixels_per_mm
    if sigma > 0.2:  # noqa: PLR2004  a narrower kernel is one pixel wide
        share = np.asarray(cv2.GaussianBlur(share, (0, 0), sigma), np.float32)
    photons = np.float32(beam.photons / share.shape[0] ** 2)
    noise = rng.standard_normal(share.shape, dtype=np.float32)
    grain = rng.standard_normal(share.shape, dtype=np.float32)
    share = np.maximum(share + noise * np.sqrt(share / photons), np.float32(_LEAST_SHARE))
    detected = -np.log(share)
    return _film(detected, grain * np.float32(beam.grain)) if beam.is_film else detected


def _film(detected: Float32, grain: Float32) -> Float32:
    """Develop a film: what the beam reaches least stays clear, and both ends are compressed."""
    middle = np.float32(0.75)
    clear = 1 / (1 + np.exp(-np.float32(2 * _FILM_SLOPE) * (detected - middle)))
    return np.asarray(clear + grain, np.float32)
