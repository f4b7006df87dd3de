from pathlib import Path

import numpy as np
import pytest

from db.errors import TransientError
from worker import radiograph
from worker.read import shrink


@pytest.fixture
def picture() -> np.ndarray:
    return np.arange(6, dtype=np.uint16).reshape(2, 3) * 13107


def test_saved_radiograph_comes_back_as_it_was(tmp_path: Path, picture: np.ndarray) -> None:
    path = tmp_path / "ab" / "1.2.3.npy"
    loaded = radiograph.load(path, radiograph.save(picture, path, tmp_path / "incoming"))
    assert loaded.dtype == np.uint16
    assert loaded.tolist() == [[0, 13107, 26214], [39321, 52428, 65535]]


def test_same_radiograph_has_the_same_digest_and_leaves_one_file(tmp_path: Path, picture: np.ndarray) -> None:
    path = tmp_path / "1.npy"
    assert radiograph.save(picture, path, tmp_path / "incoming") == radiograph.save(
        picture, path, tmp_path / "incoming"
    )
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


def test_failed_save_leaves_the_old_file(tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "1.npy"
    sha256 = radiograph.save(picture, path, tmp_path / "incoming")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(radiograph.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        radiograph.save(picture + 1, path, tmp_path / "incoming")
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]
    assert radiograph.load(path, sha256).tolist() == picture.tolist()


def test_missing_and_changed_files_are_lost_not_rejected(tmp_path: Path, picture: np.ndarray) -> None:
    path = tmp_path / "1.npy"
    sha256 = radiograph.save(picture, path, tmp_path / "incoming")
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    with pytest.raises(radiograph.LostRadiographError, match="changed"):
        radiograph.load(path, sha256)
    path.unlink()
    with pytest.raises(radiograph.LostRadiographError, match="missing"):
        radiograph.load(path, sha256)
    assert issubclass(radiograph.LostRadiographError, TransientError)


@pytest.mark.parametrize(
    ("shape", "shrunk"),
    [((2048, 1600), (1024, 800)), ((1000, 1025), (999, 1024)), ((1024, 700), (1024, 700)), ((4000, 1), (1024, 1))],
)
def test_long_side_becomes_1024_and_the_aspect_stays(shape: tuple[int, int], shrunk: tuple[int, int]) -> None:
    assert shrink(np.zeros(shape, np.uint16)).shape == shrunk


def test_shrinking_takes_the_mean_of_the_area() -> None:
    picture = np.kron(np.arange(1024, dtype=np.uint16)[np.newaxis] * 60, np.ones((2, 2), np.uint16))
    picture[0, ::2] += 4
    assert shrink(picture).tolist() == [[column * 60 + 1 for column in range(1024)]]


@pytest.mark.parametrize(
    ("notes", "shown", "assessed"),
    [
        ([], [[1, 2]], [[1, 2]]),
        (["came as a negative, and was inverted"], [[65534, 65533]], [[65534, 65533]]),
        (["a right hand, assessed mirrored"], [[1, 2]], [[2, 1]]),
        (["a left hand with its thumb on the left, assessed mirrored"], [[1, 2]], [[2, 1]]),
        (
            ["came as a negative, and was inverted", "appears right or mirrored, assessed mirrored"],
            [[65534, 65533]],
            [[65533, 65534]],
        ),
    ],
)
def test_notes_say_what_the_network_saw_and_what_a_reader_shall_see(
    notes: list[str], shown: list[list[int]], assessed: list[list[int]]
) -> None:
    standard = np.array([[1, 2]], np.uint16)
    assert radiograph.as_shown(standard, notes).tolist() == shown
    assert radiograph.as_assessed(standard, notes).tolist() == assessed
    assert standard.tolist() == [[1, 2]]
