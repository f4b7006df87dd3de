"""A recognisable value in every element that DICOM lets one put text in, and a modality that sends such objects."""

import io
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import DicomDictionary, RepeatersDictionary, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu_primitives import UserIdentityNegotiation

from tests.encodings import eight_bit

PLANTED = re.compile(rb"PLNT\w*", re.IGNORECASE)
_TEXT = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"}
_BYTES = {"OB", "UN"}
# What another value would change the way of: these an object is planted with one at a time.
_DECISIVE = {
    *("BodyPartExamined", "NumberOfFrames", "PatientSex", "PhotometricInterpretation", "PixelData", "RescaleIntercept"),
    *("RescaleSlope", "SpecificCharacterSet", "VOILUTFunction", "WindowCenter", "WindowWidth"),
}
_NOT_OF_A_DATA_SET = {0x0000, 0x0002, 0x7FE0, 0xFFFA, 0xFFFC, 0xFFFE}
_OF_A_PATIENT = {number: entry for number, entry in DicomDictionary.items() if number >> 16 == 0x0010}
_SEQUENCES = ("OtherPatientIDsSequence", "RequestAttributesSequence", "ReferencedPatientSequence", "IconImageSequence")


@dataclass
class Garden:
    """Gives each element a value of its own and knows afterwards which is where."""

    numbers: Iterator[int] = field(default_factory=itertools.count)
    values: dict[str, list[str]] = field(default_factory=dict)

    def value(self, place: str) -> str:
        """Return a new value, at most as long as the shortest element allows, and note its place."""
        made = f"PLNT{next(self.numbers):06d}"
        self.values.setdefault(place, []).append(made)
        return made

    def radiograph(self, picture: NDArray[np.uint16], **overrides: tuple[str, Any]) -> Dataset:
        """Return a radiograph with values in every text element of the standard, in sequences and in private ones.

        Parameters
        ----------
        picture
            What it shows.
        overrides
            Elements by keyword: value representation and value; without one, a new value is planted.
        """
        data_set = eight_bit(picture)
        self._plant(data_set, DicomDictionary)
        self._plant(data_set, {int(mask.replace("x", "0"), 16): entry for mask, entry in RepeatersDictionary.items()})
        data_set[0x00110010] = _raw(Tag(0x00110010), "LO", self.value("private creator"))
        for element, vr in ((0x00111001, "LO"), (0x00111002, "UN"), (0x00111003, "OB")):
            data_set[element] = _raw(Tag(element), vr, self.value("private element"))
        for keyword in _SEQUENCES:
            inner, outer = Dataset(), Dataset()
            for item in (inner, outer):
                self._plant(item, _OF_A_PATIENT)
            outer.RequestAttributesSequence = Sequence([_as_it_is(inner)])
            setattr(data_set, keyword, Sequence([_as_it_is(outer)]))
        for keyword, (vr, value) in overrides.items():
            planted = self.value(keyword) if value is None else value
            tag = Tag(tag_for_keyword(keyword) or 0)
            data_set[tag] = _raw(tag, vr, planted) if isinstance(planted, str) else DataElement(tag, vr, planted)
        return _as_it_is(data_set)

    def code(self) -> Dataset:
        """Return an item of a code sequence."""
        item = Dataset()
        for keyword in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"):
            setattr(item, keyword, self.value(f"code's {keyword}"))
        return item

    def _plant(self, data_set: Dataset, elements: Mapping[int, tuple[str, str, str, str, str]]) -> None:
        for number, (vr, _, _, _, keyword) in elements.items():
            tag = Tag(number)
            if vr in _TEXT | _BYTES and tag.group not in _NOT_OF_A_DATA_SET and keyword not in _DECISIVE:
                data_set[tag] = _raw(tag, vr, self.value(keyword))


def _as_it_is(data_set: Dataset) -> Dataset:
    """Return a data set that pydicom writes without looking at its values, as if it had read it so."""
    data_set.set_original_encoding(False, True, data_set._character_set)
    return data_set


def _raw(tag: BaseTag, vr: str, value: str) -> RawDataElement:
    content = value.encode()
    content += b" " * (len(content) % 2)
    return RawDataElement(tag, vr, len(content), content, 0, False, True)


@dataclass(frozen=True)
class Sender:
    """A modality whose association, too, holds values."""

    port: int
    calling_ae_title: str
    garden: Garden

    def send(self, data_set: Dataset | bytes, uid: str, sop_class_uid: str | None = None) -> Dataset | None:
        """Send one object past the client's own checks, and return the answer; None when it was cut off.

        Parameters
        ----------
        data_set
            The data set, or bytes in its place.
        uid, sop_class_uid
            What the C-STORE command says.
        """
        entity = AE(self.calling_ae_title)
        entity.implementation_version_name = self.garden.value("implementation version name")
        entity.add_requested_context(DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian)
        identity = UserIdentityNegotiation()
        identity.user_identity_type = 2
        identity.primary_field = self.garden.value("user").encode()
        identity.secondary_field = self.garden.value("passcode").encode()
        association = entity.associate("127.0.0.1", self.port, ext_neg=[identity])
        assert association.is_established
        request = C_STORE()
        request.MessageID, request.Priority = 1, 2
        request.AffectedSOPClassUID = sop_class_uid or DigitalXRayImageStorageForPresentation
        request.AffectedSOPInstanceUID = uid
        request.MoveOriginatorApplicationEntityTitle = self.garden.value("move originator")
        request.MoveOriginatorMessageID = 1
        content = data_set if isinstance(data_set, bytes) else encode(data_set, False, True)
        assert content is not None
        request.DataSet = io.BytesIO(content)
        association._reactor_checkpoint.clear()
        association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
        _, answer = association.dimse.get_msg(block=True)
        association._reactor_checkpoint.set()
        association.release()
        if answer is None:
            return None
        told = Dataset()
        told.Status, told.ErrorComment = answer.Status, answer.ErrorComment or ""
        return told
