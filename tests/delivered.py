"""Hands whose results are delivered to an archive, as a modality sends them, and the numbers of their reports."""

from typing import Any, Final

import numpy as np
from pydicom import Dataset
from pydicom.uid import generate_uid

from db.vocabulary import Sex
from tests.encodings import eight_bit
from training.phantom import draw

BONE_AGE: Final = "85151-9"
PICTURE: Final = draw(94, Sex.FEMALE, seed=7, rows=600).image


def hand(patient_sex: str = "F", **elements: str | None) -> Dataset:
    """Return a drawn hand of an eight-year-old, in a study of its own.

    Keyword arguments replace elements by keyword; None removes one.
    """
    sent = eight_bit(PICTURE)
    sent.StudyInstanceUID, sent.SeriesInstanceUID = generate_uid(), generate_uid()
    sent.PatientBirthDate, sent.AcquisitionDate, sent.PatientSex = "20140301", "20220301", patient_sex
    for keyword, value in elements.items():
        if value is None:
            delattr(sent, keyword)
        else:
            setattr(sent, keyword, value)
    return sent


def hand_without_contrast(**elements: str | None) -> Dataset:
    """Return the same hand in four grey values, which a person must look at."""
    sent = hand(**elements)
    sent.PixelData = (90 + PICTURE.astype(np.uint32) // 2**14).astype(np.uint8).tobytes()
    return sent


def numbers(report: Dataset) -> dict[str, float]:
    """Return every NUM of a report by its concept's code."""
    found: dict[str, float] = {}

    def look(items: Any) -> None:
        for item in items:
            if item.ValueType == "NUM":
                code, measured = item.ConceptNameCodeSequence[0].CodeValue, item.MeasuredValueSequence[0]
                assert code not in found, f"{code} is in the report twice"
                found[code] = measured.FloatingPointValue
            look(item.get("ContentSequence", []))

    look(report.ContentSequence)
    return found
