import numpy as np
from pydicom import Dataset
from pydicom.uid import UID

from carpus.wrap import derived_uid, wrap

GREY = np.array([[0, 255, 7], [1, 2, 3], [4, 5, 6]], np.uint8)  # nine bytes: an odd number


def test_a_picture_becomes_a_dx_image_of_a_hand_with_its_pixels_unchanged() -> None:
    image = wrap(GREY, "1377", "RSNA", "F")
    assert image.SOPClassUID.name == "Digital X-Ray Image Storage - For Presentation"
    assert (image.Modality, image.BodyPartExamined, image.ViewPosition) == ("DX", "HAND", "PA")
    assert (image.PatientID, image.IssuerOfPatientID, image.PatientSex) == ("1377", "RSNA", "F")
    assert (image.PhotometricInterpretation, image.BitsStored, image.HighBit) == ("MONOCHROME2", 8, 7)
    assert image.PixelData == bytes([0, 255, 7, 1, 2, 3, 4, 5, 6, 0])
    assert np.array_equal(image.pixel_array, GREY)


def test_sixteen_bits_stay_sixteen() -> None:
    image = wrap(np.array([[0, 65535]], np.uint16), "1", "RSNA", "M")
    assert (image.BitsAllocated, image.BitsStored, image.PixelData) == (16, 16, b"\0\0\xff\xff")


def test_the_window_changes_no_grey_value() -> None:
    """PS3.3 C.11.2.1.2.1: y = ((x - (c - 0.5)) / (w - 1) + 0.5), for c 128 and w 256 from x / 255."""
    image = wrap(GREY, "1", "RSNA", "M")
    centre, width = float(image.WindowCenter), float(image.WindowWidth)
    assert (centre, width) == (128, 256)
    assert ((0 - (centre - 0.5)) / (width - 1) + 0.5, (255 - (centre - 0.5)) / (width - 1) + 0.5) == (0.0, 1.0)


def test_the_same_picture_is_the_same_instance_whenever_it_is_wrapped() -> None:
    first, second = wrap(GREY, "1", "RSNA", "M"), wrap(GREY.copy(), "1", "RSNA", "M")
    assert first == second
    assert Dataset(first) == Dataset(second)


def test_other_pixels_another_shape_or_depth_are_another_instance() -> None:
    pictures = [GREY, GREY.reshape(1, 9), GREY + 1, GREY.astype(np.uint16)]
    levels = ["instance", "series", "study"]
    uids = {derived_uid(picture, level) for picture in pictures for level in levels}
    assert len(uids) == len(pictures) * len(levels)
    assert all(UID(uid).is_valid and uid.startswith("2.25.") for uid in uids)
