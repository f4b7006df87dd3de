"""What differs between radiographs of the same hand: beam, detector or film, processing, and what is around the hand.

Before it comes `look_sampling`; after it `exposure`, `console` and `surroundings` make the picture.
"""

from dataclasses import dataclass


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
    softness : float
        Standard deviation of the blur of an archive that keeps fewer pixels, a share of the picture's height.
    """

    gains: tuple[float, float, float]
    flattening: float
    black: float
    white: float
    gamma: float
    contrast: float
    darkest: float
    brightest: float
    softness: float


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
