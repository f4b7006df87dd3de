"""What a patient's hash says, at the edges, by pseudonyms made up for it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from training.cases import Part
from training.site_split import part_of
from training.sources.source import pseudonym

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("00000000", Part.TEST),
        ("4ccccccc", Part.TEST),  # 0.29999999993
        ("4ccccccd", Part.CALIBRATION),  # 0.30000000016
        ("99999999", Part.CALIBRATION),  # 0.59999999986
        ("9999999a", Part.VALIDATION),  # 0.60000000009
        ("a8f5c28f", Part.VALIDATION),  # 0.65999999992
        ("a8f5c290", Part.TRAINING),  # 0.66000000015
        ("ffffffff", Part.TRAINING),
    ],
)
def test_the_first_eight_digits_say_the_part(digits: str, expected: Part) -> None:
    assert part_of(digits + "f" * 24, NOON, None) is expected
    assert part_of(digits + "0" * 24, NOON, None) is expected


def test_a_renewed_split_learns_from_the_patients_of_the_old_test_and_moves_nobody_else() -> None:
    arrived = {"before": NOON - SECOND, "after": NOON + SECOND}
    parts = {
        when: [part_of(digit + "0" * 31, at, NOON) for digit in ("1", "5", "a", "c")] for when, at in arrived.items()
    }
    others = [Part.CALIBRATION, Part.VALIDATION, Part.TRAINING]
    assert parts == {"before": [Part.TRAINING, *others], "after": [Part.TEST, *others]}


def test_patients_are_shared_out_as_the_fractions_say() -> None:
    parts = [part_of(pseudonym("local", f"P{number}"), NOON, None) for number in range(10_000)]
    shares = [parts.count(part) / len(parts) for part in (Part.TEST, Part.CALIBRATION, Part.VALIDATION, Part.TRAINING)]
    assert np.allclose(shares, [0.30, 0.30, 0.06, 0.34], atol=0.015)
