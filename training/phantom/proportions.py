"""Sizes of the bones of the hand, and how a hand of one bone age and sex differs from a grown man's.

Before it comes `proportions.toml`; after it `anatomy` builds the bones from these sizes.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from db.vocabulary import Sex
from training.phantom.outline import Points


@dataclass(frozen=True)
class LongBone:
    """A bone with a shaft and one growth plate, at its adult male size.

    Attributes
    ----------
    length_mm : float
        From joint to joint.
    widths_mm : tuple of float
        At the proximal end, the waist and the distal end.
    is_plate_distal : bool
        Whether the growth plate is at the distal end.
    zone : float
        Share of the length that epiphysis and growth plate take.
    """

    length_mm: float
    widths_mm: tuple[float, float, float]
    is_plate_distal: bool
    zone: float


@dataclass(frozen=True)
class RoundBone:
    """A carpal bone or sesamoid: its centre, and its outline around it, at adult male size in mm."""

    centre_mm: Points
    outline_mm: Points


@dataclass(frozen=True)
class Proportions:
    """Every bone's adult male size, by name."""

    long_bones: dict[str, LongBone]
    round_bones: dict[str, RoundBone]
    joints_mm: dict[str, Points]


@dataclass(frozen=True)
class Scale:
    """How large a hand is, each as a factor on a grown man's size.

    Attributes
    ----------
    grown : float
        Share of its own adult size that the hand has reached, 0.3 at birth.
    length, width : float
        Of bones.
    layout : float
        Distances in the carpus.
    waist : float
        Widths of shafts at their narrowest.
    flesh : float
        Soft tissue.
    """

    grown: float
    length: float
    width: float
    layout: float
    waist: float
    flesh: float


@cache
def adult_male() -> Proportions:
    """Read the sizes shipped beside this module.

    Returns
    -------
    Proportions
        Sizes in mm; shared, not to be changed.
    """
    table = _table()
    return Proportions(
        {
            name: LongBone(bone["length_mm"], tuple(bone["widths_mm"]), bone["plate"] == "distal", bone["zone"])
            for name, bone in table["long_bones"].items()
        },
        {
            name: RoundBone(np.array(bone["centre_mm"], float), np.array(bone["outline_mm"], float))
            for name, bone in table["round_bones"].items()
        },
        {name: np.array(point, float) for name, point in table["joints_mm"].items()},
    )


def scale_of_hand(bone_age_months: float, sex: Sex) -> Scale:
    """Tell how the bones of a hand compare with a grown man's.

    Parameters
    ----------
    bone_age_months : float
        Bone age on the standard of that sex, 0 to 240.
    sex : Sex
        Male or female.

    Returns
    -------
    Scale
        All factors 1 for a grown man.
    """
    growth = _table()["growth"]
    is_female = sex is Sex.FEMALE
    male_age_months = bone_age_months * (growth["female_age_factor"] if is_female else 1.0)
    grown = float(np.interp(male_age_months, growth["age_months"], growth["share_of_adult"]))
    length = grown * (growth["female_length_factor"] if is_female else 1.0)
    width = grown * (growth["female_width_factor"] if is_female else 1.0)
    # A child's carpus is mostly cartilage and larger beside the metacarpals, its shafts and soft tissue plumper.
    layout, waist, flesh = (1 + growth["youth"][part] * (1 - grown) for part in ("layout", "waist", "flesh"))
    return Scale(grown, length, width, length * layout, width * waist, width * flesh)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("proportions.toml").read_text(encoding="utf-8"))
