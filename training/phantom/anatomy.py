"""The bones of one hand in millimetres: which there are at a bone age, how far grown, and where they lie.

Before it come `timing`, `proportions` and `pose`; after it `soft_tissue` clothes the bones and `thickness` draws them.
The hand's frame: x to the thumb, y to the fingertips, origin at the base of the third metacarpal.
"""

from dataclasses import dataclass

import numpy as np

from db.vocabulary import Sex
from training.phantom.outline import Points, place, rounded
from training.phantom.pose import Pose
from training.phantom.proportions import Scale, adult_male, scale_of_hand
from training.phantom.shaft import Bone, long_bone
from training.phantom.timing import Progress, progress_of_centres

_PHALANGES = ("proximal_phalanx", "middle_phalanx", "distal_phalanx")
# Share of its mature size, beside the hand's, that a carpal bone has at each share of its growth; and how nearly it is
# a mere ellipse. By eye on radiographs of the RSNA set at 24, 60, 102, 120 and 150 months.
_GROWTH = (0.0, 0.04, 0.15, 0.3, 0.5, 0.75, 1.0)
_ROUND_SIZE = (0.16, 0.50, 0.80, 0.91, 1.0, 1.05, 1.08)
_ROUNDNESS = (1.0, 1.0, 0.85, 0.6, 0.35, 0.1, 0.0)
_JOINT_GAP_MM = 1.3


@dataclass(frozen=True)
class Hand:
    """One hand's bones and the joints between them.

    Attributes
    ----------
    bones : tuple of Bone
        Every bone that has ossified, in the hand's frame.
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

    bones: tuple[Bone, ...]
    chains_mm: tuple[Points, ...]
    wrist_mm: Points
    forearm: Points
    scale: Scale


class _Builder:
    """Collects the bones of one hand while its joints are laid out."""

    def __init__(self, bone_age_months: float, sex: Sex, pose: Pose, rng: np.random.Generator) -> None:
        self.pose = pose
        self.scale = scale_of_hand(bone_age_months, sex)
        self.progress = progress_of_centres(bone_age_months, sex, rng)
        adult = adult_male()
        names = (*adult.long_bones, *adult.round_bones)
        self.length_noise = dict(zip(names, np.exp(rng.normal(0, 0.025, len(names))), strict=True))
        self.width_noise = dict(zip(names, np.exp(rng.normal(0, 0.04, len(names))), strict=True))
        self.lean = dict(zip(names, rng.normal(0, 0.08, len(names)), strict=True))
        self.cortex = float(np.exp(rng.normal(0, 0.2)))
        self.bones: list[Bone] = []

    def long(self, name: str, origin_mm: Points, angle: float, shown: float = 1.0, *, from_end: bool = False) -> Points:
        """Add one long bone from its proximal end (or up to its distal end); return the other end."""
        adult = adult_male().long_bones[name]
        length_mm = adult.length_mm * self.scale.length * self.length_noise[name] * shown
        along = np.array([np.sin(angle), np.cos(angle)]) * length_mm
        start = origin_mm - along if from_end else origin_mm
        bone = long_bone(
            name,
            adult,
            self.progress[name],
            self.scale,
            length_mm=length_mm,
            width_noise=self.width_noise[name],
            cortex=self.cortex,
        )
        self.bones.append(bone.placed(start, angle))
        return start if from_end else start + along

    def round(self, name: str, origin_mm: Points, angle: float, layout: float) -> None:
        """Add one carpal bone or the sesamoid, if it has ossified."""
        progress: Progress = self.progress[name]
        if not progress.has_appeared:
            return
        adult = adult_male().round_bones[name]
        share = float(np.interp(progress.growth, _GROWTH, _ROUND_SIZE)) * self.scale.length * self.width_noise[name]
        roundness = float(np.interp(progress.growth, _GROWTH, _ROUNDNESS))
        shape = rounded(adult.outline_mm, roundness) * share * (1, self.length_noise[name])
        centre = place(adult.centre_mm[None] * layout, origin_mm, angle)[0]
        half = float(min(np.ptp(shape, axis=0))) / 2
        axis = np.stack([centre, centre])
        self.bones.append(
            Bone(name, (place(shape, centre, angle + self.lean[name]),), axis, 0.85 * half, (0.5 * self.cortex,) * 2)
        )


def build_hand(bone_age_months: float, sex: Sex, pose: Pose, rng: np.random.Generator) -> Hand:
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
    Hand
        In mm.
    """
    builder = _Builder(bone_age_months, sex, pose, rng)
    joints = {name: point * builder.scale.layout for name, point in adult_male().joints_mm.items()}
    wrist = joints["distal_radius"]
    forearm = float(pose.forearm_angle)
    for name in ("distal_radius", "distal_ulna"):
        joints[name] = place(joints[name][None] - wrist, wrist, forearm)[0]
        builder.long(name, joints[name], forearm, from_end=True)
    for name in adult_male().round_bones:
        if name != "thumb_sesamoid":
            builder.round(name, np.zeros(2), 0.0, builder.scale.layout)
    chains = tuple(_ray(builder, finger, joints[f"metacarpal_{finger + 1}"]) for finger in range(5))
    builder.round("thumb_sesamoid", chains[0][1], float(pose.metacarpal_angles[0]), builder.scale.length)
    return Hand(
        tuple(builder.bones),
        chains,
        np.stack([joints["distal_ulna"], wrist]),
        -np.array([np.sin(forearm), np.cos(forearm)]),
        builder.scale,
    )


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
        start = end + gap_mm * np.array([np.sin(angle), np.cos(angle)])
        end = builder.long(name, start, angle, float(pose.foreshortening[finger, number]))
        chain.append(end)
    return np.array(chain)
