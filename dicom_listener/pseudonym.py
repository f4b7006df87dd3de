"""Patient IDs as pseudonyms: the same patient of the same issuer is always the same, and nobody can tell which.

Between :mod:`describe` and :mod:`register`, where ``CARPUS_PATIENT_ID=hmac``. Without the key a pseudonym cannot be
computed from an ID, and an ID cannot be found by trying all there are; with it ``carpus forget`` finds a patient.

References
----------
RFC 2104 (HMAC), FIPS 180-4 (SHA-256).
"""

import hmac
import re
from dataclasses import replace

from dicom_listener.describe import Description
from dicom_listener.settings import ListenerSettings

PSEUDONYM = re.compile(r"[0-9a-f]{64}")


def pseudonym(key: str, issuer: str, patient_id: str) -> str:
    """Return the pseudonym of a patient ID: HMAC-SHA256 over issuer, NUL and ID, as hexadecimal digits.

    Parameters
    ----------
    key
        The site's secret.
    issuer, patient_id
        As the row would hold them; neither holds a NUL, which therefore keeps them apart.
    """
    return hmac.digest(key.encode(), f"{issuer}\0{patient_id}".encode(), "sha256").hex()


def as_stored(description: Description, settings: ListenerSettings) -> Description:
    """Return a description with the patient ID as the settings want it stored.

    Parameters
    ----------
    description
        What the header says. Not changed.
    settings
        The listener's.
    """
    if settings.patient_id == "plain" or settings.patient_id_key is None or description.patient_id is None:
        return description
    key = settings.patient_id_key.get_secret_value()
    return replace(description, patient_id=pseudonym(key, description.patient_id_issuer, description.patient_id))
