"""How the hand lies on the detector: spread and bend of the fingers, and where the hand is in the picture.

Before it comes nothing but chance; `anatomy` uses the joints' angles, `raster` the framing.
"""

from dataclasses import dataclass

import numpy as np

from training.phantom.outline import Points

# Lean to the thumb's side, degrees, of the metacarpals and fingers 1 to 5 of a hand with closed fingers, and what full
# spread adds: measured by eye on radiographs of the RSNA set.
_METACARPALS_CLOSED = np.array([30.0, 7.0, 1.0, -7.0, -15.0])
_METACARPALS_SPREAD = np.array([20.0, 4.0, 0.0, -4.0, -8.0])
_FINGERS_CLOSED = np.array([24.0, 2.0, 0.0, -3.0, -8.0])
_FINGERS_SPREAD = np.array([28.0, 18.0, 0.0, -14.0, -34.0])


@dataclass(frozen=True)
class Pose:
    """Angles of the joints, and the framing.

    Attributes
    ----------
    metacarpal_angles : ndarray
        (5,) radians to the thumb's side, thumb first.
    phalanx_angles : ndarray
        (5, 3) radians, absolute: proximal, middle and distal phalanx; the thumb has no middle one.
    foreshortening : ndarray
        (5, 3) share of its length that a phalanx shows: 1 lies flat, less is bent.
    forearm_angle : float
        Radians the forearm leans.
    rotation : float
        Radians the whole hand is turned.
    fill : float
        Share of the picture's height from the wrist joint to the longest fingertip.
    shift : tuple of float
        Where the hand's middle is off the picture's middle, and the fingertip off its top, as a share of the height.
    aspect : float
        Columns over rows.
    """

    metacarpal_angles: Points
    phalanx_angles: Points
    foreshortening: Points
    forearm_angle: float
    rotation: float
    fill: float
    shift: tuple[float, float]
    aspect: float


def sample_pose(rng: np.random.Generator) -> Pose:
    """Draw one pose.

    Parameters
    ----------
    rng : numpy.random.Generator
        Advanced by the same amount each time.

    Returns
    -------
    Pose
        Most fill the picture as the RSNA set does; about one in six is small in it.
    """
    spread = float(rng.beta(2.0, 2.5)) * 1.1
    metacarpals = _METACARPALS_CLOSED + spread * _METACARPALS_SPREAD + rng.normal(0, 1.2, 5)
    fingers = _FINGERS_CLOSED + spread * _FINGERS_SPREAD + rng.normal(0, 2.5, 5)
    bends = np.cumsum(rng.normal(0, 2.0, (5, 3)) * (0, 1, 1), axis=1)
    bent = np.abs(rng.normal(0, 0.14, (5, 3))) * (1, 1, 1.2)
    is_small, small_fill, usual_fill = rng.binomial(1, 0.16), rng.uniform(0.5, 0.66), rng.uniform(0.68, 0.84)
    return Pose(
        metacarpal_angles=np.radians(metacarpals),
        phalanx_angles=np.radians(fingers[:, None] + bends),
        foreshortening=np.cos(bent),
        forearm_angle=float(np.radians(rng.normal(0, 5.0))),
        rotation=float(np.radians(rng.normal(0, 5.5))),
        fill=float(small_fill if is_small else usual_fill),
        shift=(float(rng.normal(0, 0.025)), float(rng.uniform(0.02, 0.09) + (rng.uniform(0, 0.15) if is_small else 0))),
        aspect=float(rng.uniform(0.74, 0.86)),
    )
