"""The radiographs that are sent under faults: small, and each under a UID of its own."""

from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid

from tests.objects import file_bytes, hand_radiograph


def radiographs(count: int, **overrides: Any) -> list[Dataset]:
    """Return small radiographs of hands, each as a modality has it: encoded, under a UID of its own."""
    template = file_bytes(hand_radiograph(**overrides))
    return [_under_its_own_uid(template) for _ in range(count)]


def _under_its_own_uid(template: bytes) -> Dataset:
    data_set = dcmread(BytesIO(template))
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return dcmread(BytesIO(file_bytes(data_set)))


def sent_again(data_set: Dataset, **overrides: Any) -> Dataset:
    """Return a radiograph with some elements corrected, under the same UID; the one that is given is not changed."""
    corrected = dcmread(BytesIO(file_bytes(data_set)))
    for keyword, value in overrides.items():
        setattr(corrected, keyword, value)
    return dcmread(BytesIO(file_bytes(corrected)))
