"""One drawn hand radiograph, from a bone age, a sex and a seed: the order in which everything else is called.

Before it comes nothing; after it `training.cache` treats the image as a standard radiograph like any other.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from db.vocabulary import Sex
from training.hand.console import display
from training.hand.exposure import expose
from training.hand.flesh import clothe
from training.hand.flesh_path import flesh_path_mm
from training.hand.foreign import cast_mm, ring_mm
from training.hand.framing import frame_hand
from training.hand.look import Look
from training.hand.look_sampling import sample_look
from training.hand.mineral import Mineral, add_carpal, add_piece
from training.hand.pose import sample_pose
from training.hand.skeleton import Skeleton, build_skeleton
from training.hand.spongiosa import SIDE, spongiosa
from training.hand.surroundings import finish
from training.phantom.framing import Frame
from training.phantom.phantom import Phantom, check

_OVERSAMPLING: Final = 2
_FULL_SCALE: Final = 65535


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
    for_anatomy, for_flesh, for_pose, for_look, for_noise = (
        np.random.default_rng(sequence) for sequence in np.random.SeedSequence([seed, 2]).spawn(5)
    )
    pose = sample_pose(for_pose)
    look = sample_look(for_look)
    skeleton = build_skeleton(bone_age_months, sex, pose, for_anatomy)
    flesh = clothe(skeleton, for_flesh)
    frame = frame_hand(pose, flesh, rows)
    mineral = _mineral(skeleton, look, frame.enlarged(_OVERSAMPLING))
    flesh_mm, is_hand = flesh_path_mm(flesh, frame)
    mineral_mm = _averaged(mineral.path_mm) + ring_mm(skeleton, frame, look.foreign)
    flesh_mm = flesh_mm + cast_mm(is_hand, frame, look.foreign)
    detected = expose(mineral_mm, flesh_mm, frame.pixels_per_mm, look.beam, for_noise)
    shown = display(detected, is_hand, frame.pixels_per_mm, look.processing)
    image = finish(shown, is_hand, flesh, frame, look.surroundings)
    bone_mask = _coarse(mineral.is_bone)
    return Phantom(
        np.round(image * _FULL_SCALE).astype(np.uint16),
        bone_mask,
        _coarse(mineral.is_carpal),
        _coarse(mineral.is_growth_plate & ~mineral.is_bone) & ~bone_mask,
        float(1 / frame.pixels_per_mm),
        bone_age_months,
        sex,
        seed,
    )


def _mineral(skeleton: Skeleton, look: Look, fine: Frame) -> Mineral:
    pattern = spongiosa(
        look.pattern, look.pattern_strength, look.pattern_coarseness, look.pattern_stretch, fine.pixels_per_mm
    )
    mineral = Mineral.none(fine)
    # Each bone lies elsewhere in the pattern: two have not the same trabeculae.
    offsets = np.random.default_rng(look.pattern).uniform(0, SIDE, (40, 2))
    for pieces, offset in zip(skeleton.long_bones.values(), offsets, strict=False):
        for piece in pieces:
            add_piece(piece, fine, pattern, offset, mineral)
    for carpal, offset in zip(skeleton.carpals, offsets[::-1], strict=False):
        add_carpal(carpal, fine, pattern, offset, mineral)
    return mineral


def _averaged(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = (size // _OVERSAMPLING for size in fine.shape)
    return np.asarray(cv2.resize(fine, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _coarse(fine: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return _averaged(fine.astype(np.float32)) >= 0.5  # noqa: PLR2004  at least half of the pixel
