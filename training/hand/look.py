"""What differs between radiographs of the same hand: beam, detector or film, processing, and what is around the hand.

Before it comes nothing but chance; after it `exposure`, `console` and `surroundings` make the picture.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Beam:
    """How one radiograph is exposed.

    Attributes
    ----------
    bone_per_mm, soft_tissue_per_mm : float
        Linear attenuation of mineral and of soft tissue.
    scatter, scatter_mm : float
        Scattered photons for each primary one, and how far they spread.
    blur_mm : float
        Standard deviation of the detector's and focal spot's blur.
    photons : float
        Unattenuated, on a square as wide as the picture is high: sets the quantum noise.
    is_film : bool
        Whether the picture is a digitised film, with toe, shoulder and grain.
    grain : float
        Standard deviation of a film's grain, in optical density.
    """

    bone_per_mm: float
    soft_tissue_per_mm: float
    scatter: float
    scatter_mm: float
    blur_mm: float
    photons: float
    is_film: bool
    grain: float


@dataclass(frozen=True)
class Processing:
    """What a console makes of detector values, as the vendors' multi-scale processing does.

    Attributes
    ----------
    gains : tuple of float
        Factors on detail of less than 1 mm, of some 3 mm, and of some 10 mm.
    flattening : float
        Share of what is left, the slow changes over the hand, that is taken away.
    black, white : float
        Where in the hand's values grey begins and ends: shares of the way from air to the densest bone.
    gamma : float
        Exponent of the display curve.
    contrast : float
        How much of an S the display curve has.
    darkest, brightest : float
        Grey levels at both ends, shares of full scale.
    """

    gains: tuple[float, float, float]
    flattening: float
    black: float
    white: float
    gamma: float
    contrast: float
    darkest: float
    brightest: float


@dataclass(frozen=True)
class Surroundings:
    """What is around the hand.

    Attributes
    ----------
    is_painted_black : bool
        Whether what is not hand is painted black, as in most of the RSNA set.
    margin_mm, raggedness_mm : float
        How far from the skin the paint begins, and how unevenly.
    cut_mm : float
        How far beyond the wrist joint the forearm is cut off; much where it is not.
    cut_raggedness_mm : float
        How unevenly.
    tip_cut : float
        Share of the picture's height that is cut off straight at the top; 0 for none.
    patch : tuple of float
        Gain beyond a straight line, where two exposures were joined, its slope, and where it crosses, a share of the
        height; a gain of 1 for none.
    tilt : tuple of float
        Grey level across and along the picture, the heel effect, shares of full scale.
    collimation : tuple of float
        Share of rows or columns outside the field at top, right, bottom, left.
    turn : float
        Radians the field is turned.
    rim : float
        How bright a rim the field has; 0 for none.
    outside : float
        Grey level outside the field.
    marker : str
        Lead letters; empty for none.
    marker_place : tuple of float
        Shares of columns and rows where they start.
    marker_size : float
        Height as a share of the rows.
    seed : int
        Of the unevenness.
    """

    is_painted_black: bool
    margin_mm: float
    raggedness_mm: float
    cut_mm: float
    cut_raggedness_mm: float
    tip_cut: float
    patch: tuple[float, float, float]
    tilt: tuple[float, float]
    collimation: tuple[float, float, float, float]
    turn: float
    rim: float
    outside: float
    marker: str
    marker_place: tuple[float, float]
    marker_size: float
    seed: int


@dataclass(frozen=True)
class Foreign:
    """What the hand wears.

    Attributes
    ----------
    ring_finger : int
        1 to 5 for the finger with a ring, 0 for none.
    ring_mm, ring_density_mm : float
        How wide the ring is, and how much mineral weakens the beam as it does.
    cast_mm : float
        Flesh that weakens the beam as the cast does; 0 for none.
    """

    ring_finger: int
    ring_mm: float
    ring_density_mm: float
    cast_mm: float


@dataclass(frozen=True)
class Look:
    """How one radiograph looks, with the pattern of spongy bone: see `training.hand.spongiosa`."""

    beam: Beam
    processing: Processing
    surroundings: Surroundings
    foreign: Foreign
    pattern: int
    pattern_strength: float
    pattern_coarseness: float
    pattern_stretch: float


def sample_look(rng: np.random.Generator) -> Look:
    """Draw one look, wider than real radiographs differ.

    Parameters
    ----------
    rng : numpy.random.Generator
        Advanced by the same amount each time.

    Returns
    -------
    Look
        Of three in four the background is painted black.
    """
    return Look(
        _beam(rng),
        _processing(rng),
        _surroundings(rng),
        _foreign(rng),
        pattern=int(rng.integers(1 << 16)),
        pattern_strength=float(rng.uniform(0.12, 0.45)),
        pattern_coarseness=float(np.exp(rng.normal(0, 0.25))),
        pattern_stretch=float(rng.uniform(1.5, 3.5)),
    )


def _beam(rng: np.random.Generator) -> Beam:
    # Soft tissue attenuates 0.027/mm at 40 keV and 0.021 at 60, cortical bone 0.13 and 0.06 (NIST XCOM); a hand is
    # exposed at 45 to 60 kVp, whose mean energy is some 30 to 38 keV, hardened by the hand.
    softness = rng.uniform()
    return Beam(
        bone_per_mm=float((0.06 + 0.07 * softness) * rng.uniform(0.75, 1.2)),
        soft_tissue_per_mm=float(0.0205 + 0.0125 * softness),
        scatter=float(rng.uniform(0.0, 0.25)),
        scatter_mm=float(rng.uniform(10.0, 30.0)),
        blur_mm=float(rng.uniform(0.05, 0.28)),
        photons=float(10 ** rng.uniform(8.9, 9.9)),
        is_film=bool(rng.binomial(1, 0.25)),
        grain=float(rng.uniform(0.003, 0.02)),
    )


def _processing(rng: np.random.Generator) -> Processing:
    strength = rng.uniform() ** 0.7
    fine, middle, coarse = 1 + strength * rng.uniform(0, 1, 3) * (2.2, 1.6, 0.9)
    return Processing(
        gains=(float(fine), float(middle), float(coarse)),
        flattening=float(strength * rng.uniform(0.0, 0.55)),
        black=float(rng.normal(0.02, 0.04)),
        white=float(rng.uniform(0.88, 1.15)),
        gamma=float(np.exp(rng.normal(0.0, 0.28))),
        contrast=float(rng.uniform(0.0, 0.6)),
        darkest=float(rng.uniform(0.0, 0.1) + rng.uniform(0.0, 0.35) * rng.binomial(1, 0.1)),
        brightest=float(rng.uniform(0.75, 1.0)),
    )


def _foreign(rng: np.random.Generator) -> Foreign:
    """Draw a ring for one hand in fifty, and a cast for one in eighty."""
    finger, has_ring, has_cast = rng.integers(1, 6), rng.binomial(1, 0.02), rng.binomial(1, 0.0125)
    return Foreign(
        ring_finger=int(finger * has_ring),
        ring_mm=float(rng.uniform(1.5, 5.0)),
        ring_density_mm=float(rng.uniform(5.0, 40.0)),
        cast_mm=float(rng.uniform(3.0, 14.0) * has_cast),
    )


def _surroundings(rng: np.random.Generator) -> Surroundings:
    top, right, bottom, left = (float(share) for share in rng.uniform(0.0, 0.1, 4) * rng.binomial(1, 0.35, 4))
    is_cut, cut_mm = rng.binomial(1, 0.25), rng.uniform(4.0, 50.0)
    return Surroundings(
        is_painted_black=bool(rng.binomial(1, 0.75)),
        margin_mm=float(rng.normal(0.3, 0.5)),
        raggedness_mm=float(rng.uniform(0.0, 0.35)),
        cut_mm=float(cut_mm if is_cut else 1e3),
        cut_raggedness_mm=float(rng.uniform(0.0, 3.0) * rng.binomial(1, 0.5)),
        tip_cut=float(rng.uniform(0.0, 0.06) * rng.binomial(1, 0.08)),
        patch=(
            1 - float(rng.uniform(0.15, 0.6) * rng.binomial(1, 0.03)),
            float(rng.normal(0, 0.4)),
            float(rng.uniform(0.2, 0.8)),
        ),
        tilt=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))),
        collimation=(top, right, bottom, left),
        turn=float(rng.normal(0, 0.05) * rng.binomial(1, 0.5)),
        rim=float(rng.uniform(0.1, 0.5) * rng.binomial(1, 0.25)),
        outside=float(rng.choice([0.0, 0.0, 0.03, 0.5, 0.95])),
        marker=str(rng.choice(["", "L", "L", "L", "LT", "LEFT", "L JK", "R"])),
        marker_place=(float(rng.choice([0.03, 0.8])), float(rng.uniform(0.05, 0.9))),
        marker_size=float(rng.uniform(0.025, 0.06)),
        seed=int(rng.integers(1 << 31)),
    )
