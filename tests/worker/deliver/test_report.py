"""The structured report: one bone age and no more, what it rests on, and nothing that was not to be told."""

from typing import Any

import pytest
from pydicom import Dataset

from tests.objects import as_file, hand_radiograph
from tests.worker.deliver.telling import RESULT, UNKNOWN_SEX, result
from worker.deliver import report, secondary_capture
from worker.deliver.maker import Reference, Uids
from worker.deliver.report import Beside, make_report
from worker.deliver.source import source_header
from worker.limits import Limits

UIDS, PICTURE = Uids.of("2.25.1"), Uids.of("2.25.2")


@pytest.fixture
def source(tmp_path: Any) -> Dataset:
    return source_header(as_file(hand_radiograph(), tmp_path / "source.dcm"), Limits())


def made(
    source: Dataset, predecessor: Reference | None = None, laterality: str | None = "L", **columns: Any
) -> Dataset:
    study = str(source.StudyInstanceUID)
    picture = Reference(secondary_capture.SOP_CLASS_UID, PICTURE.instance, study, PICTURE.series)
    return make_report(result(**columns), source, UIDS, Beside(picture, predecessor), laterality)


def items(content: Any, value_type: str) -> list[Dataset]:
    """Return all content items of a type, whatever they stand in."""
    found = []
    for item in content.get("ContentSequence", []):
        found += [item] if item.ValueType == value_type else []
        found += items(item, value_type)
    return found


def name(item: Dataset) -> tuple[str, str]:
    code = item.ConceptNameCodeSequence[0]
    return code.CodeValue, code.CodingSchemeDesignator


def numbers(content: Dataset) -> dict[tuple[str, str], tuple[str, float, str]]:
    """Return each NUM's text, exact value and unit, by its concept; a concept that comes twice fails."""
    found = {}
    for item in items(content, "NUM"):
        value = item.MeasuredValueSequence[0]
        assert name(item) not in found
        unit = value.MeasurementUnitsCodeSequence[0].CodeValue
        found[name(item)] = (str(value.NumericValue), value.FloatingPointValue, unit)
    return found


def codes(content: Dataset) -> dict[tuple[str, str], tuple[str, str]]:
    return {
        name(item): (item.ConceptCodeSequence[0].CodeValue, item.ConceptCodeSequence[0].CodingSchemeDesignator)
        for item in items(content, "CODE")
    }


def test_the_one_bone_age_is_in_months_with_how_far_its_interval_goes(source: Dataset) -> None:
    assert numbers(made(source)) == {
        ("85151-9", "LN"): ("120.40", 120.4, "mo"),
        ("121416", "DCM"): ("1.25", 1.25, "1"),
        ("371886008", "SCT"): ("11.10", pytest.approx(131.5 - 120.4), "mo"),
        ("371885007", "SCT"): ("10.40", pytest.approx(120.4 - 110.0), "mo"),
    }


@pytest.mark.parametrize("columns", [{"review_reasons": ["the hand is cut off"]}, UNKNOWN_SEX])
def test_without_a_headline_there_is_no_number_at_all(source: Dataset, columns: dict[str, Any]) -> None:
    report = made(source, **columns)
    assert numbers(report) == {}
    assert "120" not in " ".join(item.TextValue for item in items(report, "TEXT"))
    assert "133" not in " ".join(item.TextValue for item in items(report, "TEXT"))


def test_an_uncalibrated_model_has_neither_interval_nor_score(source: Dataset) -> None:
    bare = {"bone_age_low_months": None, "bone_age_high_months": None, "bone_age_sds": None, "maturity": None}
    assert set(numbers(made(source, **bare))) == {("85151-9", "LN")}


def test_stage_maturity_method_site_and_family_are_coded(source: Dataset) -> None:
    found = codes(made(source))
    assert found[("STAGE", "99CARPUS")] == ("263659003", "SCT")
    assert found[("MATURITY", "99CARPUS")] == ("17621005", "SCT")
    assert found[("370129005", "SCT")] == ("252956001", "SCT")  # measurement method
    assert found[("363698007", "SCT")] == ("85562004", "SCT")  # finding site
    assert found[("272741003", "SCT")] == ("7771000", "SCT")  # laterality: left
    assert found[("111000", "DCM")] == ("123110", "DCM")


def test_an_unknown_side_is_not_told(source: Dataset) -> None:
    assert ("272741003", "SCT") not in codes(made(source, laterality=None))


def test_a_stage_of_what_needs_review_is_withheld_too(source: Dataset) -> None:
    assert ("STAGE", "99CARPUS") not in codes(made(source, review_reasons=["the hand is cut off"]))


def test_source_and_picture_are_referred_to_and_are_its_evidence(source: Dataset) -> None:
    report = made(source)
    named = {name(item)[0]: item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in items(report, "IMAGE")}
    assert named == {"121112": source.SOPInstanceUID, "130401": PICTURE.instance}
    evidence = [
        one.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    ]
    assert set(evidence) == set(named.values())


def test_it_is_unverified_and_observed_by_a_device(source: Dataset) -> None:
    report = made(source)
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert codes(report)[("121005", "DCM")] == ("121007", "DCM")
    assert "Carpus" in {item.TextValue for item in items(report, "TEXT") if name(item)[0] == "121013"}


def test_it_names_the_report_before_it(source: Dataset) -> None:
    before = Reference(report.SOP_CLASS_UID, "2.25.7", "2.25.8", "2.25.9")
    (study,) = made(source, before).PredecessorDocumentsSequence
    assert (study.StudyInstanceUID, study.ReferencedSeriesSequence[0].SeriesInstanceUID) == ("2.25.8", "2.25.9")
    assert "PredecessorDocumentsSequence" not in made(source)


def test_it_says_which_model_answered_and_what_it_does_not_know(source: Dataset) -> None:
    report = made(source)
    texts = [item.TextValue for item in items(report, "TEXT")]
    assert "Limitations: has seen no patient" in texts
    assert f"model SHA-256 {RESULT.model_sha256}" in texts
    assert "drawn 1.0.0" in texts
    assert "Bone age 10 years 0 months (120 months)" in texts
    assert any("not calibrated on radiographs" in text for text in texts)


def test_it_says_that_the_site_corrects_only_where_it_does(source: Dataset) -> None:
    def says(report: Dataset) -> bool:
        return any(item.TextValue.startswith("Site: bone ages") for item in items(report, "TEXT"))

    assert says(made(source, is_site_calibrated=True))
    assert not says(made(source))


def test_texts_of_a_model_in_other_letters_are_told_in_ascii(source: Dataset) -> None:
    report = made(source, model_limitations="näher – 2 × unbekannt")
    assert "Limitations: naher - 2 x unbekannt" in [item.TextValue for item in items(report, "TEXT")]
