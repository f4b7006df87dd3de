"""How far each ossification centre has come at a bone age: the clock of the hand.

Before it comes the bone age asked for; after it `skeleton` turns a centre's progress into shapes.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from db.vocabulary import Sex
from training.phantom.timing import Progress

# Mature outline of a carpal bone, months: by eye, carpal outlines are adult when the fingers' plates begin to close.
_CARPAL_MATURE_MONTHS: Final = {Sex.MALE: 184.0, Sex.FEMALE: 158.0}
# The carpus of one hand is ahead of its fingers or behind them more than they differ (by eye: one of 149 months has
# bones apart, others of 150 have them overlap).
_CARPAL_SPREAD_MONTHS: Final = 10.0
# A plate narrows and bridges over about two years before it has fused, the forearm's two over three (by eye).
_CLOSING_MONTHS: Final = 24.0
_CLOSING_FOREARM_MONTHS: Final = 34.0
# The line where a plate was stays visible for some two years (by eye).
_SCAR_MONTHS: Final = 24.0
# Spread of single centres around the hand's bone age: one hand is never all of one age. A share of the age of
# appearance, and months of the age of fusion; half of the latter is shared by a row of bones alike.
_APPEARANCE_SPREAD: Final = 0.12
_FUSION_SPREAD_MONTHS: Final = 3.0


@cache
def ossification_months() -> dict[str, dict[str, dict[str, float]]]:
    """Read the table of centres shipped beside this module.

    Returns
    -------
    dict
        Name of the centre → `appears` and, with a growth plate, `fused` → sex → months.
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
    own, later = np.clip(rng.normal(size=(2, len(table))), -2, 2)
    rows = sorted({name.rpartition("_")[0] for name in table})
    shared = dict(zip(rows, np.clip(rng.normal(size=len(rows)), -2, 2), strict=True))
    return {
        name: _progress(name, bone_age_months, sex, float(ahead), 0.7 * float(late + shared[name.rpartition("_")[0]]))
        for name, ahead, late in zip(table, own, later, strict=True)
    }


def _progress(name: str, bone_age_months: float, sex: Sex, appearance_z: float, fusion_z: float) -> Progress:
    centre = ossification_months()[name]
    appears = centre["appears"][sex] * float(np.exp(_APPEARANCE_SPREAD * appearance_z))
    if "fused" not in centre:
        mature = max(_CARPAL_MATURE_MONTHS[sex] + _CARPAL_SPREAD_MONTHS * fusion_z, appears + 24.0)
        return Progress.of_round_bone(bone_age_months, appears, mature)
    fused = centre["fused"][sex] + _FUSION_SPREAD_MONTHS * fusion_z
    closes = fused - (_CLOSING_FOREARM_MONTHS if name in {"distal_radius", "distal_ulna"} else _CLOSING_MONTHS)
    return Progress.of_epiphysis(bone_age_months, appears, closes, fused, _SCAR_MONTHS)
