"""Who is meant by a patient ID on the command line: the same patient in rows, as ID or pseudonym, and in headers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from carpus.database import ConfiguredServers
from db import settings
from db.bounded import Bounds
from dicom_listener.describe import describe
from dicom_listener.header import read_header, read_meta
from dicom_listener.pseudonym import PSEUDONYM, pseudonym
from dicom_listener.settings import ListenerSettings


@dataclass(frozen=True)
class Patient:
    """A patient, as the rows and files of this site know one.

    Attributes
    ----------
    issuer
        Who issued the ID.
    stored_ids
        What a row may hold for it: the ID, and its pseudonym where there is a key, for a site may have changed from one
        to the other.
    key
        Of the pseudonyms; None where the site has none.
    site
        Issuer where an object names none.
    bounds
        How much of a header is parsed.
    """

    issuer: str
    stored_ids: frozenset[str]
    key: str | None
    site: str
    bounds: Bounds

    @classmethod
    def meant(cls, patient_id: str, issuer: str | None) -> Self:
        """Return the patient of an ID, or of a pseudonym copied from SQL.

        Parameters
        ----------
        patient_id
            As it was sent.
        issuer
            None for the site itself.

        Raises
        ------
        db.errors.SettingsError
            When the listener's settings are wrong.
        """
        chosen = settings.load(ListenerSettings)
        key = chosen.patient_id_key.get_secret_value() if chosen.patient_id_key else None
        name, plain = issuer or chosen.site, patient_id.strip()  # as headers are read
        ids = {plain} | ({pseudonym(key, name, plain)} if key else set())
        return cls(name, frozenset(ids), key, chosen.site, settings.load(ConfiguredServers).bounds())

    @property
    def is_pseudonym(self) -> bool:
        """Whether the ID given is a pseudonym, by its form."""
        return any(PSEUDONYM.fullmatch(one) for one in self.stored_ids)

    @property
    def lacks_key(self) -> bool:
        """Whether rows may hold the patient's pseudonym and nobody can compute it."""
        return self.key is None and not self.is_pseudonym

    def is_in(self, path: Path) -> bool | None:
        """Return whether a stored file is of this patient by its header; None where nobody can tell."""
        try:
            described = describe(read_header(path, read_meta(path), self.bounds), self.site)
        except FileNotFoundError:  # registered or removed since the folder was listed
            return False
        except Exception:  # noqa: BLE001  a file that is still being written, or what a stranger made
            return None
        found = described.patient_id
        if found is None or described.patient_id_issuer != self.issuer:
            return False
        if found in self.stored_ids:
            return True
        if self.key is None:
            return None if self.is_pseudonym else False
        return pseudonym(self.key, self.issuer, found) in self.stored_ids
