"""Small valid DICOM objects for tests: no patient's, no phantom's, only a gradient with all usual attributes."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

ROWS, COLUMNS = 48, 32


def hand_radiograph(**overrides: Any) -> Dataset:
    """Return a DX image For Presentation of a left hand, ten years old to the day, 12 of 16 bits, MONOCHROME2.

    Keyword arguments replace elements by keyword; None removes one.
    """
    data_set = Dataset()
    data_set.SpecificCharacterSet = "ISO_IR 192"
    data_set.ImageType = ["ORIGINAL", "PRIMARY"]
    data_set.SOPClassUID = DigitalXRayImageStorageForPresentation
    data_set.SOPInstanceUID = generate_uid()
    data_set.StudyInstanceUID = generate_uid()
    data_set.SeriesInstanceUID = generate_uid()
    data_set.StudyDate = data_set.SeriesDate = data_set.AcquisitionDate = data_set.ContentDate = "20240301"
    data_set.StudyTime = data_set.ContentTime = "120000"
    data_set.AccessionNumber = "A1"
    data_set.Modality = "DX"
    data_set.PresentationIntentType = "FOR PRESENTATION"
    data_set.Manufacturer = "Nobody"
    data_set.StudyDescription = "Bone age"
    data_set.PatientName = "Test^Object"
    data_set.PatientID = "P1"
    data_set.PatientBirthDate = "20140301"
    data_set.PatientSex = "F"
    data_set.BodyPartExamined = "HAND"
    data_set.ViewPosition = "PA"
    data_set.ImageLaterality = "L"
    data_set.InstanceNumber = 1
    data_set.PixelSpacing = data_set.ImagerPixelSpacing = [0.2, 0.2]
    data_set.SamplesPerPixel = 1
    data_set.PhotometricInterpretation = "MONOCHROME2"
    data_set.PresentationLUTShape = "IDENTITY"
    data_set.Rows, data_set.Columns = ROWS, COLUMNS
    data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit, data_set.PixelRepresentation = 16, 12, 11, 0
    data_set.RescaleIntercept, data_set.RescaleSlope, data_set.RescaleType = 0, 1, "US"
    pixels = np.linspace(0, 4095, ROWS * COLUMNS).astype("<u2")
    data_set.PixelData = pixels.tobytes()
    data_set["PixelData"].VR = "OW"
    for keyword, value in overrides.items():
        if value is None:
            delattr(data_set, keyword)
        else:
            setattr(data_set, keyword, value)
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return data_set


def as_file(data_set: Dataset, path: Path) -> Path:
    """Write a data set as a DICOM file in its transfer syntax, and return its path."""
    path.write_bytes(file_bytes(data_set))
    return path


def file_bytes(data_set: Dataset) -> bytes:
    """Return a data set as a DICOM file's bytes."""
    written = io.BytesIO()
    dcmwrite(written, data_set, enforce_file_format=True)
    return written.getvalue()
