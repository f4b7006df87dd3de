"""How the hand lies on the detector: spread, bend and curl of the fingers, and where the hand is in the picture.

Before it comes nothing but chance; `skeleton` uses the joints' angles, `framing` the rest.
"""

import numpy as np

from training.phantom.pose import Pose

# Lean to the thumb's side, degrees, of the metacarpals and fingers 1 to 5 of a hand with closed fingers, and what full
# spread adds: by eye on radiographs of the RSNA set.
_METACARPALS_CLOSED = np.array([30.0, 9.0, 1.0, -6.0, -15.0])
_METACARPALS_SPREAD = np.array([22.0, 6.0, 0.0, -5.0, -9.0])
_FINGERS_CLOSED = np.array([16.0, 3.0, 0.0, -3.0, -8.0])
_FINGERS_SPREAD = np.array([30.0, 18.0, 1.0, -12.0, -32.0])


def sample_pose(rng: np.random.Generator) -> Pose:
    """Draw one pose.

    Parameters
    ----------
    rng : numpy.random.Generator
        Advanced by the same amount each time.

    Returns
    -------
    Pose
        One hand in eight has a curled finger or more; most fill the picture as the RSNA set does.
    """
    spread = float(rng.beta(1.6, 2.7)) * 1.15 - 0.05
    metacarpals = _METACARPALS_CLOSED + spread * _METACARPALS_SPREAD + rng.normal(0, 1.8, 5)
    fingers = _FINGERS_CLOSED + spread * _FINGERS_SPREAD + rng.normal(0, 3.0, 5)
    metacarpals[0] += rng.normal(0, 7.0)
    fingers[0] += rng.normal(0, 10.0)
    bends = np.cumsum(rng.normal(0, 2.2, (5, 3)) * (0, 1, 1), axis=1)
    bent = np.abs(rng.normal(0, 0.16, (5, 3))) * (1, 1, 1.3)
    curled = rng.uniform(0.3, 1.0, (5, 3)) * (0.3, 0.9, 1.1) * rng.binomial(1, 0.5, (5, 1)) * rng.binomial(1, 0.12)
    is_small, small_fill, usual_fill = rng.binomial(1, 0.12), rng.uniform(0.45, 0.66), rng.uniform(0.70, 0.90)
    is_turned, far, near = rng.binomial(1, 0.12), rng.normal(0, 15.0), rng.normal(0, 5.0)
    return Pose(
        metacarpal_angles=np.radians(metacarpals),
        phalanx_angles=np.radians(fingers[:, None] + bends),
        foreshortening=np.cos(np.minimum(bent + curled, 1.2)),
        forearm_angle=float(np.radians(rng.normal(0.0, 5.5))),
        rotation=float(np.radians(far if is_turned else near)),
        fill=float(small_fill if is_small else usual_fill),
        shift=(float(rng.normal(0, 0.03)), float(rng.uniform(0.01, 0.08) + (rng.uniform(0, 0.2) if is_small else 0))),
        aspect=float(rng.uniform(0.70, 0.88)),
    )
