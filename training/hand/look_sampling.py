"""Chance draws how a radiograph looks, wider than real ones differ.

Before it comes nothing but chance; after it a `training.hand.look.Look` is what the picture is made by.
"""

import numpy as np

from training.hand.look import Beam, Foreign, Look, Processing, Surroundings


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
        blur_mm=float(rng.uniform(0.05, 0.45)),
        photons=float(10 ** rng.uniform(8.2, 9.8)),
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
        softness=float(rng.uniform(0.0, 0.004) * rng.binomial(1, 0.5)),
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
