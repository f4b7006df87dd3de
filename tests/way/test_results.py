"""From the modality to SQL: what comes out of the whole way."""

import json
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from carpus.gather import gather
from carpus.outgoing import Outgoing
from carpus.send import Peer, send
from db.vocabulary import Sex
from tests.encodings import eight_bit, encoded, twelve_bit_monochrome1
from tests.objects import file_bytes, hand_radiograph
from tests.way.running import SUCCESS, Way
from training.phantom import draw

PICTURE = draw(94, Sex.FEMALE, seed=7, rows=600).image


def test_a_radiograph_becomes_a_result_with_all_that_an_audit_needs(way: Way) -> None:
    sent = eight_bit(PICTURE)
    sent.PatientBirthDate, sent.AcquisitionDate = "20140301", "20220301"
    assert way.send([sent]) == [SUCCESS]
    way.wait_for_ends([sent])
    (result,) = way.results([sent])
    assert (result["patient_id_issuer"], result["patient_id"]) == ("tests", "P-1")
    assert (result["patient_sex"], result["sex_used"], result["sex_source"]) == ("F", "F", "PatientSex")
    assert result["chronological_age_months"] == pytest.approx(96.0, abs=0.05)
    assert result["bone_age_months"] == result["bone_age_if_female_months"] != result["bone_age_if_male_months"]
    assert result["sex_effect_months"] == pytest.approx(
        result["bone_age_if_male_months"] - result["bone_age_if_female_months"]
    )
    # The standard deviation of girls of 96 months is 10.23.
    assert result["bone_age_sds"] == pytest.approx((result["bone_age_months"] - 96) / 10.23, abs=0.02)
    assert result["bone_age_low_sds"] < result["bone_age_sds"] < result["bone_age_high_sds"]
    assert result["maturity"] in {"delayed", "normal", "advanced", "indeterminate"}
    assert "unverified" in result["sds_source"]
    assert result["stage"] == "child"
    heat_map = np.array(result["heat_map"])
    assert heat_map.shape == (8, 8)
    assert heat_map.max() == pytest.approx(1.0)
    assert heat_map.min() >= 0.0
    for timing in ("read_ms", "queue_ms", "preprocess_ms", "predict_ms", "record_ms", "latency_ms"):
        assert result[timing] > 0, timing
    assert result["model_name"] == "starter"
    assert "not for clinical use" in result["model_intended_use"].lower()


def test_every_encoding_of_a_drawn_hand_gives_the_same_bone_age(way: Way) -> None:
    _assert_same_bone_age_in_every_encoding(way, PICTURE)


@pytest.mark.parametrize("name", ["1381.png", "1437.png", "2859.png"])  # original background, bright, cut off
def test_every_encoding_of_a_real_radiograph_gives_the_same_bone_age(way: Way, shared_data: Path, name: str) -> None:
    picture = cv2.imread(str(shared_data / "hand_radiographs" / name), cv2.IMREAD_GRAYSCALE)
    _assert_same_bone_age_in_every_encoding(way, picture.astype(np.uint16) * 257)


def _assert_same_bone_age_in_every_encoding(way: Way, picture: NDArray[np.uint16]) -> None:
    base = eight_bit(picture)
    deep = twelve_bit_monochrome1(picture)
    syntaxes = ("RLE", "JPEG lossless", "JPEG-LS", "JPEG 2000", "HTJ2K", "deflated", "implicit")
    sent = [
        base,
        deep,
        *(encoded(base, syntax) for syntax in syntaxes),
        *(encoded(deep, syntax) for syntax in syntaxes),
    ]
    assert set(way.send(sent)) == {SUCCESS}
    way.wait_for_ends(sent)
    months = [result["bone_age_months"] for result in way.results(sent)]
    assert len(months) == len(sent)
    assert max(months) - min(months) <= 0.5, months


def test_an_unknown_sex_is_never_guessed(way: Way) -> None:
    other, missing = eight_bit(PICTURE, "O"), eight_bit(PICTURE, "")
    way.send([other, missing])
    way.wait_for_ends([other, missing])
    for result, sex in zip(way.results([other, missing]), ("other", "missing"), strict=True):
        assert (result["patient_sex"], result["sex_used"], result["bone_age_months"]) == (sex, None, None)
        assert result["bone_age_if_female_months"] != result["bone_age_if_male_months"]
    waiting = way.sql(
        "SELECT state_reason FROM worklist WHERE sop_instance_uid = ANY(%s) AND needs_person",
        [other.SOPInstanceUID, missing.SOPInstanceUID],
    )
    assert len(waiting) == 2


def test_sent_again_with_a_corrected_sex_it_is_assessed_again_and_the_old_result_is_gone(way: Way) -> None:
    wrong = eight_bit(PICTURE, "M")
    assert way.send([wrong, wrong]) == [SUCCESS, SUCCESS]
    way.wait_for_ends([wrong])
    corrected = eight_bit(PICTURE, "F")
    corrected.SOPInstanceUID = wrong.SOPInstanceUID
    corrected.file_meta.MediaStorageSOPInstanceUID = wrong.SOPInstanceUID
    way.send([corrected])
    way.wait_until(lambda: way.radiographs([corrected])[0]["revision"] == 2, "the second revision is registered")
    (row,) = way.wait_for_ends([corrected])
    (result,) = way.results([corrected])
    assert (row["revision"], result["revision"], result["sex_used"]) == (2, 2, "F")
    history = way.sql(
        "SELECT r.revision, a.superseded_at IS NULL AS is_current FROM radiograph AS r"
        " JOIN assessment AS a ON a.radiograph_id = r.id WHERE r.sop_instance_uid = %s ORDER BY r.revision",
        corrected.SOPInstanceUID,
    )
    assert [tuple(entry.values()) for entry in history] == [(1, False), (2, True)]
    objects = way.sql("SELECT object_path FROM radiograph WHERE sop_instance_uid = %s", corrected.SOPInstanceUID)
    assert all((way.stack.store / entry["object_path"]).is_file() for entry in objects)


def test_what_cannot_be_read_is_rejected_with_a_reason_and_the_worker_lives_on(way: Way) -> None:
    no_pixels = hand_radiograph(PixelData=None)
    colour = hand_radiograph(SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    two_frames = hand_radiograph(NumberOfFrames=2)
    cut_off = hand_radiograph()
    cut_off.PixelData = cut_off.PixelData[: len(cut_off.PixelData) // 2]
    constant = hand_radiograph()
    constant.PixelData = bytes(len(constant.PixelData))
    hostile = {"7FE0,0010": no_pixels, "0028,0002": colour, "0028,0008": two_frames}
    sent = [*hostile.values(), cut_off, constant]
    assert set(way.send(sent)) == {SUCCESS}
    rows = way.wait_for_ends(sent)
    assert [row["state"] for row in rows] == ["REJECTED"] * len(sent)
    for tag, row in zip(hostile, rows, strict=False):
        assert tag in row["state_reason"], row["state_reason"]
    after = eight_bit(PICTURE)
    way.send([after])
    assert way.wait_for_ends([after])[0]["state"] == "COMPLETED"


def test_a_file_cut_off_on_its_way_is_rejected_with_a_reason(way: Way, tmp_path: Path) -> None:
    whole = file_bytes(hand_radiograph())
    cut_off = tmp_path / "cut_off.dcm"
    cut_off.write_bytes(whole[: len(whole) - 1500])  # in the middle of the pixels
    peer = Peer("127.0.0.1", way.stack.ports.listener, "CARPUS", "MODALITY")
    (outgoing,) = gather([cut_off])
    assert isinstance(outgoing, Outgoing)
    (outcome,) = send([outgoing], peer)
    assert outcome.problem is None  # what the sender sent is on disk, and that is what it was promised
    row = way.wait_for_ends([dcmread(cut_off, stop_before_pixels=True)])[0]
    assert row["state"] == "REJECTED"
    assert "cut off" in row["state_reason"]


def test_what_is_no_hand_radiograph_is_not_assessed(way: Way) -> None:
    chest, lateral, adult = (
        hand_radiograph(BodyPartExamined="CHEST"),
        hand_radiograph(ViewPosition="LL"),
        hand_radiograph(PatientBirthDate="19800101"),
    )
    way.send([chest, lateral, adult])
    rows = way.wait_for_ends([chest, lateral, adult])
    assert [row["state"] for row in rows] == ["NOT_APPLICABLE"] * 3
    assert "CHEST" in rows[0]["state_reason"]


def test_flower_shows_tasks_by_name_with_ids_only_and_only_to_who_logs_in(way: Way) -> None:
    sent = eight_bit(PICTURE)
    way.send([sent])
    (row,) = way.wait_for_ends([sent])
    address = f"http://127.0.0.1:{way.stack.ports.flower}/api/tasks?limit=5000"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address, timeout=5)
    assert refused.value.code == 401
    refused.value.close()
    login = b64encode(way.stack.flower_login.encode()).decode()
    request = urllib.request.Request(address, headers={"Authorization": f"Basic {login}"})

    def tasks() -> list[dict[str, str]]:
        with urllib.request.urlopen(request, timeout=5) as response:
            return [task for task in json.load(response).values() if json.loads(task["args"]) == [row["id"]]]

    way.wait_until(lambda: {task["name"] for task in tasks()} >= {"read", "assess"}, "both tasks are in Flower")
    assert all(task["kwargs"] == "{}" for task in tasks())
