"""Pictures made once: the serving input in eight bits, resumed, by any number of processes, known by what they show."""

import errno
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from db.errors import PermanentError
from db.vocabulary import Sex
from training import cache
from training.cases import Case, DataError, Part
from training.phantom import draw
from training.sources.phantoms import phantoms
from worker.preprocess import Preprocessing, preprocess

SMALL = Preprocessing(rows=64, columns=64, value_percentiles=(0.5, 99.5))


@dataclass
class Flat:
    """A picture of one grey value, or one that cannot be read."""

    grey: int
    is_readable: bool = True
    asked: int = 0

    def standard_radiograph(self, rows: int = 64) -> np.ndarray:
        self.asked += 1
        if not self.is_readable:
            raise PermanentError("expected a picture")
        return np.full((rows, rows), self.grey * 257, np.uint16)

    def __repr__(self) -> str:
        return f"Flat({self.grey})"


FULL_RANGE = Preprocessing(rows=2, columns=2)


def flat(grey: int) -> Case:
    return Case(f"case {grey}", f"patient {grey}", Sex.FEMALE, 100.0, None, Flat(grey))


def test_a_cached_picture_is_the_serving_input_in_eight_bits(tmp_path: Path) -> None:
    (case,) = phantoms(Part.TEST, 1)
    (picture,) = cache.images([case], SMALL, tmp_path, processes=1)
    serving = preprocess(draw(case.bone_age_months, case.sex, 2_000_000_000, rows=72).image, SMALL)[..., 0]
    assert picture.dtype == np.uint8
    assert picture / 255 == pytest.approx(serving, abs=0.5 / 255 + 1e-6)


def test_what_cannot_be_read_is_told_at_once_and_the_rest_is_kept(tmp_path: Path) -> None:
    cases = [flat(grey) for grey in (10, 20, 30, 40)]
    pictures = [case.picture for case in cases]
    pictures[1].is_readable = pictures[3].is_readable = False
    with pytest.raises(DataError) as told:
        cache.images(cases, FULL_RANGE, tmp_path, processes=1)
    assert str(told.value) == "case 20: expected a picture\ncase 40: expected a picture"
    pictures[1].is_readable = pictures[3].is_readable = True
    made = cache.images(cases, FULL_RANGE, tmp_path, processes=1)
    assert made[:, 0, 0].tolist() == [10, 20, 30, 40]
    assert [picture.asked for picture in pictures] == [1, 2, 1, 2]


def test_it_goes_on_where_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [flat(grey) for grey in (10, 20, 30)]
    with monkeypatch.context() as patch:
        patch.setattr(cases[1].picture, "standard_radiograph", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cache.images(cases, FULL_RANGE, tmp_path, processes=1)
    assert cache.images(cases, FULL_RANGE, tmp_path, processes=1)[:, 0, 0].tolist() == [10, 20, 30]
    cache.images(cases, FULL_RANGE, tmp_path, processes=1)
    assert [case.picture.asked for case in cases] == [1, 1, 1]


def interrupted(rows: int) -> np.ndarray:
    raise KeyboardInterrupt


def test_processes_make_what_one_makes(tmp_path: Path) -> None:
    hands = phantoms(Part.VALIDATION, 3)
    by_two = cache.images(hands, SMALL, tmp_path / "two", processes=2)
    assert np.array_equal(by_two, cache.images(hands, SMALL, tmp_path / "one", processes=1))


def test_pictures_that_somebody_removed_are_made_again(tmp_path: Path) -> None:
    cases = [flat(10)]
    cache.images(cases, FULL_RANGE, tmp_path, processes=1)
    next(tmp_path.glob("*/images.npy")).unlink()
    assert cache.images(cases, FULL_RANGE, tmp_path, processes=1)[0, 0, 0] == 10


def test_of_two_runs_that_want_the_same_pictures_one_makes_them(tmp_path: Path) -> None:
    cases = [flat(grey) for grey in range(10, 60, 10)]
    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(cache.images, cases, FULL_RANGE, tmp_path, processes=1) for _ in range(2)]
    assert np.array_equal(runs[0].result(), runs[1].result())
    assert [case.picture.asked for case in cases] == [1] * 5


def test_a_full_disk_is_told_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    cases = [flat(10)]
    with monkeypatch.context() as patch:
        patch.setattr("os.posix_fallocate", full)
        with pytest.raises(OSError, match="No space left"):
            cache.images(cases, FULL_RANGE, tmp_path, processes=1)
    assert cases[0].picture.asked == 0
    assert cache.images(cases, FULL_RANGE, tmp_path, processes=1)[0, 0, 0] == 10


def test_other_pictures_and_another_preprocessing_have_folders_of_their_own(tmp_path: Path) -> None:
    for cases in ([flat(10)], [flat(20)], [flat(10), flat(20)]):
        for preprocessing in (FULL_RANGE, FULL_RANGE.model_copy(update={"padding_value": 0.5})):
            cache.images(cases, preprocessing, tmp_path, processes=1)
    assert len(list(tmp_path.iterdir())) == 6


def test_the_folder_is_another_when_code_that_makes_pictures_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.images([flat(10)], FULL_RANGE, tmp_path, processes=1)
    monkeypatch.setattr(cache, "_CODE", cache._CODE[1:])
    cache.images([flat(10)], FULL_RANGE, tmp_path, processes=1)
    assert len(list(tmp_path.iterdir())) == 2


def test_all_code_that_makes_pictures_is_watched() -> None:
    script = """if True:
        import sys, worker.read, worker.preprocess, worker.radiograph, training.cache
        watched = {f"worker.{module}" for module in training.cache._CODE}
        print(watched ^ {module for module in sys.modules if module.startswith("worker.")})
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_digest_is_of_labels_and_pixels_and_of_nothing_else() -> None:
    cases = [flat(10), flat(20)]
    pixels = np.array([[[10]], [[20]]], np.uint8)
    known = cache.digest(cases, pixels)
    assert known == cache.digest([replace(case, name="other", picture=flat(1).picture) for case in cases], pixels)
    others = {
        cache.digest(cases, pixels + np.uint8(1)),
        cache.digest([cases[0], replace(cases[1], bone_age_months=100.5)], pixels),
        cache.digest([cases[0], replace(cases[1], sex=Sex.MALE)], pixels),
        cache.digest(cases[:1], pixels[:1]),
        cache.digest(cases, pixels.reshape(1, 2, 1)[[0, 0]]),
    }
    assert len(others - {known}) == 5


def test_processes_that_make_pictures_do_not_import_tensorflow() -> None:
    script = "import sys, training.__main__; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_another_drawing_of_the_same_hands_has_pictures_of_its_own(tmp_path: Path) -> None:
    (plain,) = cache.images(phantoms(Part.TEST, 1), SMALL, tmp_path, processes=1)
    (truer,) = cache.images(phantoms(Part.TEST, 1, "hand"), SMALL, tmp_path, processes=1)
    assert not np.array_equal(plain, truer)
