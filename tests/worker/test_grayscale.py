"""Every grey value by hand, at the edges of each transform."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from db.errors import RejectedRadiographError
from worker import grayscale
from worker.lookup_table import LookUpTable
from worker.pixels import Pixels


def values(*numbers: float) -> grayscale.Values:
    return np.array(numbers, np.float64)


def table_item(descriptor: list[int], data: object, vr: str = "US") -> Dataset:
    """An item of a LUT sequence, as pydicom would have read it."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", descriptor)
    item.add_new("LUTData", vr, data)
    return item


def data_set(**elements: object) -> Dataset:
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    made.set_original_encoding(is_implicit_vr=False, is_little_endian=True)
    return made


# The example of PS3.3 C.11.2.1.2.1: centre 2048 and width 4096 give y = ((x - 2047.5) / 4095 + 0.5) × range.
@pytest.mark.parametrize(
    ("value", "grey"),
    [(-1, 0.0), (0, 0.0), (1, 1 / 4095), (2047.5, 0.5), (4094, 4094 / 4095), (4095, 1.0), (4096, 1.0)],
)
def test_linear_window_counts_discrete_values(value: float, grey: float) -> None:
    assert grayscale.windowed(values(value), 2048, 4096, "LINEAR")[0] == pytest.approx(grey, abs=1e-12)


def test_linear_window_of_width_1_is_a_step_half_below_its_centre() -> None:
    assert grayscale.windowed(values(99, 99.5, 100), 100, 1, "LINEAR").tolist() == [0, 0, 1]


@pytest.mark.parametrize(("value", "grey"), [(-1, 0.0), (0, 0.0), (1, 1 / 4096), (2048, 0.5), (4096, 1.0), (4097, 1.0)])
def test_linear_exact_window_is_continuous(value: float, grey: float) -> None:
    assert grayscale.windowed(values(value), 2048, 4096, "LINEAR_EXACT")[0] == grey


def test_sigmoid_window_follows_the_logistic_function_and_never_overflows() -> None:
    grey = grayscale.windowed(values(100, 150, 50, 1e12, -1e12), 100, 200, "SIGMOID")
    logistic_of_1 = 1 / (1 + np.exp(-1))  # 4 × (150 - 100) / 200 = 1
    assert grey == pytest.approx([0.5, logistic_of_1, 1 - logistic_of_1, 1, 0], abs=1e-12)


def test_unknown_voi_lut_function_is_rejected() -> None:
    with pytest.raises(RejectedRadiographError, match=r"0028,1056 VOILUTFunction\) is a term that is not known"):
        grayscale.voi_values(data_set(WindowCenter=5, WindowWidth=4, VOILUTFunction="CUBIC"), values(1))


def test_first_of_several_windows_counts() -> None:
    grey = grayscale.voi_values(data_set(WindowCenter=[5, 500], WindowWidth=[11, 11]), values(0, 4.5, 500))
    assert grey is not None
    assert grey == pytest.approx([0.05, 0.5, 1])  # (0 - 4.5) / 10 + 0.5


@pytest.mark.parametrize("width", [0, -5, 0.5])
def test_window_without_width_is_as_none(width: float) -> None:
    assert grayscale.voi_values(data_set(WindowCenter=5, WindowWidth=width), values(1)) is None


def test_lut_of_0_entries_has_65536() -> None:
    item = table_item([0, 0, 16], list(range(65535, -1, -1)))
    table = LookUpTable.first_of(data_set(ModalityLUTSequence=[item]), "ModalityLUTSequence")
    assert table is not None
    assert table.apply(values(0, 1, 65535)).tolist() == [65535, 65534, 0]


def test_first_value_of_a_lut_is_signed_where_values_are() -> None:
    signed = data_set(ModalityLUTSequence=[table_item([3, 65536 - 1000, 16], [7, 8, 9])])
    assert grayscale.modality_values(signed, values(-1001, -1000, -999, -998, 5)).tolist() == [7, 7, 8, 9, 9]
    unsigned = data_set(ModalityLUTSequence=[table_item([3, 64536, 16], [7, 8, 9])])
    assert grayscale.modality_values(unsigned, values(0, 64536, 64537, 65535)).tolist() == [7, 7, 8, 9]


def test_voi_lut_precedes_the_window_and_spans_its_bits() -> None:
    with_both = data_set(
        VOILUTSequence=[table_item([2, 10, 10], [0, 1023])], WindowCenter=1, WindowWidth=1, VOILUTFunction="LINEAR"
    )
    grey = grayscale.voi_values(with_both, values(9, 10, 10.4, 10.6, 12))
    assert grey is not None
    assert grey.tolist() == [0, 0, 0, 1, 1]


def test_lut_data_of_bytes_are_words_or_two_8_bit_entries_in_each() -> None:
    words = data_set(VOILUTSequence=[table_item([2, 0, 16], b"\x01\x00\x00\x01", "OW")])
    assert LookUpTable.first_of(words, "VOILUTSequence").apply(values(0, 1)).tolist() == [1, 256]  # type: ignore[union-attr]
    packed = data_set(VOILUTSequence=[table_item([4, 0, 8], b"\x01\x02\x03\xff", "OW")])
    assert LookUpTable.first_of(packed, "VOILUTSequence").apply(values(0, 3)).tolist() == [1, 255]  # type: ignore[union-attr]


def test_lut_with_too_few_entries_is_rejected() -> None:
    with pytest.raises(RejectedRadiographError, match="0028,3010 VOILUTSequence"):
        LookUpTable.first_of(data_set(VOILUTSequence=[table_item([5, 0, 16], [1, 2])]), "VOILUTSequence")


def test_rescale_slope_and_intercept_apply_before_the_window() -> None:
    assert grayscale.modality_values(data_set(RescaleSlope="2", RescaleIntercept="-1024"), values(0, 600)).tolist() == [
        -1024,
        176,
    ]


@pytest.mark.parametrize(
    ("photometric_interpretation", "shape", "is_inverted"),
    [
        ("MONOCHROME1", None, True),
        ("MONOCHROME1", "INVERSE", True),  # the same inversion, not a second
        ("MONOCHROME1", "IDENTITY", True),
        ("MONOCHROME2", None, False),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME2", "INVERSE", True),
    ],
)
def test_inversion_is_decided_once(photometric_interpretation: str, shape: str | None, is_inverted: bool) -> None:
    described = data_set(PresentationLUTShape=shape) if shape else data_set()
    assert grayscale.is_inverted(described, photometric_interpretation) is is_inverted


def test_padding_range_holds_both_its_ends_in_either_order() -> None:
    stored = np.arange(6)
    assert grayscale.padding(data_set(PixelPaddingValue=4), stored).nonzero()[0].tolist() == [4]
    for value, limit in ((2, 4), (4, 2)):
        padded = grayscale.padding(data_set(PixelPaddingValue=value, PixelPaddingRangeLimit=limit), stored)
        assert padded.nonzero()[0].tolist() == [2, 3, 4]


def test_padding_value_with_the_wrong_sign_is_still_found() -> None:
    stored = np.array([-2000, 0, 63536])
    described = data_set()
    described.add_new("PixelPaddingValue", "US", 63536)
    assert grayscale.padding(described, stored).tolist() == [True, False, False]


def pixels(stored: np.ndarray, counts: np.ndarray) -> Pixels:
    """An image in one row with each stored value so often; its words are numbered as they come."""
    return Pixels(np.repeat(np.arange(len(stored), dtype=np.uint16), counts)[np.newaxis], stored)


def test_padding_takes_no_part_in_the_stretch_and_is_black() -> None:
    stored = np.arange(8)
    counts = np.array([0, 1, 500, 500, 500, 1, 0, 5000])
    table = grayscale.grey_table(data_set(PixelPaddingValue=7), "MONOCHROME2", pixels(stored, counts))
    # 1 and 5 are the ends; each holds nothing that counts, so they are black and white.
    assert table[[1, 2, 3, 4, 5, 7]].tolist() == [0, 16384, 32768, 49151, 65535, 0]


def test_padding_of_an_inverted_image_is_black_too() -> None:
    counts = np.array([900, 10, 10, 10, 10])
    table = grayscale.grey_table(data_set(PixelPaddingValue=0), "MONOCHROME1", pixels(np.arange(5), counts))
    assert table.tolist() == [0, 65535, 43690, 21845, 0]


def test_stretch_loses_at_most_a_thousandth_of_the_pixels_at_either_end() -> None:
    counts = np.array([50, 1, 1, 994, 1, 1, 1, 1, 70])  # 1,000 between the ends: at most one may be lost at each
    grey = grayscale.stretched(np.arange(9.0), counts)
    assert grey.tolist() == [0, 0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1]


def test_stretch_does_not_see_how_much_background_is_painted() -> None:
    little = np.array([1, 40, 300, 300, 300, 59, 1])
    much = np.array([2_000_000, 40, 300, 300, 300, 59, 1])
    shades = np.arange(7.0)
    assert grayscale.stretched(shades, much).tolist() == grayscale.stretched(shades, little).tolist()


@pytest.mark.parametrize("counts", [[9, 0, 0, 0], [0, 9, 9, 0], [0, 0, 0, 0], [9, 0, 9, 9]])
def test_stretch_of_few_shades_keeps_them_apart(counts: list[int]) -> None:
    grey = grayscale.stretched(np.arange(4.0), np.array(counts))
    shown = grey[np.array(counts) > 0]
    assert len(set(shown.tolist())) == len(shown)
    assert ((grey >= 0) & (grey <= 1)).all()


@pytest.mark.parametrize("counts", [[5, 0, 0], [0, 0, 0]])
def test_image_of_one_grey_value_is_rejected(counts: list[int]) -> None:
    with pytest.raises(RejectedRadiographError, match="same grey value"):
        grayscale.grey_table(data_set(), "MONOCHROME2", pixels(np.arange(3), np.array(counts)))


def test_window_beside_the_picture_is_rejected() -> None:
    with pytest.raises(RejectedRadiographError, match="WindowCenter"):
        image = pixels(np.arange(3), np.array([4, 4, 4]))
        grayscale.grey_table(data_set(WindowCenter=5000, WindowWidth=100), "MONOCHROME2", image)
