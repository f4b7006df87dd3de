"""Which patient of a site is for what: decided by a hash on arrival, for good, so that no test is ever learned from.

Before it: `training.sources.source.pseudonym`, and the decisions that renewed the split. After it:
`training.sources.site`. `training.split` shares out what is all there beforehand; here radiographs keep coming, and
must move nobody.
"""

from datetime import datetime

from training.cases import Part

# Of the patients. Test and calibration take more than half, for of theirs only the few count that a list asked for.
TEST_FRACTION = 0.30
CALIBRATION_FRACTION = 0.30
VALIDATION_FRACTION = 0.06

JUDGED = frozenset({Part.TEST, Part.CALIBRATION})
"""Whose labels must be blinded reads that a list asked for: they say how good a model is, not how it becomes better."""

_DIGITS = 8  # hexadecimal, of the pseudonym


def part_of(patient: str, arrived_at: datetime, split_began_at: datetime | None) -> Part:
    """Return what a patient's radiographs are for.

    A split is renewed after it has judged a number of candidates. Whoever was in its test then is used up, and is
    learned from; in the new test are only patients who arrive afterwards.

    Parameters
    ----------
    patient
        Her pseudonym: hexadecimal digits that are as good as random.
    arrived_at
        When the first of her radiographs was received.
    split_began_at
        When the split was last renewed; None if it never was.
    """
    place = int(patient[:_DIGITS], 16) / 16**_DIGITS
    if place < TEST_FRACTION:
        is_used_up = split_began_at is not None and arrived_at < split_began_at
        return Part.TRAINING if is_used_up else Part.TEST
    if place < TEST_FRACTION + CALIBRATION_FRACTION:
        return Part.CALIBRATION
    return Part.VALIDATION if place < TEST_FRACTION + CALIBRATION_FRACTION + VALIDATION_FRACTION else Part.TRAINING
