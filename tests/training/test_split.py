"""Which patient is for what: whole, even in age and sex, the same again, and leaks told."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from db.vocabulary import Sex
from training.cases import Case, DataError, Part
from training.sources.phantoms import Phantom, phantoms
from training.split import DEFAULT_FRACTIONS, LeakError, check_for_leaks, split


def case(name: str, patient: str, months: float = 100.0, sex: Sex = Sex.FEMALE) -> Case:
    return Case(name, patient, sex, months, None, Phantom(months, sex, 0))


HANDS = phantoms(Part.TRAINING, 1000)


def test_every_case_is_in_one_part_and_parts_have_their_fractions() -> None:
    parts = split(HANDS, DEFAULT_FRACTIONS, seed=1)
    assert {part: len(cases) for part, cases in parts.items()} == {
        Part.TRAINING: 600,
        Part.VALIDATION: 100,
        Part.CALIBRATION: 150,
        Part.TEST: 150,
    }
    assert sorted(one.name for cases in parts.values() for one in cases) == sorted(one.name for one in HANDS)


def test_each_sex_and_age_has_its_fraction() -> None:
    strata = Counter((one.sex, one.bone_age_months // 24) for one in HANDS)
    for part, cases in split(HANDS, DEFAULT_FRACTIONS, seed=1).items():
        found = Counter((one.sex, one.bone_age_months // 24) for one in cases)
        for stratum, count in strata.items():
            assert found[stratum] == pytest.approx(DEFAULT_FRACTIONS[part] * count, abs=2), (part, stratum)


def test_the_order_of_the_cases_does_not_matter_and_the_seed_does() -> None:
    shuffled = random.Random(5).sample(HANDS, len(HANDS))
    names = [
        {one.name for one in split(cases, DEFAULT_FRACTIONS, seed)[Part.TEST]}
        for cases, seed in ((HANDS, 1), (shuffled, 1), (HANDS, 2))
    ]
    assert names[0] == names[1] != names[2]


def test_a_part_keeps_the_order_of_the_cases() -> None:
    names = [one.name for one in HANDS]
    found = [one.name for one in split(HANDS, DEFAULT_FRACTIONS, seed=1)[Part.TRAINING]]
    assert found == sorted(found, key=names.index)


def test_a_patient_is_whole_in_one_part_even_with_several_ages() -> None:
    cases = [
        case(f"{patient}-{visit}", str(patient), 40.0 + patient + 30 * visit)
        for patient in range(40)
        for visit in range(3)
    ]
    parts = split(cases, DEFAULT_FRACTIONS, seed=3)
    patients = [{one.patient for one in some} for some in parts.values()]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 40
    check_for_leaks(parts)


def test_a_part_without_a_fraction_stays_empty() -> None:
    parts = split(HANDS[:10], {Part.TRAINING: 0.5, Part.TEST: 0.5, Part.VALIDATION: 0.0}, seed=1)
    assert [len(parts[part]) for part in Part] == [5, 0, 0, 5]


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(DataError, match="2 patients are too few: none is left for validation"):
        split([case("a", "A"), case("b", "A"), case("c", "C")], DEFAULT_FRACTIONS, seed=1)


@pytest.mark.parametrize("fractions", [{Part.TRAINING: 0.5}, {Part.TRAINING: 1.5, Part.TEST: -0.5}])
def test_fractions_that_are_no_whole_are_refused(fractions: dict[Part, float]) -> None:
    with pytest.raises(ValueError, match="1 together"):
        split(HANDS, fractions, seed=1)


def test_a_patient_in_two_parts_is_a_leak_told_by_the_cases() -> None:
    parts = {Part.TRAINING: [case("a", "Jane"), case("b", "Joe")], Part.TEST: [case("c", "Jane"), case("d", "Jack")]}
    with pytest.raises(LeakError) as told:
        check_for_leaks(parts)
    assert str(told.value).splitlines()[1:] == ["c (test) is of the same patient as a (training)"]
    assert "Jane" not in str(told.value)


def test_a_picture_in_two_parts_is_a_leak_and_twice_in_one_is_none() -> None:
    parts = {Part.TRAINING: [case("a", "A"), case("b", "B")], Part.TEST: [case("c", "C")]}
    black, white = np.zeros((2, 4, 4), np.uint8), np.full((1, 4, 4), 255, np.uint8)
    check_for_leaks(parts, {Part.TRAINING: black, Part.TEST: white})
    with pytest.raises(LeakError) as told:
        check_for_leaks(parts, {Part.TRAINING: black, Part.TEST: black[:1]})
    assert str(told.value).splitlines() == [
        "in two parts: 1; give both the same patient_id, or leave one out:",
        "c (test) is the same picture as a (training)",
    ]


def test_drawn_hands_do_not_leak() -> None:
    parts = {part: phantoms(part, 3) for part in Part}
    check_for_leaks(parts)
    parts[Part.TEST].append(replace(parts[Part.TRAINING][0], name="again"))
    with pytest.raises(LeakError, match="again \\(test\\) is of the same patient as phantom 0 \\(training\\)"):
        check_for_leaks(parts)
