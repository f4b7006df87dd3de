"""The bones of one hand in millimetres: which there are at a bone age, how far grown, and where they lie.

Before it come `timing`, `sizes` and `pose`; after it `flesh` clothes the bones and `mineral` draws them.
The hand's frame: x to the thumb, y to the fingertips, origin at the base of the third metacarpal.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from db.vocabulary import Sex
from training.hand.carpal import Carpal, round_bone
from training.hand.long_bone import long_bone
from training.hand.piece import Piece
from training.hand.sizes import joints_mm, long_bones, round_bones
from training.hand.timing import progress_of_centres
from training.hand.variation import sample_lengths, sample_round_variations, sample_variations
from training.phantom.outline import Points, place
from training.phantom.pose import Pose
from training.phantom.proportions import Scale, scale_of_hand

_PHALANGES: Final = ("proximal_phalanx", "middle_phalanx", "distal_phalanx")
_JOINT_GAP_MM: Final = 1.4
# Standard deviations between people, by eye: of distances in the hand, of those between wrist and metacarpals, which
# are less than in the table, of where joints lie, and the wrist.
_HAND_LAYOUT: Final = 0.035
_CARPUS_CLOSER, _CARPUS_LAYOUT = 0.04, 0.03
_JOINT_MM: Final = 0.8
_WRIST_MM: Final = 2.2


@dataclass(frozen=True)
class Skeleton:
    """One hand's bones and the joints between them.

    Attributes
    ----------
    long_bones : dict of str to tuple of Piece
        Every long bone, in the hand's frame.
    carpals : tuple of Carpal
        Every carpal bone and sesamoid that has ossified, in the hand's frame.
    chains_mm : tuple of Points
        For fingers 1 to 5 the joints from the base of the metacarpal to the fingertip, (4, 2) for the thumb, else
        (5, 2).
    wrist_mm : Points
        (2, 2) the joint's ends of ulna and radius.
    forearm : Points
        (2,) unit vector from the wrist to the elbow.
    scale : Scale
        How large the hand is.
    """

    long_bones: dict[str, tuple[Piece, ...]]
    carpals: tuple[Carpal, ...]
    chains_mm: tuple[Points, ...]
    wrist_mm: Points
    forearm: Points
    scale: Scale


class _Builder:
    """Collects the bones of one hand while its joints are laid out."""

    def __init__(self, bone_age_months: float, sex: Sex, pose: Pose, rng: np.random.Generator) -> None:
        self.pose = pose
        self.progress = progress_of_centres(bone_age_months, sex, rng)
        scale = scale_of_hand(bone_age_months, sex)
        layout = scale.layout * float(np.exp(rng.normal(0, _HAND_LAYOUT)))
        self.scale = replace(scale, layout=layout)
        self.carpus = layout * float(np.exp(rng.normal(-_CARPUS_CLOSER, _CARPUS_LAYOUT)))
        self.lengths = sample_lengths(rng)
        self.variations = sample_variations(rng)
        self.round_variations = sample_round_variations(rng)
        closer = {"distal_radius": self.carpus, "distal_ulna": self.carpus}
        self.joints = {
            name: point * closer.get(name, layout) + rng.normal(0, _JOINT_MM, 2) * scale.length
            for name, point in joints_mm().items()
        }
        moved = rng.normal(0, _WRIST_MM, 2) * (1.0, 0.6) * scale.length
        for name in ("distal_radius", "distal_ulna"):
            self.joints[name] = self.joints[name] + moved
        self.bones: dict[str, tuple[Piece, ...]] = {}
        self.carpals: list[Carpal] = []

    def long(self, name: str, origin_mm: Points, angle: float, shown: float = 1.0, *, from_end: bool = False) -> Points:
        """Add one long bone from its proximal end (or up to its distal end); return the other end."""
        adult = long_bones()[name]
        length_mm = adult.length_mm * self.scale.length * self.lengths[name] * shown
        along = np.array([np.sin(angle), np.cos(angle)]) * length_mm
        start = origin_mm - along if from_end else origin_mm
        pieces = long_bone(adult, self.progress[name], self.scale, self.variations[name], length_mm)
        self.bones[name] = tuple(piece.placed(start, angle) for piece in pieces)
        return start if from_end else start + along

    def round(self, name: str, layout: float) -> Carpal | None:
        """Return one round bone around the origin of its frame, if it has ossified."""
        progress = self.progress[name]
        if not progress.has_appeared:
            return None
        variation = self.round_variations[name]
        adult, factor = round_bones()[name], self.scale.length
        return round_bone(name, adult, progress.growth, variation, factor=factor, layout=layout)


def build_skeleton(bone_age_months: float, sex: Sex, pose: Pose, rng: np.random.Generator) -> Skeleton:
    """Lay out every bone of one hand.

    Parameters
    ----------
    bone_age_months : float
        Bone age on the standard of that sex, 0 to 240.
    sex : Sex
        Male or female.
    pose : Pose
        Angles of the joints.
    rng : numpy.random.Generator
        Draws what differs between hands of one bone age; advanced by the same amount whatever the age.

    Returns
    -------
    Skeleton
        In mm.
    """
    builder = _Builder(bone_age_months, sex, pose, rng)
    joints, forearm = builder.joints, float(pose.forearm_angle)
    wrist = joints["distal_radius"]
    for name in ("distal_radius", "distal_ulna"):
        joints[name] = place(joints[name][None] - wrist, wrist, forearm)[0]
        builder.long(name, joints[name], forearm, from_end=True)
    _add_carpus(builder, forearm)
    chains = tuple(_ray(builder, finger, joints[f"metacarpal_{finger + 1}"]) for finger in range(5))
    sesamoid = builder.round("thumb_sesamoid", builder.scale.length)
    if sesamoid is not None:
        outline = place(sesamoid.outline_mm, chains[0][1], float(pose.metacarpal_angles[0]))
        builder.carpals.append(replace(sesamoid, outline_mm=outline))
    return Skeleton(
        builder.bones,
        tuple(builder.carpals),
        chains,
        np.stack([joints["distal_ulna"], wrist]),
        -np.array([np.sin(forearm), np.cos(forearm)]),
        builder.scale,
    )


def _add_carpus(builder: _Builder, forearm: float) -> None:
    """Add the carpal bones; the proximal row follows the forearm half way."""
    pivot = np.array([-6.0, -22.0]) * builder.scale.layout
    for name in round_bones():
        carpal = None if name == "thumb_sesamoid" else builder.round(name, builder.carpus)
        if carpal is None:
            continue
        if name in {"scaphoid", "lunate", "triquetrum", "pisiform"}:
            outline = place(carpal.outline_mm - pivot, pivot, 0.5 * forearm)
            carpal = replace(carpal, outline_mm=outline)
        builder.carpals.append(carpal)


def _ray(builder: _Builder, finger: int, base_mm: Points) -> Points:
    """Lay out one metacarpal and its phalanges; return the joints between them."""
    pose = builder.pose
    end = builder.long(f"metacarpal_{finger + 1}", base_mm, float(pose.metacarpal_angles[finger]))
    chain = [base_mm, end]
    gap_mm = _JOINT_GAP_MM * (0.4 + 0.6 * builder.scale.grown)
    for number, phalanx in enumerate(_PHALANGES):
        name = f"{phalanx}_{finger + 1}"
        if name not in builder.progress:
            continue  # the thumb has no middle phalanx
        angle = float(pose.phalanx_angles[finger, number])
        shown = float(pose.foreshortening[finger, number])
        start = end + gap_mm * (1 - 2.5 * (1 - shown)) * np.array([np.sin(angle), np.cos(angle)])
        end = builder.long(name, start, angle, shown)
        chain.append(end)
    return np.array(chain)
