"""From the modality to Orthanc: report and picture in the radiograph's study, valid, once, and committed to."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from carpus.processes import LISTENER
from tests.delivered import BONE_AGE, hand, hand_without_contrast, numbers
from tests.objects import file_bytes
from tests.peers.destinations import assess, deliveries, stack_for, wait_for_delivery
from tests.peers.orthanc import AE_TITLE, Orthanc
from tests.peers.validation import printed_report, validate
from tests.way.running import Way

# Each as a modality may send it, and the validator must accept what comes of it.
HANDS: dict[str, Callable[[], Dataset]] = {
    "plain": lambda: hand(StudyID="S1", AccessionNumber="A-17", StudyDate="20220301", StudyTime="101500"),
    "of unknown sex": lambda: hand("O"),
    "to be reviewed": hand_without_contrast,
    "with an age in whole years": lambda: hand(PatientBirthDate=None, PatientAge="008Y"),
    "without any age": lambda: hand(PatientBirthDate=None),
    "without a laterality": lambda: hand(ImageLaterality=None),
    "lossy once": lambda: hand(LossyImageCompression="01", LossyImageCompressionRatio="12.5"),
    "without StudyID": lambda: hand(StudyID=None),
    "without type 2 elements": lambda: hand(ReferringPhysicianName=None, AccessionNumber=None, StudyTime=None),
}
NAMES = {
    "ASCII": (None, "Doe^Jane", b"Doe^Jane"),
    "Latin-1": ("ISO_IR 100", "Müller^Jörg", b"M\xfcller^J\xf6rg "),
    "Japanese": (
        "\\ISO 2022 IR 87",
        "Yamada^Tarou=山田^太郎",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
    ),
    "Cyrillic": ("ISO_IR 144", "Люкceмбypг", "Люкceмбypг".encode("iso8859_5")),
    "UTF-8": ("ISO_IR 192", "Wang^XiaoDong=王^小东", b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe4\xb8\x9c"),
}


@dataclass(frozen=True)
class Delivering:
    """A running stack, and the archive that its results go to."""

    way: Way
    orthanc: Orthanc

    def deliver(self, sent: Dataset) -> dict[str, Any]:
        """Send a hand, wait until its report and picture are delivered, and return its row in `result`."""
        result = assess(self.way, sent)
        wait_for_delivery(self.way, result, AE_TITLE)
        return result

    def rows(self, result: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the report's and the picture's row in `deliveries`."""
        return deliveries(self.way, result, AE_TITLE)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]) -> Iterator[Delivering]:
    orthanc = Orthanc.in_folder(tmp_path_factory.mktemp("orthanc"), program("Orthanc"))
    address = f"{AE_TITLE}=127.0.0.1:{orthanc.dicom_port}"
    with stack_for(tmp_path_factory.mktemp("way"), address) as way, orthanc.running(way.stack.ports.listener):
        yield Delivering(way, orthanc)


def test_report_and_picture_are_filed_in_the_study_of_their_source(both: Delivering) -> None:
    sent = hand(StudyID="S1", AccessionNumber="A-17")
    both.orthanc.request("/instances", file_bytes(sent))
    both.deliver(sent)
    (study,) = both.orthanc.request(
        "/tools/find", {"Level": "Study", "Query": {"StudyInstanceUID": sent.StudyInstanceUID}}
    )
    (patient,) = both.orthanc.request("/tools/find", {"Level": "Patient", "Query": {"PatientID": sent.PatientID}})
    filed = both.orthanc.request(f"/studies/{study}")
    assert filed["ParentPatient"] == patient
    series = [both.orthanc.request(f"/series/{one}") for one in filed["Series"]]
    assert sorted((one["MainDicomTags"]["Modality"], len(one["Instances"])) for one in series) == [
        ("DX", 1),
        ("OT", 1),
        ("SR", 1),
    ]


def test_the_report_s_numbers_are_those_in_sql(both: Delivering) -> None:
    sent = hand()
    result = both.deliver(sent)
    (report,) = both.orthanc.files(sent.StudyInstanceUID)["SR"]
    assert numbers(_read(report)) == {
        BONE_AGE: result["bone_age_months"],
        "121416": result["bone_age_sds"],
        "371886008": result["bone_age_high_months"] - result["bone_age_months"],
        "371885007": result["bone_age_months"] - result["bone_age_low_months"],
    }


def test_an_unknown_sex_leaves_no_number_in_the_report(both: Delivering) -> None:
    sent = hand("O")
    assert both.deliver(sent)["bone_age_months"] is None
    (report,) = both.orthanc.files(sent.StudyInstanceUID)["SR"]
    assert numbers(_read(report)) == {}


def test_what_must_be_reviewed_has_no_number_in_the_report(both: Delivering) -> None:
    sent = hand_without_contrast()
    result = both.deliver(sent)
    assert result["needs_review"]
    assert result["bone_age_months"] is not None
    (report,) = both.orthanc.files(sent.StudyInstanceUID)["SR"]
    assert numbers(_read(report)) == {}


@pytest.mark.parametrize("kind", HANDS)
def test_report_and_picture_are_valid(
    both: Delivering, program: Callable[[str], str], tmp_path: Path, kind: str
) -> None:
    sent = HANDS[kind]()
    both.deliver(sent)
    assert_valid(both.orthanc, sent, program, tmp_path)


def test_a_corrected_radiograph_s_report_is_valid_and_names_the_one_before_it(
    both: Delivering, program: Callable[[str], str], tmp_path: Path
) -> None:
    sent = hand()
    first, _ = both.rows(both.deliver(sent))
    sent.PatientSex = "M"
    corrected = both.deliver(sent)
    second, _ = both.rows(corrected)
    assert corrected["revision"] == 2
    reports = {one.SOPInstanceUID: one for one in map(_read, both.orthanc.files(sent.StudyInstanceUID)["SR"])}
    assert set(reports) == {first["sop_instance_uid"], second["sop_instance_uid"]}
    (study,) = reports[second["sop_instance_uid"]].PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedSOPSequence] == [first["sop_instance_uid"]]
    assert_valid(both.orthanc, sent, program, tmp_path)


@pytest.mark.parametrize("kind", NAMES)
def test_a_name_comes_back_as_it_was_sent(
    both: Delivering, program: Callable[[str], str], tmp_path: Path, kind: str
) -> None:
    character_set, name, encoded = NAMES[kind]
    sent = hand(PatientName=name, **({"SpecificCharacterSet": character_set} if character_set else {}))
    both.orthanc.request("/instances", file_bytes(sent))
    both.deliver(sent)
    instances = both.orthanc.instances(sent.StudyInstanceUID)
    assert len(instances) == 3
    assert {both.orthanc.raw(f"/instances/{one}/content/0010-0010") for one in instances} == {encoded}
    assert {both.orthanc.request(f"/instances/{one}/simplified-tags")["PatientName"] for one in instances} == {name}
    assert_valid(both.orthanc, sent, program, tmp_path)


def test_what_was_stopped_for_the_first_attempts_gets_each_object_once(both: Delivering) -> None:
    sent = hand()
    with both.orthanc.stopped():
        result = assess(both.way, sent)
        both.way.wait_until(
            lambda: all(row["attempts"] > 1 and row["state"] == "WAITING" for row in both.rows(result)),
            "two attempts fail",
        )
        reasons = {row["last_error"] for row in both.rows(result)}
    assert reasons == {f"nobody answers at 127.0.0.1:{both.orthanc.dicom_port}"}
    rows = wait_for_delivery(both.way, result, AE_TITLE)
    assert all(row["attempts"] > 2 and row["refusals"] == 0 for row in rows)
    given = [_read(file) for files in both.orthanc.files(sent.StudyInstanceUID).values() for file in files]
    assert sorted(one.SOPInstanceUID for one in given) == sorted(row["sop_instance_uid"] for row in rows)


def test_what_orthanc_commits_to_is_reported_by_an_association_of_its_own(both: Delivering) -> None:
    result = both.deliver(hand())
    both.way.wait_until(lambda: all(row["committed_at"] for row in both.rows(result)), "commitment is reported")
    for row in both.rows(result):
        assert row["is_commitment_asked"]
        assert row["committed_at"] >= row["delivered_at"]
    log = (both.way.stack.logs / f"{LISTENER}.log").read_text().splitlines()
    said = [json.loads(line) for line in log if line.startswith("{")]
    assert AE_TITLE in {one["calling_ae_title"] for one in said if one["event"] == "deliveries_committed"}


def test_the_validator_complains_of_what_is_missing(program: Callable[[str], str], tmp_path: Path) -> None:
    sent = hand()
    del sent.Modality
    verdict = validate(program("dciodvfy"), file_bytes(sent), tmp_path)
    assert any("Modality" in error for error in verdict.errors), verdict


def assert_valid(orthanc: Orthanc, sent: Dataset, program: Callable[[str], str], folder: Path) -> None:
    """Check that all reports and pictures of a study are valid, and that the reports can be read."""
    files = orthanc.files(sent.StudyInstanceUID)
    assert len(files["SR"]) == len(files["OT"])
    for modality, iod in (("SR", "ComprehensiveSR"), ("OT", "SCImage")):
        for content in files[modality]:
            verdict = validate(program("dciodvfy"), content, folder)
            assert (verdict.iod, verdict.errors) == (iod, [])
    for content in files["SR"]:
        assert "Imaging Measurement Report" in printed_report(program("dsrdump"), content, folder)


def _read(file: bytes) -> Dataset:
    return dcmread(BytesIO(file))
