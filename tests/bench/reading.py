"""Milliseconds of one reading, by coding and by its parts, beside pydicom's bare array of the same file."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, UID, JPEGBaseline8Bit
from rich.table import Table

from db.vocabulary import Sex
from tests.bench.reader import PARTS
from tests.encodings import eight_bit, encoded, twelve_bit_monochrome1
from tests.objects import as_file
from training.phantom import draw

PROCESSES = 3  # of each kind
ROWS, COLUMNS = 2500, 2000  # times two bytes: 10 MB
_NOISE = 0.002  # of the full scale, as a detector's: what is compressed must not be smooth


def measure() -> Table:
    """Read each object and let pydicom decode it, in turns, and print medians."""
    kinds = ("read", "of pydicom", *PARTS.values(), "write")
    table = Table("10 MB, 12 of 16 bits", "bare array, ms", *kinds, title="read, ms")
    with tempfile.TemporaryDirectory() as name:
        for kind, data_set in objects():
            took = _medians_ms(as_file(data_set, Path(name) / "object.dcm"), Path(name))
            took["of pydicom"] = took["read"] / took["bare array"]
            table.add_row(kind, *(f"{took[part]:.1f}" for part in ("bare array", *kinds)))
    return table


def objects() -> Iterator[tuple[str, Dataset]]:
    """Yield a drawn hand as modalities send it: other windows uncompressed, then in each coding."""
    plain = twelve_bit_monochrome1(_picture())
    yield "MONOCHROME1, no window", plain
    plain.WindowCenter, plain.WindowWidth = 2048, 4096
    yield "MONOCHROME1, window", plain
    yield "MONOCHROME2, VOI LUT", _with_voi_lut(plain)
    for coding in ("RLE", "JPEG lossless", "JPEG-LS", "JPEG 2000", "HTJ2K"):
        yield coding, encoded(plain, coding)
    words = np.frombuffer(plain.PixelData, np.uint16).reshape(ROWS, COLUMNS)
    lossy = imagecodecs.jpeg2k_encode(words, codecformat="j2k", level=50, bitspersample=12)
    yield "JPEG 2000, lossy", _compressed(plain, JPEG2000, lossy)
    baseline = eight_bit(_picture())
    frame = imagecodecs.jpeg8_encode((_picture() >> 8).astype(np.uint8), level=92)
    yield "JPEG baseline, 8 bit", _compressed(baseline, JPEGBaseline8Bit, frame)


def _picture() -> NDArray[np.uint16]:
    drawn = draw(100, Sex.FEMALE, seed=1, rows=1000).image
    large = cv2.resize(drawn, (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 65535 * _NOISE, large.shape)
    return np.asarray(np.clip(large + noise, 0, 65535), np.uint16)


def _with_voi_lut(data_set: Dataset) -> Dataset:
    data_set = encoded(data_set, "implicit")
    item = Dataset()
    item.LUTDescriptor = [4096, 0, 16]
    item.LUTData = (65535 * (np.arange(4096) / 4095) ** 2).astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    data_set.VOILUTSequence = [item]
    data_set.PhotometricInterpretation, data_set.PresentationLUTShape = "MONOCHROME2", "IDENTITY"
    return data_set


def _compressed(data_set: Dataset, syntax: UID, frame: bytes) -> Dataset:
    data_set.file_meta.TransferSyntaxUID = syntax
    data_set.PixelData = encapsulate([frame])
    data_set["PixelData"].VR = "OB"
    return data_set


def _medians_ms(path: Path, folder: Path) -> dict[str, float]:
    """Return the medians over processes that do one or the other, in turns."""
    took: dict[str, list[float]] = defaultdict(list)
    for _ in range(PROCESSES):
        for work in ("bare array", "read"):
            command = [sys.executable, "-m", "tests.bench.reader", work, path, folder]
            told = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            for part, milliseconds in json.loads(told).items():
                took[part] += milliseconds
    return {part: statistics.median(milliseconds) for part, milliseconds in took.items()}
