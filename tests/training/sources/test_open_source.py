"""What ``--data`` may name, and which cases it stands for."""

from collections import Counter
from pathlib import Path

import pytest

from training.cases import DataError, Part
from training.sources import open_source
from training.sources.source import Collected, counted
from training.split import DEFAULT_FRACTIONS


def test_drawn_hands_to_fit_to_come_with_a_fifth_as_many_for_each_other_part() -> None:
    parts = open_source("phantoms:12").parts(DEFAULT_FRACTIONS, 0)
    assert {part: len(cases) for part, cases in parts.items()} == dict.fromkeys(Part, 2) | {Part.TRAINING: 12}
    assert not open_source("phantoms:12").are_radiographs


def test_of_few_drawn_hands_each_other_part_has_one() -> None:
    assert Counter(map(len, open_source("phantoms:1").parts(DEFAULT_FRACTIONS, 0).values())) == {1: 4}


def test_a_recipe_may_say_how_many_are_drawn() -> None:
    parts = open_source("phantoms:12").parts(DEFAULT_FRACTIONS, 0, {Part.TRAINING: 99, Part.TEST: 7})
    assert [len(parts[part]) for part in (Part.TRAINING, Part.VALIDATION, Part.TEST)] == [12, 2, 7]


def test_drawn_hands_to_evaluate_with_are_the_first_test_hands() -> None:
    source = open_source("phantoms:3")
    assert [case.name for case in source.chosen(None, DEFAULT_FRACTIONS, 0)] == [
        f"phantom {seed}" for seed in range(2_000_000_000, 2_000_000_003)
    ]
    assert source.chosen(Part.CALIBRATION, DEFAULT_FRACTIONS, 0)[0].name == "phantom 3000000000"


def test_hands_are_the_truer_drawing() -> None:
    source = open_source("hands:3")
    assert source.description == "hands drawn by training.hand; no radiograph of a patient"
    assert {case.picture.drawing for case in source.chosen(None, DEFAULT_FRACTIONS, 0)} == {"hand"}
    parts = source.parts(DEFAULT_FRACTIONS, 0)
    assert {case.picture.drawing for cases in parts.values() for case in cases} == {"hand"}


def test_both_are_by_either_drawing() -> None:
    source = open_source("both:4")
    assert source.description == "hands drawn by training.phantom and training.hand; no radiograph of a patient"
    assert [case.picture.drawing for case in source.chosen(None, DEFAULT_FRACTIONS, 0)].count("phantom") == 1


def test_radiographs_to_evaluate_with_are_all_or_those_of_a_part(shared_data: Path) -> None:
    source = open_source(f"rsna:{shared_data / 'hand_radiographs'}")
    assert source.are_radiographs
    assert len(source.chosen(None, DEFAULT_FRACTIONS, 7)) == 29
    assert source.chosen(Part.TEST, DEFAULT_FRACTIONS, 7) == source.parts(DEFAULT_FRACTIONS, 7)[Part.TEST]


@pytest.mark.parametrize(
    "data",
    [
        "phantoms",
        "phantoms:0",
        "phantoms:1000000001",
        "phantoms:-1",
        "hands:0",
        "rsna:",
        "dicom",
        "database:x",
        "folder",
        "",
    ],
)
def test_anything_else_is_refused(data: str) -> None:
    with pytest.raises(DataError, match="phantoms:N"):
        open_source(data)


def test_cases_are_counted_of_all_radiographs_but_not_of_all_hands_that_could_be_drawn() -> None:
    drawn = open_source("phantoms:2")
    cases = drawn.chosen(None, {}, 0)
    assert counted(cases, drawn) == "2 hands drawn by training.phantom; no radiograph of a patient"
    assert counted(cases, Collected("29 radiographs", ())) == "2 of 29 radiographs"
