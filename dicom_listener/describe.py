"""What an object's header says of patient and study, as the columns of its row.

After :mod:`header`, before :mod:`accept`. A birth date is used for the age and not kept.

References
----------
DICOM PS3.3 C.7.1.1 (patient), C.7.2.2 (patient's age), C.7.3.1 and C.7.6.1 (dates, Laterality), C.7.6.1.1.1 (Patient
Orientation), C.8.11.3 (Image Laterality, View Position); PS3.5 table 6.2-1 (AS, DA); PS3.16 CID 4010 (DX view).
"""

import re
from dataclasses import dataclass
from datetime import date

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from db.errors import RejectedRadiographError
from db.tables import MAX_CHRONOLOGICAL_AGE_MONTHS
from db.vocabulary import AgeSource, Laterality, Sex, ViewPosition
from dicom_listener import terms
from dicom_listener.header import coded, named, text, texts
from dicom_listener.statuses import InvalidUIDError
from dicom_listener.store import checked_uid

DAYS_PER_MONTH = 30.4375  # of the Julian year, 365.25 / 12
# When the radiograph was taken, from the most exact element to the least; the first valid date counts.
_IMAGE_DATES = ("AcquisitionDate", "ContentDate", "SeriesDate", "StudyDate")
_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")  # with dots: as before DICOM 3.0, and still sent
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_AGE_UNIT_MONTHS = {"D": 1 / DAYS_PER_MONTH, "W": 7 / DAYS_PER_MONTH, "M": 1.0, "Y": 12.0}
_LATERALITIES = {"L": Laterality.LEFT, "R": Laterality.RIGHT, "B": None, "U": None}  # both, unpaired
_DIRECTIONS = re.compile("[APRLHF]{1,3}")
_VIEWS = ((codes.cid4010.PosteroAnterior, ViewPosition.PA), (codes.cid4010.AnteroPosterior, ViewPosition.AP))
_SEXES = {"M": Sex.MALE, "F": Sex.FEMALE, "O": Sex.OTHER}


@dataclass(frozen=True)
class Description:
    """Columns of ``radiograph`` that come from the data set."""

    study_instance_uid: str | None
    series_instance_uid: str | None
    accession_number: str | None
    patient_id_issuer: str
    patient_id: str | None
    patient_sex: Sex
    chronological_age_months: float | None
    chronological_age_source: AgeSource | None
    chronological_age_span_months: float | None
    modality: str | None
    laterality: Laterality | None
    patient_orientation: str | None
    view_position: ViewPosition | None


def describe(header: Dataset, site: str) -> Description:
    """Return the columns of an object's row that its header gives; what cannot be understood is left empty.

    Parameters
    ----------
    header
        The data set, pixels not needed; not changed.
    site
        Issuer of the patient ID where the object names none.
    """
    age_months, age_source, age_span_months = chronological_age(header)
    return Description(
        study_instance_uid=_uid(header, "StudyInstanceUID"),
        series_instance_uid=_uid(header, "SeriesInstanceUID"),
        accession_number=text(header, "AccessionNumber") or None,
        patient_id_issuer=text(header, "IssuerOfPatientID") or site,
        patient_id=text(header, "PatientID") or None,
        patient_sex=patient_sex(header),
        chronological_age_months=age_months,
        chronological_age_source=age_source,
        chronological_age_span_months=age_span_months,
        modality=modality if (modality := text(header, "Modality").upper()) in terms.MODALITIES else None,
        laterality=laterality(header),
        patient_orientation=patient_orientation(header),
        view_position=view_position(header),
    )


def check_identity(header: Dataset, sop_class_uid: str, sop_instance_uid: str) -> None:
    """Check that the data set is the object that the C-STORE command announced.

    Raises
    ------
    RejectedRadiographError
        When its SOP class or instance is missing or another.
    """
    announced = {"SOPClassUID": sop_class_uid, "SOPInstanceUID": sop_instance_uid}
    for keyword, expected in announced.items():
        if (received := text(header, keyword)) != expected:
            # What was received is not told: a number, too, may be a patient's.
            found = "another than" if received else "missing, and not"
            raise RejectedRadiographError(
                f"{named(keyword)} of the data set is {found} the C-STORE command's {expected}; "
                "let the sender take both from one object"
            )


def patient_sex(header: Dataset) -> Sex:
    """Return the patient's sex; a value that the standard does not have says nothing and counts as missing."""
    return _SEXES.get(text(header, "PatientSex").upper(), Sex.MISSING)


def laterality(header: Dataset) -> Laterality | None:
    """Return which hand it is by Image Laterality, or where that is no term of the standard by Laterality."""
    stated = (text(header, keyword).upper() for keyword in ("ImageLaterality", "Laterality"))
    return next((_LATERALITIES[value] for value in stated if value in _LATERALITIES), None)


def patient_orientation(header: Dataset) -> str | None:
    r"""Return where rows and columns run to, such as ``L\H``; None where it is not two directions of the standard."""
    directions = texts(header, "PatientOrientation")
    is_understood = len(directions) == 2 and all(map(_DIRECTIONS.fullmatch, directions))  # noqa: PLR2004  as its VM
    return "\\".join(directions) if is_understood else None


def view_position(header: Dataset) -> ViewPosition | None:
    """Return from which side the hand was seen by View Position, else by the view's code."""
    stated = text(header, "ViewPosition").upper()
    if stated:
        return ViewPosition(stated) if stated in set(ViewPosition) else None
    return next((view for one in coded(header, "ViewCodeSequence") for code, view in _VIEWS if one == code), None)


def chronological_age(header: Dataset) -> tuple[float, AgeSource, float] | tuple[None, None, None]:
    """Return the patient's age when the radiograph was taken, in months, what it was computed from, and its span.

    Birth date and image date come first; Patient's Age, in whole units, where they are missing or impossible. A child
    of whom 012Y is stated is less than one year older than that: the span is 12 months. By dates it is 0.
    """
    from_dates = _age_from_dates(header)
    if from_dates is not None:
        return from_dates, AgeSource.BIRTH_DATE, 0.0
    stated = _AGE.fullmatch(text(header, "PatientAge").upper())
    if stated:
        unit_months = _AGE_UNIT_MONTHS[stated[2]]
        months = int(stated[1]) * unit_months
        if months <= MAX_CHRONOLOGICAL_AGE_MONTHS:
            return months, AgeSource.PATIENT_AGE, unit_months
    return None, None, None


def _age_from_dates(header: Dataset) -> float | None:
    born = _date(header, "PatientBirthDate")
    taken = next((day for keyword in _IMAGE_DATES if (day := _date(header, keyword))), None)
    if born is None or taken is None:
        return None
    months = (taken - born).days / DAYS_PER_MONTH
    return months if 0 <= months <= MAX_CHRONOLOGICAL_AGE_MONTHS else None


def _date(header: Dataset, keyword: str) -> date | None:
    parts = _DATE.fullmatch(text(header, keyword))
    if not parts:
        return None
    try:
        return date(int(parts[1]), int(parts[2]), int(parts[3]))
    except ValueError:  # 20240231, 00000000
        return None


def _uid(header: Dataset, keyword: str) -> str | None:
    try:
        return checked_uid(text(header, keyword))
    except InvalidUIDError:
        return None
