"""The UIDs of what is delivered: they follow from what it is about, and tell Carpus's own objects from all others.

Before it: ``worker.record`` plans deliveries. After it: the objects carry them, and the listener never assesses what
does (``db.identity``).
"""

import hashlib

from db.identity import UID_ROOT
from db.tables import Radiograph
from db.vocabulary import ResultObject

_BITS = 62  # of the last component: with the root it stays within 64 characters


def derived(*about: object) -> str:
    """Return a UID under Carpus's root: the same for the same arguments, another for any others.

    Parameters
    ----------
    about
        What it names, from the general to the particular.

    References
    ----------
    DICOM PS3.5 section 9.1 (at most 64 characters) and B.2.
    """
    digest = hashlib.sha256("\0".join(str(one) for one in about).encode()).digest()
    return f"{UID_ROOT}.{int.from_bytes(digest[:8]) >> (64 - _BITS)}"


def object_uid(radiograph: Radiograph, model_sha256: str, kind: ResultObject) -> str:
    """Return the SOP Instance UID of an object of an assessment.

    Parameters
    ----------
    radiograph
        The row of what was assessed: each revision has objects of its own.
    model_sha256
        The model's digest.
    kind
        The report or the picture.
    """
    return derived(radiograph.sop_instance_uid, radiograph.revision, radiograph.sha256, model_sha256, kind)
