"""The closed vocabularies: what a state, a sex, a stage can be, spelled once for code, tables and views."""

from enum import StrEnum


class State(StrEnum):
    """Where a radiograph is on its way; the last four are ends."""

    RECEIVED = "RECEIVED"
    READING = "READING"
    READ = "READ"
    ASSESSING = "ASSESSING"
    COMPLETED = "COMPLETED"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    REJECTED = "REJECTED"
    FAILED = "FAILED"

    @property
    def is_end(self) -> bool:
        """Whether nothing more happens to the radiograph by itself."""
        return self in _ENDS


_ENDS = frozenset({State.COMPLETED, State.NOT_APPLICABLE, State.REJECTED, State.FAILED})


class Sex(StrEnum):
    """Patient's Sex (0010,0040) as Carpus keeps it: four values, of which only two are known.

    References
    ----------
    DICOM PS3.3 C.7.1.1, Patient's Sex: M, F, O (other), or empty.
    """

    MALE = "M"
    FEMALE = "F"
    OTHER = "other"
    MISSING = "missing"

    @property
    def is_known(self) -> bool:
        """Whether a network that takes sex as an input can be given it."""
        return self in {Sex.MALE, Sex.FEMALE}


class Stage(StrEnum):
    """Developmental stage by bone age: child < 120 months, adult ≥ 216 months, adolescent between."""

    CHILD = "child"
    ADOLESCENT = "adolescent"
    ADULT = "adult"


class Maturity(StrEnum):
    """A bone age beside the child's age: normal within ±2 standard deviations, where one of them is likely enough."""

    DELAYED = "delayed"
    NORMAL = "normal"
    ADVANCED = "advanced"
    INDETERMINATE = "indeterminate"


class SdsUnknown(StrEnum):
    """Why a bone age has no standard deviation score."""

    NO_BONE_AGE = "there is no bone age"
    SEX = "the sex is not known"
    CHRONOLOGICAL_AGE = "the chronological age is not known"
    OUTSIDE_TABLE = "the chronological age is outside the table"


class ReviewReason(StrEnum):
    """Why a person must look at a radiograph before its estimate is used."""

    NOVEL = "unlike the radiographs that the model knows"
    NO_CONTRAST = "hardly any contrast"
    CLIPPED = "a quarter or more of the hand is clipped to white"
    NO_HAND = "no hand is found, or it reaches all borders"
    CUT_OFF = "the hand is cut off"
    SEVERAL = "more than one hand is seen"
    NOT_UPRIGHT = "the hand is not upright"
    SIDE = "the side it appears to be is not the one that its header says"


class Note(StrEnum):
    """What was done to a radiograph before its assessment that its reader must know."""

    INVERTED = "came as a negative, and was inverted"
    RIGHT = "a right hand, assessed mirrored"
    LEFT_MIRRORED = "a left hand with its thumb on the left, assessed mirrored"
    RIGHT_OR_MIRRORED = "appears right or mirrored, assessed mirrored"

    @property
    def is_mirrored(self) -> bool:
        """Whether the network saw the radiograph mirrored."""
        return self in _MIRRORED


_MIRRORED = frozenset({Note.RIGHT, Note.LEFT_MIRRORED, Note.RIGHT_OR_MIRRORED})


class Laterality(StrEnum):
    """Which hand a header says it is: Image Laterality (0020,0062), else Laterality (0020,0060)."""

    LEFT = "L"
    RIGHT = "R"


class ViewPosition(StrEnum):
    """From which side the hand was seen, by the header: from its back (PA) or its palm (AP)."""

    PA = "PA"
    AP = "AP"


class Side(StrEnum):
    """As which hand a hand appears if it is seen from its back: of an upright left one, the thumb is on the right."""

    LEFT = "left"
    RIGHT = "right"


class ResultObject(StrEnum):
    """What a destination gets of an assessment."""

    REPORT = "report"
    PICTURE = "picture"


class DeliveryState(StrEnum):
    """Where a delivery is on its way; the last three are ends."""

    WAITING = "WAITING"
    SENDING = "SENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    WITHDRAWN = "WITHDRAWN"


DRAWN_READER = "drawn"  # whose reference reads are the ages that the demonstration's hands were drawn at


class Stratum(StrEnum):
    """By what a reading list is stratified."""

    SEX = "sex"
    AGE = "age"


class CalibratedOn(StrEnum):
    """What kind of cases an interval was measured on; one of drawn hands says nothing certain of radiographs."""

    DRAWN_HANDS = "drawn hands"
    RADIOGRAPHS = "radiographs"


class AgeSource(StrEnum):
    """What a chronological age was computed from; a Patient's Age is in whole units and so imprecise."""

    BIRTH_DATE = "PatientBirthDate"
    PATIENT_AGE = "PatientAge"


class AuditVerdict(StrEnum):
    """What a gender audit says of a model: its whole interval lies inside the target, or outside, or neither."""

    PASS = "pass"  # noqa: S105  no password
    FAIL = "fail"
    NOT_ENOUGH_DATA = "not enough data"


class ModelStatus(StrEnum):
    """Where a registered model version is on its way; one is active at any time, one at most a shadow."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    ACTIVE = "active"
    RETIRED = "retired"


class Decision(StrEnum):
    """What was decided about the model versions, by an operator or by a refresh."""

    FIRST = "first"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    SHADOWED = "shadowed"
    RETIRED = "retired"
    REFRESHED = "refreshed"
    REFUSED = "refused"
    NOT_ENOUGH_DATA = "not enough data"
    FAILED = "failed"
    NEW_SPLIT = "new split"
