"""Terms of the standard, which may be told in a reason and kept in a row; any other value may be a patient's name.

For :mod:`accept` and :mod:`describe`. A code string of a stranger is 16 characters of his choice, and ``DOE JANE`` is a
valid one: so what is repeated is not what looks like a term but what is one.

References
----------
DICOM PS3.16 Annex L (terms of Body Part Examined), CID 33 (modality), CID 4031 (anatomic region), CID 4010 (DX view);
PS3.3 C.7.3.1.1.1 (modality).
"""

import re
from typing import Final

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

UNKNOWN: Final = "a term that is not known"

MODALITIES: Final = frozenset(getattr(codes.cid33, name).value for name in codes.cid33.dir())
"""What (0008,0060) Modality may be, such as DX."""

_CODES: Final = tuple(getattr(group, name) for group in (codes.cid4031, codes.cid4010) for name in group.dir())

# The words of Annex L that a projection radiograph can have, with those that senders put between and beside them.
_BODY_PARTS: Final = """
    ABDOMEN ABDOMENPELVIS ACJOINT ANKLE ARM AXILLA BACK BODY BOTH BRAIN BREAST BUTTOCK CALCANEUS CALF CARPUS CERVICAL
    CHEST CHESTABDOMEN CHESTABDPELVIS CLAVICLE COCCYX COLON CSPINE CTSPINE EAR ELBOW EXTREMITY EYE FACE FACIAL FEET
    FEMUR FIBULA FINGER FINGERS FOOT FOREARM HAND HANDS HEAD HEADNECK HEART HEEL HIP HIPS HUMERUS ILIUM JAW JOINT
    KIDNEY KNEE KNEES LARYNX LEFT LEG LEGS LIMB LIVER LOWER LOWERLEG LOWERLIMB LSPINE LSSPINE LUMBAR LUNG LUNGS MANDIBLE
    MAXILLA MEDIASTINUM MOUTH NECK NECKCHEST NECKCHESTABDOMEN NOSE ORBIT PATELLA PELVIS PHARYNX RADIUS RADIUSULNA RIB
    RIBS RIGHT SACRUM SCAPULA SHOULDER SIJOINT SINUS SKULL SPINE SPLEEN SSPINE STERNUM STOMACH TEETH THIGH THORACIC
    THORAX THUMB TIBIA TIBIAFIBULA TLSPINE TMJOINT TOE TOES TOOTH TRACHEA TSPINE ULNA UPPER UPPERARM UPPEREXTREMITY
    UPPERLIMB WHOLE WHOLEBODY WRIST WRISTS ZYGOMA AND OF L R LT RT
"""
_BODY_PART_WORDS: Final = frozenset(_BODY_PARTS.split())


def body_part(value: str) -> str:
    """Return a Body Part Examined for a reason: itself where each of its words is one of the standard's.

    Parameters
    ----------
    value
        In upper case.
    """
    return value if set(re.split("[ _]+", value)) <= _BODY_PART_WORDS else UNKNOWN


def code(value: Code) -> str:
    """Return a code for a reason: its value and scheme where it is a region's or a view's of the standard."""
    # pydicom compares SNOMED's older codes as the newer ones; hashes would not.
    return f"({value.value}, {value.scheme_designator})" if any(value == known for known in _CODES) else UNKNOWN
