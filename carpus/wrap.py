"""Wraps a picture of a hand as the DX image that a modality would have sent, so that it goes the whole way.

Before it: a PNG with a label, or a drawn hand. After it: ``carpus.send``.
"""

import hashlib
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


def wrap(pixels: Pixels, patient_id: str, issuer: str, patient_sex: str) -> FileDataset:
    """Make a DX image for presentation of a display-referred picture.

    Parameters
    ----------
    pixels
        (rows, columns) uint8 or uint16, bone bright. Not changed.
    patient_id
        PatientID.
    issuer
        IssuerOfPatientID.
    patient_sex
        PatientSex: M, F, O, or empty where unknown.

    Returns
    -------
    pydicom.dataset.FileDataset
        Explicit VR little endian; the same for the same arguments, with UIDs that follow from the pixels.

    References
    ----------
    DICOM PS3.3 A.26, Digital X-Ray Image; PS3.5 B.2, UIDs derived from a UUID.
    """
    image = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=bytes(128))
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = derived_uid(pixels, "instance")
    image.StudyInstanceUID, image.SeriesInstanceUID = derived_uid(pixels, "study"), derived_uid(pixels, "series")
    image.PatientName, image.PatientBirthDate = "", ""
    image.PatientID, image.IssuerOfPatientID, image.PatientSex = patient_id, issuer, patient_sex
    image.StudyDate, image.StudyTime, image.AccessionNumber, image.ReferringPhysicianName = "", "", "", ""
    image.StudyID, image.SeriesNumber, image.InstanceNumber = "", 1, 1
    image.Modality, image.PresentationIntentType = "DX", "FOR PRESENTATION"
    image.ImageType = ["ORIGINAL", "PRIMARY", ""]
    image.BodyPartExamined, image.ImageLaterality, image.ViewPosition = "HAND", "L", "PA"
    image.BurnedInAnnotation, image.LossyImageCompression = "YES", "00"  # the side marker, mostly
    _put_pixels(image, pixels)
    return image


def derived_uid(pixels: Pixels, level: str) -> UID:
    """Return a UID that follows from the pixels: the same picture is the same instance whenever it is sent.

    Parameters
    ----------
    pixels
        (rows, columns). Not changed.
    level
        What the UID is of.
    """
    digest = hashlib.sha256(f"{level} {pixels.dtype} {pixels.shape} ".encode())
    digest.update(pixels.tobytes())
    return UID(f"2.25.{UUID(bytes=digest.digest()[:16], version=5).int}")


def _put_pixels(image: FileDataset, pixels: Pixels) -> None:
    bits = pixels.dtype.itemsize * 8
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
    image.BitsAllocated, image.BitsStored, image.HighBit = bits, bits, bits - 1
    image.PixelIntensityRelationship, image.PixelIntensityRelationshipSign = "LOG", 1
    image.RescaleIntercept, image.RescaleSlope, image.RescaleType = "0", "1", "US"
    image.PresentationLUTShape = "IDENTITY"
    # The window that changes nothing (PS3.3 C.11.2.1.2.1): the picture is as somebody already displayed it.
    image.WindowCenter, image.WindowWidth = str(2 ** (bits - 1)), str(2**bits)
    image.add_new("PixelData", "OW", _even(pixels.tobytes()))


def _even(value: bytes) -> bytes:
    """Return a value of even length, as PS3.5 7.1.1 asks."""
    return value + bytes(len(value) % 2)
