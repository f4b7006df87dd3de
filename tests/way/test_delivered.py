"""From the modality to the archive: the report and the picture of a radiograph, in its study, numbers as in SQL."""

import numpy as np
import pytest
from pydicom import Dataset

from tests.delivered import BONE_AGE, hand, hand_without_contrast, numbers
from tests.pacs import Pacs, away
from tests.way.running import SUCCESS, Way


def _delivered(way: Way, pacs: Pacs, sent: Dataset) -> tuple[Dataset, Dataset]:
    """Return the report and the picture that came of an object, which must be all that came."""

    def of_study(objects: list[Dataset]) -> list[Dataset]:
        return [one for one in objects if one.StudyInstanceUID == sent.StudyInstanceUID]

    pacs.wait_until(lambda: of_study(pacs.reports) and of_study(pacs.pictures), "report and picture")
    (report,), (picture,) = of_study(pacs.reports), of_study(pacs.pictures)
    return report, picture


def test_what_was_away_for_the_first_attempts_gets_report_and_picture_once(way: Way, pacs: Pacs) -> None:
    sent = hand(StudyID="S1", AccessionNumber="A-17")
    ours = "SELECT * FROM deliveries WHERE radiograph_id = %s ORDER BY object"
    with away(pacs):
        assert way.send([sent]) == [SUCCESS]
        (row,) = way.wait_for_ends([sent])
        way.wait_until(lambda: all(one["last_error"] for one in way.sql(ours, row["id"])), "an attempt failed")
        assert {(one["state"], one["refusals"]) for one in way.sql(ours, row["id"])} <= {("WAITING", 0), ("SENDING", 0)}
        pacs.report_to = way.stack.ports.listener
    report, picture = _delivered(way, pacs, sent)
    way.wait_until(lambda: all(one["committed_at"] for one in way.sql(ours, row["id"])), "commitment is reported")
    pacs.report_to = None
    assert [(one["state"], one["last_error"]) for one in way.sql(ours, row["id"])] == [("DELIVERED", None)] * 2
    (result,) = way.results([sent])
    assert numbers(report)[BONE_AGE] == result["bone_age_months"]
    assert numbers(report)["121416"] == result["bone_age_sds"]
    assert numbers(report)["371886008"] == result["bone_age_high_months"] - result["bone_age_months"]
    assert numbers(report)["371885007"] == result["bone_age_months"] - result["bone_age_low_months"]
    for made in (report, picture):
        assert (made.PatientID, made.StudyID, made.AccessionNumber) == (sent.PatientID, "S1", "A-17")
        assert made.SeriesInstanceUID != sent.SeriesInstanceUID
    assert report.VerificationFlag == "UNVERIFIED"
    assert picture.SourceImageSequence[0].ReferencedSOPInstanceUID == sent.SOPInstanceUID
    assert picture.BurnedInAnnotation == "YES"
    assert picture.Laterality == "L"
    assert f"({result['bone_age_months']:.0f} months)" in picture.ImageComments


def test_a_right_hand_is_read_as_its_mirror_image_and_told_as_a_right_one(way: Way, pacs: Pacs) -> None:
    left, right = hand(), hand(ImageLaterality="R")
    right.PixelData = np.ascontiguousarray(right.pixel_array[:, ::-1]).tobytes()
    way.send([left, right])
    way.wait_for_ends([left, right])
    of_left, of_right = way.results([left, right])
    assert of_right["bone_age_months"] == pytest.approx(of_left["bone_age_months"], abs=0.01)
    assert (of_right["apparent_side"], of_right["needs_review"]) == ("right", False)
    report, picture = _delivered(way, pacs, right)
    assert numbers(report)[BONE_AGE] == of_right["bone_age_months"]
    assert picture.Laterality == "R"
    assert "a right hand, assessed mirrored" in picture.ImageComments


def test_what_must_be_reviewed_goes_back_without_a_number(way: Way, pacs: Pacs) -> None:
    sent = hand_without_contrast()
    assert way.send([sent]) == [SUCCESS]
    way.wait_for_ends([sent])
    (result,) = way.results([sent])
    assert result["needs_review"]
    report, picture = _delivered(way, pacs, sent)
    assert result["bone_age_months"] is not None
    assert numbers(report) == {}
    assert "months" not in picture.ImageComments
    assert "hardly any contrast" in picture.ImageComments


def test_an_unknown_sex_leaves_no_number_in_the_report_and_both_in_the_picture(way: Way, pacs: Pacs) -> None:
    sent = hand("O", StudyID="S3")
    assert way.send([sent]) == [SUCCESS]
    way.wait_for_ends([sent])
    report, _ = _delivered(way, pacs, sent)
    assert numbers(report) == {}


def test_a_corrected_radiograph_s_report_names_the_one_before_it(way: Way, pacs: Pacs) -> None:
    sent = hand(StudyID="S4")
    way.send([sent])
    way.wait_for_ends([sent])
    first, _ = _delivered(way, pacs, sent)
    sent.PatientSex = "M"
    way.send([sent])
    pacs.wait_until(lambda: len([one for one in pacs.reports if one.StudyID == "S4"]) == 2, "a second report")
    second = next(one for one in pacs.reports if one.StudyID == "S4" and one.SOPInstanceUID != first.SOPInstanceUID)
    (study,) = second.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert study.StudyInstanceUID == sent.StudyInstanceUID
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert "PredecessorDocumentsSequence" not in first


def test_what_went_back_is_never_assessed(way: Way, pacs: Pacs) -> None:
    pacs.wait_until(lambda: pacs.pictures)
    picture = pacs.pictures[-1]
    assert way.send([picture]) == [SUCCESS]
    (row,) = way.wait_for_ends([picture])
    assert row["state"] == "NOT_APPLICABLE"
    assert "Carpus" in row["state_reason"] or "DERIVED" in row["state_reason"]


def test_where_the_side_is_not_known_the_picture_s_laterality_is_empty_and_there(way: Way, pacs: Pacs) -> None:
    sent = hand(StudyID="S5", ImageLaterality=None)
    way.send([sent])
    _, picture = _delivered(way, pacs, sent)
    assert picture["Laterality"].value == ""  # type 2C: required of a paired part, PS3.3 C.7.3.1


def test_the_picture_of_what_was_lossy_once_says_so(way: Way, pacs: Pacs) -> None:
    sent = hand(StudyID="S6", LossyImageCompression="01", LossyImageCompressionRatio="12.5")
    way.send([sent])
    report, picture = _delivered(way, pacs, sent)
    assert (picture.LossyImageCompression, picture.LossyImageCompressionRatio) == ("01", 12.5)
    assert "LossyImageCompression" not in report
