import re

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForProcessing,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

from db.identity import UID_ROOT
from dicom_listener.accept import not_applicable
from tests.objects import hand_radiograph


def coded(value: str, scheme: str) -> list[Dataset]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "-"
    return [item]


GOES_ON = {
    "a hand": {},
    "a wrist": {"BodyPartExamined": "WRIST"},
    "a left hand": {"BodyPartExamined": "L HAND"},
    "both wrists": {"BodyPartExamined": "BOTH WRISTS"},
    "a hand and wrist": {"BodyPartExamined": "HAND_WRIST"},
    "an extremity": {"BodyPartExamined": "EXTREMITY"},
    "an upper extremity": {"BodyPartExamined": "UPPER EXTREMITY"},
    "an extremity with a finding elsewhere": {"BodyPartExamined": "EXTREMITY", "StudyDescription": "fibroma of tibia"},
    "no part, described as bone age": {"BodyPartExamined": None},
    "no part, empty descriptions": {"BodyPartExamined": "", "StudyDescription": ""},
    "no part, a hand among others": {"BodyPartExamined": "", "StudyDescription": "CHEST", "ProtocolName": "Hand PA"},
    "no part, a word within a word": {"BodyPartExamined": "", "StudyDescription": "Chester clinic, headed paper"},
    "the code of the hand": {"BodyPartExamined": "", "AnatomicRegionSequence": coded("85562004", "SCT")},
    "the old code of the hand": {"BodyPartExamined": "", "AnatomicRegionSequence": coded("T-D8700", "SRT")},
    "the older code of the wrist": {"BodyPartExamined": "", "AnatomicRegionSequence": coded("T-15460", "SNM3")},
    "the code of the wrist region": {"BodyPartExamined": "", "AnatomicRegionSequence": coded("8205005", "SCT")},
    "the code of an extremity": {"BodyPartExamined": "", "AnatomicRegionSequence": coded("66019005", "SCT")},
    "an antero-posterior view": {"ViewPosition": "AP"},
    "no view": {"ViewPosition": None},
    "the code of a frontal view": {"ViewCodeSequence": coded("272479007", "SCT")},
    "a derived radiograph": {"SOPClassUID": ComputedRadiographyImageStorage, "ImageType": ["DERIVED", "PRIMARY"]},
    "an original capture": {"SOPClassUID": SecondaryCaptureImageStorage},
    "a maker whose name only begins so": {"Manufacturer": "Carpus Medical"},
}


@pytest.mark.parametrize("overrides", GOES_ON.values(), ids=GOES_ON.keys())
def test_a_hand_radiograph_goes_on(overrides: dict[str, object]) -> None:
    assert not_applicable(hand_radiograph(**overrides), 120.0, accept_for_processing=False) is None


STAYS = {
    "a chest": ({"BodyPartExamined": "CHEST"}, "BodyPartExamined (0018,0015) is CHEST: expected HAND"),
    "a foot in lower case": ({"BodyPartExamined": "foot"}, "BodyPartExamined (0018,0015) is FOOT"),
    "a hand beside a foot": ({"BodyPartExamined": "HAND FOOT"}, "BodyPartExamined (0018,0015) is HAND FOOT"),
    "a lower extremity": ({"BodyPartExamined": "LOWER EXTREMITY"}, "is LOWER EXTREMITY"),
    "a part in no alphabet of ours": ({"BodyPartExamined": "грудь"}, "BodyPartExamined (0018,0015)"),
    "the code of the elbow": (
        {"BodyPartExamined": "", "AnatomicRegionSequence": coded("16953009", "SCT")},
        "AnatomicRegionSequence (0008,2218) is (16953009, SCT)",
    ),
    "an extremity coded as foot": (
        {"BodyPartExamined": "EXTREMITY", "AnatomicRegionSequence": coded("56459004", "SCT")},
        "AnatomicRegionSequence (0008,2218) is (56459004, SCT)",
    ),
    "no part, described as chest": (
        {"BodyPartExamined": "", "StudyDescription": "XR CHEST 2 VIEWS"},
        "StudyDescription (0008,1030) names another part (chest)",
    ),
    "no part, a procedure of the knee": (
        {"BodyPartExamined": "", "StudyDescription": "", "RequestedProcedureDescription": "KNEE_AP"},
        "RequestedProcedureDescription (0032,1060) names another part (knee)",
    ),
    "a left lateral": ({"ViewPosition": "LL"}, "ViewPosition (0018,5101) is LL, a lateral view"),
    "a right lateral oblique": ({"ViewPosition": "RLO"}, "ViewPosition (0018,5101) is RLO, an oblique view"),
    "the code of a lateral": ({"ViewCodeSequence": coded("399067008", "SCT")}, "ViewCodeSequence (0054,0220)"),
    "the old code of an oblique": ({"ViewCodeSequence": coded("R-102C1", "SRT")}, "ViewCodeSequence (0054,0220)"),
    "a derived capture": (
        {"SOPClassUID": SecondaryCaptureImageStorage, "ImageType": ["DERIVED", "SECONDARY"]},
        "ImageType (0008,0008) is DERIVED",
    ),
    "a derived multi-frame capture": (
        {"SOPClassUID": MultiFrameTrueColorSecondaryCaptureImageStorage, "ImageType": ["DERIVED", "PRIMARY"]},
        "ImageType (0008,0008) is DERIVED",
    ),
    "our own maker": ({"Manufacturer": "CARPUS "}, "Manufacturer (0008,0070) is Carpus"),
    "our own model": ({"ManufacturerModelName": "Carpus"}, "ManufacturerModelName (0008,1090) is Carpus"),
    "our own UID": ({"SOPInstanceUID": f"{UID_ROOT}.7"}, "SOPInstanceUID (0008,0018)"),
}


@pytest.mark.parametrize(("overrides", "reason"), STAYS.values(), ids=STAYS.keys())
def test_anything_else_stays_with_a_reason(overrides: dict[str, object], reason: str) -> None:
    assert reason in (not_applicable(hand_radiograph(**overrides), 120.0, accept_for_processing=False) or "goes on")


NAME = "DOE^JANE 1999"


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"BodyPartExamined": NAME}, "BodyPartExamined (0018,0015) is a term that is not known: expected HAND"),
        ({"BodyPartExamined": "DOE JANE"}, "is a term that is not known"),  # a valid code string
        ({"BodyPartExamined": "KNEE DOE_JANE"}, "is a term that is not known"),
        ({"BodyPartExamined": "KNEE 1999"}, "is a term that is not known"),
        (
            {"AnatomicRegionSequence": coded(NAME, "SCT")},
            "AnatomicRegionSequence (0008,2218) is a term that is not known:",
        ),
        ({"AnatomicRegionSequence": coded("16953009", NAME)}, "is a term that is not known:"),
        ({"AnatomicRegionSequence": coded("19991231", "SCT")}, "is a term that is not known:"),  # looks like a code
    ],
)
def test_what_is_no_term_of_the_standard_is_not_quoted(overrides: dict[str, object], reason: str) -> None:
    header = hand_radiograph(**{"BodyPartExamined": ""} | overrides)
    told = not_applicable(header, 120.0, accept_for_processing=False) or "goes on"
    assert reason in told
    assert not re.search("DOE|JANE|1999", told)


def test_a_description_is_not_quoted() -> None:
    header = hand_radiograph(BodyPartExamined="", StudyDescription="knee of Jane Doe")
    assert "Jane" not in (not_applicable(header, None, accept_for_processing=False) or "")


@pytest.mark.parametrize(
    "overrides",
    [{"SOPClassUID": DigitalXRayImageStorageForProcessing}, {"PresentationIntentType": "FOR PROCESSING"}],
    ids=["by its SOP class", "by its intent"],
)
def test_an_image_for_processing_goes_on_only_where_the_setting_asks_for_it(overrides: dict[str, object]) -> None:
    header = hand_radiograph(**overrides)
    assert "expected" in (not_applicable(header, 120.0, accept_for_processing=False) or "")
    assert not_applicable(header, 120.0, accept_for_processing=True) is None


@pytest.mark.parametrize(("age_months", "goes_on"), [(None, True), (240.0, True), (240.1, False)])
def test_a_known_age_over_twenty_years_stays(age_months: float | None, goes_on: bool) -> None:
    assert (not_applicable(hand_radiograph(), age_months, accept_for_processing=False) is None) is goes_on
