"""What is unlike the usual, by distances worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from db.errors import BundleError
from worker.novelty import FILE, NoveltyCheck, UsualEmbeddings

# Four features about 10, 20, 30 and 40, each divided by 2; along the first there is a variance of 4, outside of it 1.
USUAL = UsualEmbeddings(
    np.array([10.0, 20, 30, 40]), np.full(4, 2.0), np.array([[1.0, 0, 0, 0]]), np.array([4.0]), np.array([1.0])
)
NAN = float("nan")


def test_a_distance_counts_less_along_a_component_that_varies_more() -> None:
    usual = [10, 20, 30, 40]
    along, outside = [18, 20, 30, 40], [10, 20, 38, 40]  # each four of the divided features away
    assert USUAL.scores(np.array([usual, along, outside])) == pytest.approx([0, np.sqrt(16 / 4 / 4), np.sqrt(16 / 4)])
    assert USUAL.scores(np.array([[18, 20, 38, 40]])) == pytest.approx(np.sqrt((4 + 16) / 4))
    assert USUAL.scores(np.array([[NAN, 20, 30, 40]])) == np.inf


def test_of_two_embeddings_of_one_radiograph_the_farther_counts() -> None:
    check = NoveltyCheck(USUAL, threshold=0.5)
    assert check.ratio(np.array([[10, 20, 30, 40], [10, 20, 38, 40]])) == pytest.approx(4)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    USUAL.save(tmp_path / FILE)
    again = UsualEmbeddings.load(tmp_path)
    assert np.array_equal(again.components, USUAL.components)
    assert again.scores(np.array([[18, 20, 38, 40]])) == pytest.approx(np.sqrt(5))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive"])
def test_a_file_that_is_none_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BundleError, match=r"novelty\.npz: not what .* writes"):
        UsualEmbeddings.load(tmp_path)


def test_arrays_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    UsualEmbeddings(USUAL.mean[:3], USUAL.spread, USUAL.components, USUAL.variances, USUAL.residual_variance).save(
        tmp_path / FILE
    )
    with pytest.raises(BundleError, match="do not fit together"):
        UsualEmbeddings.load(tmp_path)
