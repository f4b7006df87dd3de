"""Which patient is for what: split from a seed, even in age and sex, and checked for leaks.

Before it: cases from `training.sources`. After it: `training.fit` learns from one part and is judged by others.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
import numpy.typing as npt

from training.cases import Case, DataError, Part, refuse

DEFAULT_FRACTIONS: Mapping[Part, float] = {
    Part.TRAINING: 0.6,
    Part.VALIDATION: 0.1,
    Part.CALIBRATION: 0.15,
    Part.TEST: 0.15,
}

_AGE_BAND_MONTHS = 24  # a stratum: about ten radiographs of each sex in a set of 200
_ROUNDING = 1e-6


class LeakError(DataError):
    """The same patient or the same picture is in two parts; the message names the cases."""


def split(cases: Sequence[Case], fractions: Mapping[Part, float], seed: int) -> dict[Part, list[Case]]:
    """Share cases out, a patient's all to one part, each part with about the same ages and sexes.

    Parameters
    ----------
    cases
        The cases; in another order they are shared out the same.
    fractions
        Of the cases, for each part; 1 together.
    seed
        Decides which patient goes where.

    Returns
    -------
    dict
        The cases of every part, in the order of `cases`; none where the fraction is 0.

    Raises
    ------
    ValueError
        If the fractions are negative, or not 1 together.
    DataError
        If there are too few patients for a part to get any.
    """
    if min(fractions.values()) < 0 or abs(sum(fractions.values()) - 1) > _ROUNDING:
        raise ValueError(f"expected fractions from 0 that are 1 together, received {dict(fractions)}")
    patients = defaultdict[str, list[Case]](list)
    for case in sorted(cases, key=lambda case: case.name):
        patients[case.patient].append(case)
    part_of = _shared_out(sorted(patients.values(), key=lambda one: _place(one, seed)), fractions)
    parts = {part: [case for case in cases if part_of[case.patient] is part] for part in Part}
    empty = [part.value for part in Part if fractions.get(part) and not parts[part]]
    if empty:
        raise DataError(f"{len(patients)} patients are too few: none is left for {' and '.join(empty)}")
    return parts


def check_for_leaks(
    parts: Mapping[Part, Sequence[Case]], images: Mapping[Part, npt.NDArray[np.uint8]] | None = None
) -> None:
    """Make sure that no patient and no picture is in two parts.

    Parameters
    ----------
    parts
        The cases of each.
    images
        (n, rows, columns) uint8, theirs, from `training.cache`; None where pictures are not compared.

    Raises
    ------
    LeakError
        Naming the cases, not the patients.
    """
    problems = []
    patients, pictures = dict[str, tuple[Part, Case]](), dict[bytes, tuple[Part, Case]]()
    for part, cases in parts.items():
        for index, case in enumerate(cases):
            first_part, first = patients.setdefault(case.patient, (part, case))
            if first_part != part:
                problems.append(f"{case.name} ({part}) is of the same patient as {first.name} ({first_part})")
            if images is None:
                continue
            sha256 = hashlib.sha256(images[part][index]).digest()
            first_part, first = pictures.setdefault(sha256, (part, case))
            if first_part != part:
                problems.append(f"{case.name} ({part}) is the same picture as {first.name} ({first_part})")
    if problems:
        cure = "give both the same patient_id, or leave one out"
        refuse([f"in two parts: {len(problems):,}; {cure}:", *problems], LeakError)


def _place(patient: Sequence[Case], seed: int) -> tuple[int, str, str]:
    """Return where a patient stands in line: by age and sex, and among the like at random."""
    age_band = int(fmean(case.bone_age_months for case in patient) // _AGE_BAND_MONTHS)
    return age_band, patient[0].sex, hashlib.sha256(f"{seed} {patient[0].patient}".encode()).hexdigest()


def _shared_out(patients: Sequence[Sequence[Case]], fractions: Mapping[Part, float]) -> dict[str, Part]:
    """Give each patient in turn to the part that lacks most."""
    lacking = dict.fromkeys(fractions, 0.0)
    part_of = {}
    for patient in patients:
        for part, fraction in fractions.items():
            lacking[part] += fraction * len(patient)
        part_of[patient[0].patient] = neediest = max(lacking, key=lambda part: (lacking[part], part))
        lacking[neediest] -= len(patient)
    return part_of
