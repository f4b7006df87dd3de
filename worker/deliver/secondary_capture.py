"""The picture as a DICOM object: a Secondary Capture that any viewer shows, derived from the radiograph, in its study.

Before it: :mod:`picture`. After it: :mod:`archive`.

References
----------
DICOM PS3.3 A.8.1 (Secondary Capture Image), C.7.6.1 (general image), C.7.6.3 (image pixel), C.8.6 (SC modules).
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from db.identity import MANUFACTURER
from worker.deliver.maker import SERIES_NUMBERS, Uids, file_in_study, plain, stamp
from worker.deliver.result import VERIFICATION, Result, about_model, headline, lines
from worker.deliver.source import IS_LOSSY, LOSS

SOP_CLASS_UID: Final = SecondaryCaptureImageStorage


def make_picture(
    result: Result, pixels: NDArray[np.uint8], source: Dataset, uids: Uids, laterality: str | None
) -> Dataset:
    """Make the Secondary Capture of a picture.

    Parameters
    ----------
    result
        What the picture says; its words are in the object, too.
    pixels
        (rows, columns, 3) uint8, red, green, blue. Not changed.
    source
        Patient and study, as `worker.deliver.source.source_header` gives them. Not changed.
    uids
        Those of the picture.
    laterality
        L or R, where the radiograph's header says so.

    Returns
    -------
    Dataset
        With file meta information, Explicit VR Little Endian; the same for the same arguments.
    """
    made = Dataset()
    file_in_study(made, source)
    made.SOPClassUID, made.SOPInstanceUID, made.SeriesInstanceUID = SOP_CLASS_UID, uids.instance, uids.series
    made.Modality, made.SeriesNumber, made.InstanceNumber = "OT", SERIES_NUMBERS["picture"], 1
    made.SeriesDescription = "Bone age heat map (Carpus)"
    made.Manufacturer, made.ConversionType = MANUFACTURER, "WSD"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.BurnedInAnnotation = "YES"
    _put_loss(made, source)
    made.PatientOrientation = ""
    made.BodyPartExamined = "HAND"
    made.Laterality = laterality or ""  # of type 2C: a hand is one of two, PS3.3 C.7.3.1
    made.DerivationDescription = (
        "The radiograph, scaled, with the Grad-CAM of a bone age network and its result beside it"
    )
    made.SourceImageSequence = [_source_image(source)]
    made.ImageComments = _words(result)
    _put_pixels(made, pixels)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stamp(made, result)
    return made


def _put_loss(made: Dataset, source: Dataset) -> None:
    """Say whether the source's pixels have lost anything, and if so by what, where it is known."""
    is_lossy = source.LossyImageCompression == IS_LOSSY
    for keyword in LOSS if is_lossy else LOSS[:1]:
        if keyword in source:
            made[keyword] = source.get_item(keyword)  # as it is, not looked at


def _source_image(source: Dataset) -> Dataset:
    item, purpose = Dataset(), Dataset()
    code = codes.DCM.SourceImageForImageProcessingOperation
    purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning = code[:3]
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item


def _words(result: Result) -> str:
    """Return what is burned in, for whoever searches or cannot see."""
    said = (f"{label}: {words}" for label, words in (*lines(result), *about_model(result)))
    return plain("\r\n".join([headline(result), *said, VERIFICATION]))


def _put_pixels(made: Dataset, pixels: NDArray[np.uint8]) -> None:
    made.Rows, made.Columns, made.SamplesPerPixel = (int(side) for side in pixels.shape)
    made.PhotometricInterpretation, made.PlanarConfiguration, made.PixelRepresentation = "RGB", 0, 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
    content: Any = np.ascontiguousarray(pixels).tobytes()
    made.add_new("PixelData", "OB", content + bytes(len(content) % 2))
