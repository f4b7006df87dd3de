import hashlib
import json
from pathlib import Path

import pytest

from db.errors import BundleError
from tests.narrow_bundle import card
from tests.palm_networks import write_onnx
from worker import bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "graph").mkdir()
    (tmp_path / "network.keras").write_bytes(b"weights")
    (tmp_path / "graph" / "graph.pb").write_bytes(b"graph")
    complete = card().model_copy(update={"files": bundle.file_digests(tmp_path)})
    (tmp_path / "card.json").write_text(complete.model_dump_json())
    return tmp_path


def test_a_whole_bundle_loads_and_its_digest_is_that_of_its_card(folder: Path) -> None:
    loaded = bundle.load(folder)
    assert loaded.folder == folder
    assert loaded.card.files == {
        "graph/graph.pb": hashlib.sha256(b"graph").hexdigest(),
        "network.keras": hashlib.sha256(b"weights").hexdigest(),
    }
    assert loaded.digest == hashlib.sha256((folder / "card.json").read_bytes()).hexdigest()


def test_a_changed_file_is_refused_by_name(folder: Path) -> None:
    (folder / "graph" / "graph.pb").write_bytes(b"grapH")
    with pytest.raises(BundleError, match=r"graph/graph\.pb: changed since export"):
        bundle.load(folder)


def test_a_missing_file_is_refused_by_name(folder: Path) -> None:
    (folder / "network.keras").unlink()
    with pytest.raises(BundleError, match=r"network\.keras: .* it is missing"):
        bundle.load(folder)


def test_a_file_that_the_card_does_not_name_is_refused(folder: Path) -> None:
    (folder / "graph" / "extra.pb").write_bytes(b"")
    with pytest.raises(BundleError, match=r"graph/extra\.pb: not named in the bundle's card"):
        bundle.load(folder)


def with_palm_detector(folder: Path, name: str) -> None:
    cropped = card().preprocessing.model_copy(update={"crop": "mediapipe", "crop_model": name})
    complete = card().model_copy(update={"files": bundle.file_digests(folder), "preprocessing": cropped})
    (folder / "card.json").write_text(complete.model_dump_json())


def test_a_palm_detector_in_the_bundle_is_used(folder: Path) -> None:
    write_onnx(folder / "palm.onnx")
    with_palm_detector(folder, "palm.onnx")
    assert bundle.load(folder).card.preprocessing.crop_model == "palm.onnx"


def test_a_palm_detector_outside_the_bundle_is_refused(folder: Path) -> None:
    with_palm_detector(folder, "../palm.onnx")
    with pytest.raises(BundleError, match=r"crop_model '\.\./palm\.onnx' is no file of the bundle"):
        bundle.load(folder)


def test_a_palm_detector_that_cannot_be_used_is_refused(folder: Path) -> None:
    (folder / "palm.onnx").write_bytes(b"no network")
    with_palm_detector(folder, "palm.onnx")
    with pytest.raises(BundleError, match=r"crop_model: .*palm\.onnx: expected MediaPipe's palm detector"):
        bundle.load(folder)


def test_a_folder_without_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"card\.json: expected a model card"):
        bundle.load(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"), [("target_unit", "years"), ("colour", "blue"), ("files", {"../network.keras": "0" * 64})]
)
def test_a_card_with_an_impossible_value_is_refused_by_key(folder: Path, key: str, value: object) -> None:
    written = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**written, key: value}))
    with pytest.raises(BundleError, match=key):
        bundle.load(folder)


def test_the_shipped_bundle_is_whole_small_and_says_what_it_is_for() -> None:
    shipped = bundle.load(bundle.starter_folder())
    assert sum(path.stat().st_size for path in shipped.folder.rglob("*") if path.is_file()) <= 20_000_000
    assert "not for clinical use" in shipped.card.intended_use
    assert "drawn" in shipped.card.training_data.description
