"""Is this object a radiograph that Carpus assesses? Pure: a header comes in, a reason or nothing goes out.

Between :mod:`describe` and :mod:`register`: an object with a reason ends as ``NOT_APPLICABLE``. What the pixels decide
(colour, several frames, none at all) is not asked here; the worker's ``read`` rejects those.

References
----------
DICOM PS3.3 C.8.1.1 and C.8.11.5 (View Position), C.7.6.1.1.2 (Image Type), C.8.11.1 (Presentation Intent Type);
PS3.16 CID 4031 (anatomic region), CID 4010 (DX view), Annex L (terms of Body Part Examined).
"""

import re

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import (
    DigitalXRayImageStorageForProcessing,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameSingleBitSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

from db.identity import MANUFACTURER, UID_ROOT
from dicom_listener import terms
from dicom_listener.header import coded, named, text, texts

MAX_AGE_MONTHS = 240  # 20 years; the Greulich-Pyle atlas ends at 19

SECONDARY_CAPTURES = (
    SecondaryCaptureImageStorage,
    MultiFrameSingleBitSecondaryCaptureImageStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
)

_SIDES = frozenset({"L", "R", "LT", "RT", "LEFT", "RIGHT", "BOTH", "AND"})
_HAND_PARTS = frozenset({"HAND", "HANDS", "WRIST", "WRISTS"})
# They hold a hand or something else: the anatomic region decides where it is given.
_LIMB_PARTS = frozenset({"EXTREMITY", "UPPEREXTREMITY", "UPPERLIMB"})
_HAND_REGIONS = (codes.SCT.Hand, codes.SCT.HandBone, codes.SCT.WristJoint, codes.SCT.Carpus)
_LIMB_REGIONS = (codes.SCT.Extremity, codes.SCT.UpperLimb, codes.SCT.BoneOfUpperLimb)

_DESCRIPTIONS = (
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "RequestedProcedureDescription",
    "PerformedProcedureStepDescription",
)
_HAND_WORDS = re.compile(r"\b(hands?|wrists?|bone ?age|skeletal ?age)\b", re.IGNORECASE)
# Words by which descriptions name a part that is no hand; in English, with the Latin that other languages share.
_OTHER_WORDS = re.compile(
    r"\b(chest|thorax|lungs?|ribs?|sternum|abdomen|kub|pelvis|hips?|femur|thigh|knees?|patella|tibia|fibula|ankles?|"
    r"foot|feet|toes?|calcaneus|heel|leg|legs|lower (?:limb|extremity)|shoulders?|clavicle|scapula|humerus|elbows?|"
    r"forearms?|skull|cranium|head|face|facial|nasal|sinus(?:es)?|orbits?|mandible|jaw|dental|teeth|neck|spine|"
    r"cervical|thoracic|lumbar|sacrum|coccyx|scoliosis|breasts?|mammography|whole ?body|skeletal survey|babygram)\b",
    re.IGNORECASE,
)

_LATERAL_POSITIONS = frozenset({"LL", "RL", "LLD", "RLD", "LAT", "LATERAL", "ML", "LM"})
_OBLIQUE_POSITIONS = frozenset({"LLO", "RLO", "LAO", "RAO", "LPO", "RPO", "MLO", "LMO", "OBL", "OBLIQUE"})
_SIDE_VIEWS = tuple(
    getattr(codes.cid4010, name) for name in codes.cid4010.dir() if re.search("Lateral|LateroMedial|Oblique", name)
)


def not_applicable(header: Dataset, chronological_age_months: float | None, accept_for_processing: bool) -> str | None:
    """Return why an object is not assessed, or None when it goes on to the worker.

    Parameters
    ----------
    header
        The data set, pixels not needed; not changed.
    chronological_age_months
        The patient's age in months when the image was acquired; None when not known.
    accept_for_processing
        Whether FOR PROCESSING images go on.

    Returns
    -------
    str or None
        The reason names element, tag, and what was found and expected. Of a description it quotes only the word that
        decided, for the rest is free text, and of a code or code string only what is a term of the standard.
    """
    return (
        _made_by_carpus(header)
        or _derived_secondary_capture(header)
        or (None if accept_for_processing else _for_processing(header))
        or _other_part(header)
        or _side_view(header)
        or _too_old(chronological_age_months)
    )


def _made_by_carpus(header: Dataset) -> str | None:
    for keyword in ("Manufacturer", "ManufacturerModelName"):
        if text(header, keyword).casefold() == MANUFACTURER.casefold():
            return f"{named(keyword)} is {MANUFACTURER}: its own results are not assessed again"
    if f"{text(header, 'SOPInstanceUID')}.".startswith(f"{UID_ROOT}."):
        return f"{named('SOPInstanceUID')} is one of {MANUFACTURER}'s own: its results are not assessed again"
    return None


def _derived_secondary_capture(header: Dataset) -> str | None:
    if text(header, "SOPClassUID") in SECONDARY_CAPTURES and texts(header, "ImageType")[:1] == ["DERIVED"]:
        return f"{named('ImageType')} is DERIVED in a Secondary Capture: expected an original radiograph"
    return None


def _for_processing(header: Dataset) -> str | None:
    if text(header, "SOPClassUID") == DigitalXRayImageStorageForProcessing:
        return f"{named('SOPClassUID')} is Digital X-Ray For Processing: expected the image For Presentation"
    if text(header, "PresentationIntentType").upper() == "FOR PROCESSING":
        return f"{named('PresentationIntentType')} is FOR PROCESSING: expected FOR PRESENTATION"
    return None


def _other_part(header: Dataset) -> str | None:
    """Ask the most exact element first; one that is empty, or says no more than a limb, leaves it to the next."""
    keyword = "BodyPartExamined"
    part = text(header, keyword).upper()
    words = [word for word in re.findall("[A-Z]+", part) if word not in _SIDES]
    if words and set(words) <= _HAND_PARTS:
        return None
    if part and "".join(words) not in _LIMB_PARTS:
        return f"{named(keyword)} is {terms.body_part(part)}: expected HAND, WRIST or EXTREMITY"
    if regions := coded(header, "AnatomicRegionSequence"):
        return _other_region(regions)
    # A limb is accepted as it stands, as its descriptions often name a finding elsewhere.
    return None if part else _other_description(header)


def _other_region(regions: list[Code]) -> str | None:
    for region in regions:
        if not _is_one_of(region, _HAND_REGIONS) and not _is_one_of(region, _LIMB_REGIONS):
            return f"{named('AnatomicRegionSequence')} is {terms.code(region)}: expected hand, wrist or extremity"
    return None


def _other_description(header: Dataset) -> str | None:
    found = [(keyword, text(header, keyword).replace("_", " ")) for keyword in _DESCRIPTIONS]
    if any(_HAND_WORDS.search(description) for _, description in found):
        return None
    for keyword, description in found:
        if other := _OTHER_WORDS.search(description):
            return f"{named(keyword)} names another part ({other[0].lower()}): expected a hand or wrist"
    return None


def _side_view(header: Dataset) -> str | None:
    position = text(header, "ViewPosition").upper()
    for kind, positions in (("a lateral", _LATERAL_POSITIONS), ("an oblique", _OBLIQUE_POSITIONS)):
        if position in positions:
            return f"{named('ViewPosition')} is {position}, {kind} view: expected PA or AP"
    for view in coded(header, "ViewCodeSequence"):
        if _is_one_of(view, _SIDE_VIEWS):
            return (
                f"{named('ViewCodeSequence')} is {terms.code(view)}, a lateral or oblique view: expected a frontal one"
            )
    return None


def _too_old(chronological_age_months: float | None) -> str | None:
    if chronological_age_months is not None and chronological_age_months > MAX_AGE_MONTHS:
        return f"the patient's age at acquisition is over {MAX_AGE_MONTHS // 12} years: growth has ended"
    return None


def _is_one_of(code: Code, concepts: tuple[Code, ...]) -> bool:
    """Compare as pydicom does, which knows SNOMED's older codes as the newer ones; hashes would not."""
    return any(code == concept for concept in concepts)
