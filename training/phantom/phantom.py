"""One drawn hand radiograph, from a bone age, a sex and a seed: the order in which everything else is called.

Before it comes nothing; after it `training.cache` treats the image as a standard radiograph like any other.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from db.vocabulary import Sex
from training.phantom.anatomy import build_hand
from training.phantom.appearance import Appearance, sample_appearance
from training.phantom.background import paint_background
from training.phantom.framing import frame_hand
from training.phantom.pose import sample_pose
from training.phantom.radiography import attenuation, display, expose, trabecular_texture
from training.phantom.soft_tissue import clothe
from training.phantom.thickness import Thickness, measure_thickness

OLDEST_MONTHS: Final = 240.0
FEWEST_ROWS: Final = 64
_OVERSAMPLING = 2
_FULL_SCALE = 65535


@dataclass(frozen=True)
class Phantom:
    """One drawn radiograph of a left hand and wrist, postero-anterior.

    Attributes
    ----------
    image : ndarray
        (rows, columns) uint16, bone bright: a standard radiograph.
    bone_mask : ndarray
        (rows, columns) bool: where bone is in the beam.
    carpal_mask : ndarray
        (rows, columns) bool: where that is a carpal bone or a sesamoid.
    growth_plate_mask : ndarray
        (rows, columns) bool: open growth plates of centres that have appeared; empty for a grown hand.
    pixel_spacing_mm : float
        At the hand.
    bone_age_months : float
        What was asked for.
    sex : Sex
        What was asked for.
    seed : int
        What was asked for.
    """

    image: NDArray[np.uint16]
    bone_mask: NDArray[np.bool_]
    carpal_mask: NDArray[np.bool_]
    growth_plate_mask: NDArray[np.bool_]
    pixel_spacing_mm: float
    bone_age_months: float
    sex: Sex
    seed: int


def draw(bone_age_months: float, sex: Sex, seed: int, rows: int = 512) -> Phantom:
    """Draw one hand radiograph.

    Parameters
    ----------
    bone_age_months : float
        Bone age on the standard of that sex, 0 to 240.
    sex : Sex
        `Sex.MALE` or `Sex.FEMALE`.
    seed : int
        At least 0: chooses the hand, its pose and how the radiograph looks. The same for any bone age, sex and size.
    rows : int
        At least 64; about 0.8 times as many columns. The same scene at any size; only the noise differs.

    Returns
    -------
    Phantom
        The same for the same arguments.

    Raises
    ------
    ValueError
        For a bone age, sex or number of rows that is not allowed.
    """
    check(bone_age_months, sex, rows)
    for_anatomy, for_pose, for_appearance, for_noise = (
        np.random.default_rng(sequence) for sequence in np.random.SeedSequence(seed).spawn(4)
    )
    pose = sample_pose(for_pose)
    appearance = sample_appearance(for_appearance)
    hand = build_hand(bone_age_months, sex, pose, for_anatomy)
    soft_tissue = clothe(hand, for_anatomy)
    frame = frame_hand(pose, soft_tissue, rows)
    fine = frame.enlarged(_OVERSAMPLING)
    texture = trabecular_texture((rows, frame.columns), frame.pixels_per_mm, appearance.texture, for_noise)
    fine_texture = np.asarray(cv2.resize(texture, (fine.columns, fine.rows)), np.float32)
    thickness = measure_thickness(hand.bones, soft_tissue, fine, fine_texture)
    bone_mask = _coarse(thickness.is_bone)
    return Phantom(
        _radiograph(thickness, frame.pixels_per_mm, appearance, for_noise),
        bone_mask,
        _coarse(thickness.is_carpal),
        _coarse(thickness.is_growth_plate) & ~bone_mask,
        float(1 / frame.pixels_per_mm),
        bone_age_months,
        sex,
        seed,
    )


def _radiograph(
    thickness: Thickness, pixels_per_mm: float, appearance: Appearance, rng: np.random.Generator
) -> NDArray[np.uint16]:
    line_integral = _averaged(attenuation(thickness, appearance))
    is_hand = _coarse(thickness.is_hand)
    detected = expose(line_integral, pixels_per_mm, appearance, rng)
    image = paint_background(display(detected, is_hand, pixels_per_mm, appearance), is_hand, pixels_per_mm, appearance)
    return np.round(image * _FULL_SCALE).astype(np.uint16)


def _averaged(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = (size // _OVERSAMPLING for size in fine.shape)
    return np.asarray(cv2.resize(fine, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _coarse(fine: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return _averaged(fine.astype(np.float32)) >= 0.5  # noqa: PLR2004  at least half of the pixel


def check(bone_age_months: float, sex: Sex, rows: int) -> None:
    """Refuse what cannot be drawn.

    Parameters
    ----------
    bone_age_months : float
        Asked for.
    sex : Sex
        Asked for.
    rows : int
        Asked for.

    Raises
    ------
    ValueError
        For a bone age, sex or number of rows that is not allowed.
    """
    if not 0 <= bone_age_months <= OLDEST_MONTHS:
        msg = f"bone_age_months must be from 0 to {OLDEST_MONTHS:.0f}, got {bone_age_months}"
        raise ValueError(msg)
    if sex not in {Sex.MALE, Sex.FEMALE}:
        msg = f"sex must be {Sex.MALE!r} or {Sex.FEMALE!r}, got {sex!r}: a drawn hand has one"
        raise ValueError(msg)
    if rows < FEWEST_ROWS:
        msg = f"rows must be at least {FEWEST_ROWS}, got {rows}"
        raise ValueError(msg)
