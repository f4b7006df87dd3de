"""The coded concepts of the report, each with where it is from. Codes of our own only where no standard has one.

"Dictionary" is pydicom's, made from PS3.16. What is not in it was looked up where the comment says.

References
----------
DICOM PS3.16: TID 1500, 1501 and 300 (measurement report, groups, measurements), TID 310 and 311 (their properties), TID
4019 (algorithm), CID 244 (laterality), CID 7456 (units of age).
"""

from collections.abc import Mapping
from typing import Final

from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes

from db.vocabulary import Maturity, Stage

SCHEME: Final = "99CARPUS"
"""Of our own codes; documented in the README, as PS3.16 section 8.2 asks of private schemes."""

# LOINC 85151-9, active, quantitative, method XR, "the bone age, e.g. in years, months" (LOINC's own description).
BONE_AGE: Final = CodedConcept("85151-9", "LN", "XR Bone age")
# SNOMED CT 252956001, a procedure; its place is TID 300's measurement method.
GREULICH_PYLE: Final = CodedConcept("252956001", "SCT", "Greulich and Pyle bone age assessment")
MONTH: Final = codes.UCUM.Month  # (mo, UCUM), dictionary, CID 7456
NO_UNIT: Final = codes.UCUM.NoUnits  # (1, UCUM), dictionary
Z_SCORE: Final = codes.DCM.ZScoreOfMeasurement  # (121416, DCM), dictionary, CID 227
# (371886008, SCT) and (371885007, SCT), dictionary, CID 225: how far the interval goes beyond the value. No standard
# code says of what level an interval is, so that the conclusion says it in words.
ABOVE: Final = codes.SCT.RangeOfUpperMeasurementUncertainty
BELOW: Final = codes.SCT.RangeOfLowerMeasurementUncertainty
HAND: Final = codes.SCT.Hand  # (85562004, SCT), dictionary, CID 4031
SIDES: Final[Mapping[str, CodedConcept]] = {"L": codes.SCT.Left, "R": codes.SCT.Right}  # dictionary, CID 244
PROCEDURE: Final = codes.LN.XRUnspecifiedBodyRegion  # (43468-8, LN), dictionary, CID 100, which has no narrower one
NETWORK: Final = codes.DCM.ArtificialIntelligence  # (123110, DCM), dictionary, CID 7162
HEAT_MAP: Final = codes.DCM.VisualExplanation  # (130401, DCM), dictionary, TID 1501
CONCLUSIONS: Final = codes.DCM.Conclusions  # (121076, DCM), dictionary
CONCLUSION: Final = codes.DCM.Conclusion  # (121077, DCM), dictionary
COMMENT: Final = codes.DCM.Comment  # (121106, DCM), dictionary

STAGE: Final = CodedConcept("STAGE", SCHEME, "Developmental stage by bone age")
# SNOMED CT qualifier values of the periods of life, as HL7's value sets of these have them.
STAGES: Final[Mapping[Stage, CodedConcept]] = {
    Stage.CHILD: CodedConcept("255398004", "SCT", "Childhood"),
    Stage.ADOLESCENT: CodedConcept("263659003", "SCT", "Adolescence"),
    Stage.ADULT: CodedConcept("41847000", "SCT", "Adulthood"),
}
MATURITY: Final = CodedConcept("MATURITY", SCHEME, "Bone age beside chronological age")
MATURITIES: Final[Mapping[Maturity, CodedConcept]] = {
    Maturity.DELAYED: CodedConcept("DELAYED", SCHEME, "Delayed by more than 2 standard deviations"),
    Maturity.NORMAL: codes.SCT.Normal,  # (17621005, SCT), dictionary
    Maturity.ADVANCED: CodedConcept("ADVANCED", SCHEME, "Advanced by more than 2 standard deviations"),
    Maturity.INDETERMINATE: codes.SCT.Indeterminate,  # (82334004, SCT), dictionary
}
