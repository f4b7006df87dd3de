"""How far each ossification centre has come at a bone age: the clock of the drawn hand.

Before it comes the bone age asked for; after it `anatomy` turns a centre's progress into shapes.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from db.vocabulary import Sex

# Mature size of a bone without a growth plate, months: by eye, carpal outlines are adult when the fingers' plates
# begin to close.
_ROUND_BONE_MATURE_MONTHS: Final = {Sex.MALE: 180.0, Sex.FEMALE: 156.0}
# A plate narrows and bridges over about two years before it has fused, the forearm's two over three.
_CLOSING_MONTHS: Final = 24.0
_CLOSING_FOREARM_MONTHS: Final = 36.0
# The line where a plate was stays visible for about two years.
_SCAR_MONTHS: Final = 30.0
# Spread of single centres around the hand's bone age: one hand is never all of one age. A share of the age of
# appearance, and months of the age of fusion.
_APPEARANCE_SPREAD: Final = 0.06
_FUSION_SPREAD_MONTHS: Final = 3.0


@dataclass(frozen=True)
class Progress:
    """How far one ossification centre has come.

    Attributes
    ----------
    growth : float
        0 when the centre appears (negative before), 1 when it has its mature size; linear in months, at most 1.
    closing : float
        0 while the growth plate is open, 1 when it has fused; always 0 for a bone without one.
    scar : float
        1 when the plate has just fused, falling to 0 as the line where it was fades; 0 before fusion.
    """

    growth: float
    closing: float
    scar: float

    @classmethod
    def of_round_bone(cls, bone_age_months: float, appears: float, mature: float) -> "Progress":
        """Return that of a bone without a growth plate, which has its mature size from `mature` months on."""
        return cls(min((bone_age_months - appears) / (mature - appears), 1.0), 0.0, 0.0)

    @classmethod
    def of_epiphysis(
        cls, bone_age_months: float, appears: float, closes: float, fused: float, scar_months: float
    ) -> "Progress":
        """Return that of an epiphysis whose plate begins to close at `closes` months, and whose scar stays so long."""
        return cls(
            growth=min((bone_age_months - appears) / (closes - appears), 1.0),
            closing=float(np.clip((bone_age_months - closes) / (fused - closes), 0, 1)),
            scar=float(np.clip(1 - (bone_age_months - fused) / scar_months, 0, 1)) if bone_age_months >= fused else 0.0,
        )

    @property
    def has_appeared(self) -> bool:
        """Whether the centre shows on a radiograph."""
        return self.growth >= 0

    @property
    def has_fused(self) -> bool:
        """Whether the growth plate is gone."""
        return self.closing >= 1


@cache
def ossification_months() -> dict[str, dict[str, dict[str, float]]]:
    """Read the table of centres shipped beside this module.

    Returns
    -------
    dict
        Name of the centre → `appears_months` and, with a growth plate, `fused_months` → sex → months.
    """
    return tomllib.loads(files(__package__).joinpath("ossification.toml").read_text(encoding="utf-8"))


def progress_of_centres(bone_age_months: float, sex: Sex, rng: np.random.Generator) -> dict[str, Progress]:
    """Tell how far every centre of one hand has come.

    Parameters
    ----------
    bone_age_months : float
        Bone age on the standard of that sex, 0 to 240.
    sex : Sex
        Male or female.
    rng : numpy.random.Generator
        Draws how much each centre is ahead or behind; advanced by the same amount whatever the age.

    Returns
    -------
    dict of str to Progress
        One entry for each centre of the table.
    """
    table = ossification_months()
    return {
        name: _progress(name, bone_age_months, sex, ahead, later)
        for name, ahead, later in zip(table, rng.normal(size=len(table)), rng.normal(size=len(table)), strict=True)
    }


def _progress(name: str, bone_age_months: float, sex: Sex, appearance_z: float, fusion_z: float) -> Progress:
    centre = ossification_months()[name]
    appears = centre["appears_months"][sex] * float(np.exp(_APPEARANCE_SPREAD * appearance_z))
    if "fused_months" not in centre:
        mature = max(_ROUND_BONE_MATURE_MONTHS[sex], appears + 24.0)
        return Progress.of_round_bone(bone_age_months, appears, mature)
    fused = centre["fused_months"][sex] + _FUSION_SPREAD_MONTHS * float(np.clip(fusion_z, -2, 2))
    closes = fused - (_CLOSING_FOREARM_MONTHS if name in {"distal_radius", "distal_ulna"} else _CLOSING_MONTHS)
    return Progress.of_epiphysis(bone_age_months, appears, closes, fused, _SCAR_MONTHS)
