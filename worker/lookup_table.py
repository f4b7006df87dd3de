"""A look-up table as it travels in a DICOM sequence: the modality LUT's and the VOI LUT's common form.

Before: ``worker.grayscale`` asks for the first table of a sequence. After: it goes on with the table's output.
"""

import io
from dataclasses import dataclass
from typing import Any, Final, Self, cast

import numpy as np
import numpy.typing as npt
from pydicom.charset import default_encoding
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_sequence_item
from pydicom.valuerep import VR

from db.bounded import Bounds, bounded, is_longer
from worker.attributes import named, numbers, rejecting

_ITEM_BOUNDS: Final = Bounds(elements=1_000)  # an item of a LUT sequence has four
_LONGEST_BYTES: Final = 2 * 65_536 + 2  # all words there can be, and some senders' padding


@dataclass(frozen=True)
class LookUpTable:
    """A look-up table.

    Attributes
    ----------
    first
        The value that the first entry is for, modulo 65,536.
    entries
        (entries,) float64: the output for it and those that follow.
    white
        The largest output there can be.

    References
    ----------
    DICOM PS3.3 C.11.1.1.1 and C.11.2.1.1.
    """

    first: int
    entries: npt.NDArray[np.float64]
    white: float

    @classmethod
    def first_of(cls, dataset: Dataset, keyword: str) -> Self | None:
        """Return the first table of a sequence, None where the sequence is absent or empty.

        Parameters
        ----------
        dataset
            The data set; not changed.
        keyword
            ModalityLUTSequence or VOILUTSequence.

        Raises
        ------
        RejectedRadiographError
            When the table is malformed.
        """
        with rejecting(
            f"{named(keyword)} is malformed; expected a LUT Descriptor (0028,3002) of three numbers and as many "
            "entries of LUT Data (0028,3006). Send the radiograph with a window instead."
        ):
            if (item := _first_item(dataset, keyword)) is None:
                return None
            count, first, bits = (int(value) for value in numbers(item, "LUTDescriptor"))
            # The count is 16 bits wide: 0 stands for 65,536, and a signed reading turns 40,000 into -25,536.
            entries = _entries(item, count % 2**16 or 2**16, is_little_endian=bool(dataset.original_encoding[1]))
            # Some senders' entries need more bits than their descriptor says.
            return cls(first % 2**16, entries, max(float(2**bits - 1), float(entries.max())))

    def apply(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Look values up; those before the first entry or after the last take that entry's output.

        Parameters
        ----------
        values
            (words,) all values there can be; where one is negative, so may the first entry's be.
        """
        first = self.first - 2**16 if values.min() < 0 and self.first >= 2**15 else self.first
        return np.take(self.entries, np.rint(values).astype(np.int64) - first, mode="clip")


def _first_item(dataset: Dataset, keyword: str) -> Dataset | None:
    """Return a sequence's first item without parsing those that follow, of which there may be millions."""
    element: Any = dataset.get_item(keyword) if keyword in dataset else None
    if element is None or not element.value:
        return None
    if not isinstance(element, RawDataElement):
        return cast(Dataset, element.value[0])
    if element.VR not in {None, VR.SQ, VR.UN}:
        raise ValueError(keyword)
    with bounded(io.BytesIO(element.value), _ITEM_BOUNDS) as reader:
        return read_sequence_item(reader, element.is_implicit_VR, element.is_little_endian, default_encoding)


def _entries(item: Dataset, count: int, *, is_little_endian: bool) -> npt.NDArray[np.float64]:
    if is_longer(item, "LUTData", _LONGEST_BYTES):
        raise ValueError("more entries than there can be")
    data = item["LUTData"].value
    if isinstance(data, bytes):
        # OW: words, or two 8-bit entries in each.
        word = np.dtype("u1") if len(data) < 2 * count else np.dtype("<u2" if is_little_endian else ">u2")
        return np.frombuffer(data, word, count).astype(np.float64)
    entries = np.atleast_1d(np.asarray(data, np.float64))[:count]
    if entries.size < count:
        raise ValueError("fewer entries than described")
    return entries % 2**16
