"""What differs between radiographs of the same hand: exposure, contrast, sharpness, noise, collimation, background.

Before it comes nothing but chance; after it `radiography` exposes and `background` finishes the picture.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Appearance:
    """How one radiograph is exposed and displayed.

    Attributes
    ----------
    bone_per_mm, soft_tissue_per_mm : float
        Linear attenuation of mineral and of soft tissue.
    scatter : float
        Share of the unattenuated beam that arrives everywhere.
    blur_mm : float
        Standard deviation of the detector's and focal spot's blur.
    photons : float
        Unattenuated, on a square as wide as the picture is high: sets the quantum noise.
    texture : float
        Strength of the trabecular pattern.
    edge_enhancement, edge_mm : float
        Strength and reach of the console's unsharp mask.
    gamma : float
        Exponent of the display curve.
    darkest, brightest : float
        Grey levels of the thinnest and densest places, shares of full scale.
    is_background_removed : bool
        Whether what is not hand is painted black, as in most of the RSNA set.
    tilt : tuple of float
        Grey level across and along the picture, the heel effect, shares of full scale.
    collimation : tuple of float
        Share of rows or columns outside the field at top, right, bottom, left.
    outside : float
        Grey level outside the field.
    marker : str
        Letter on the detector; empty for none.
    marker_place : tuple of float
        Shares of columns and rows where it starts.
    marker_size : float
        Height as a share of the rows.
    """

    bone_per_mm: float
    soft_tissue_per_mm: float
    scatter: float
    blur_mm: float
    photons: float
    texture: float
    edge_enhancement: float
    edge_mm: float
    gamma: float
    darkest: float
    brightest: float
    is_background_removed: bool
    tilt: tuple[float, float]
    collimation: tuple[float, float, float, float]
    outside: float
    marker: str
    marker_place: tuple[float, float]
    marker_size: float


def sample_appearance(rng: np.random.Generator) -> Appearance:
    """Draw one appearance, wider than real consoles differ.

    Parameters
    ----------
    rng : numpy.random.Generator
        Advanced by the same amount each time.

    Returns
    -------
    Appearance
        Half of them with the background painted black.
    """
    # Soft tissue attenuates 0.028/mm at 40 keV and 0.022 at 60, cortical bone 0.13 and 0.06 (NIST XCOM); a hand is
    # exposed at 45 to 60 kVp, whose mean energy lies a little below that range's middle.
    soft_per_mm = float(rng.uniform(0.021, 0.034))
    top, right, bottom, left = (float(share) for share in rng.uniform(0.0, 0.06, 4) * rng.binomial(1, 0.35, 4))
    veil = float(rng.uniform(0.0, 0.35) * rng.binomial(1, 0.12))
    return Appearance(
        bone_per_mm=float(rng.uniform(0.07, 0.14)),
        soft_tissue_per_mm=soft_per_mm,
        scatter=float(rng.uniform(0.0, 0.10)),
        blur_mm=float(rng.uniform(0.05, 0.35)),
        photons=float(10 ** rng.uniform(8.3, 9.7)),
        texture=float(rng.uniform(0.08, 0.35)),
        edge_enhancement=float(rng.uniform(0.0, 1.6)),
        edge_mm=float(rng.uniform(1.0, 7.0)),
        gamma=float(np.exp(rng.normal(-0.22, 0.22))),
        darkest=float(rng.uniform(0.0, 0.12)) + veil,
        brightest=float(rng.uniform(0.75, 1.0)),
        is_background_removed=bool(rng.binomial(1, 0.5)),
        tilt=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))),
        collimation=(top, right, bottom, left),
        outside=float(rng.choice([0.0, 0.0, 0.03, 0.9])),
        marker=str(rng.choice(["", "L", "L", "L", "LT", "LEFT", "L JK", "R"])),
        marker_place=(float(rng.choice([0.04, 0.78])), float(rng.uniform(0.05, 0.9))),
        marker_size=float(rng.uniform(0.025, 0.06)),
    )
