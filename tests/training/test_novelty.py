"""Where the line is drawn, by embeddings whose spread is known."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.narrow_bundle import KERAS_ON_NUMPY_2, card
from training.__main__ import app
from training.export import publish
from training.novelty import NoveltyError, facts, usual
from worker.active import novelty_check
from worker.bundle import CARD, Bundle, file_digests, load
from worker.novelty import FILE


def bundle_in(folder: Path) -> Bundle:
    """Return a bundle with nothing in its folder but its card."""
    folder.mkdir()
    (folder / "network.keras").write_bytes(b"none")
    described = card().model_copy(update={"files": file_digests(folder)})
    (folder / CARD).write_text(described.model_dump_json(), encoding="utf-8")
    return load(folder)


def embeddings(count: int, seed: int) -> np.ndarray:
    """Return so many of eight features, six of which follow from the first two but for a little noise."""
    rng = np.random.default_rng(seed)
    two = rng.normal(size=(count, 2)) * (3, 1)
    return np.hstack([two, two @ rng.normal(size=(2, 6)) * 0 + two[:, :1] + rng.normal(size=(count, 6)) / 10]) + 5


def test_three_in_a_thousand_of_the_valid_and_of_others_like_them_are_beyond_the_line() -> None:
    known = usual(embeddings(2000, 1))
    found = facts(known, "these", ("those", embeddings(5000, 2)), ("others", embeddings(20_000, 3), np.arange(20_000)))
    assert (found.fitted_on, found.valid, found.test) == ("these", "those", "others")
    assert (found.valid_cases, found.test_cases) == (5000, 20_000)
    assert found.flagged == pytest.approx(0.003, abs=0.002)
    assert found.low < found.flagged < found.high


def test_what_breaks_the_pattern_is_farther_than_what_is_only_large() -> None:
    known = usual(embeddings(2000, 1))
    large, broken = np.full((1, 8), 11.0), np.full((1, 8), 5.0)
    large[0, 1] = 5
    broken[0, 5] = 7
    assert known.scores(broken)[0] > 2 * known.scores(large)[0]


def test_a_feature_that_hardly_ever_fires_does_not_blind_the_check() -> None:
    rng = np.random.default_rng(5)

    def with_rare(count: int, seed: int) -> np.ndarray:
        rare = (rng.random((count, 4)) < 1e-3) * rng.uniform(0.001, 0.05, (count, 4))
        return np.hstack([embeddings(count, seed), rare])

    known = usual(with_rare(2000, 1))
    found = facts(known, "", ("", with_rare(5000, 2)), ("", with_rare(100, 3), np.arange(100)))
    assert known.scores(with_rare(1, 4) * 3)[0] > found.threshold


def test_too_few_are_refused() -> None:
    known = usual(embeddings(100, 1))
    with pytest.raises(NoveltyError, match="4,999 radiographs to draw the line by, expected 5,000 or more"):
        facts(known, "", ("", embeddings(4999, 2)), ("", embeddings(10, 3), np.arange(10)))
    with pytest.raises(NoveltyError, match="8 radiographs to learn the usual from, expected more than 8"):
        usual(embeddings(8, 1))


def test_data_of_another_kind_than_it_learned_from_are_refused(tmp_path: Path) -> None:
    made = bundle_in(tmp_path / "narrow")  # learned from nothing
    done = CliRunner().invoke(app, ["novelty", str(made.folder), "--data", "phantoms:5000"])
    assert isinstance(done.exception, NoveltyError)
    assert "learned from none; what it knows can be told from such data only" in str(done.exception)


def test_too_few_are_refused_before_any_is_drawn(tmp_path: Path) -> None:
    made = bundle_in(tmp_path / "narrow")
    done = CliRunner().invoke(app, ["novelty", str(made.folder), "--data", "phantoms:4999"])
    assert isinstance(done.exception, NoveltyError)
    assert made.card.novelty is None
    assert novelty_check(made, 1) is None


@KERAS_ON_NUMPY_2
def test_a_bundle_carries_its_check(tmp_path: Path) -> None:
    made, known = bundle_in(tmp_path / "narrow"), usual(embeddings(2000, 1))
    found = facts(known, "these", ("those", embeddings(5000, 2)), ("others", embeddings(100, 3), np.arange(100)))
    known.save(tmp_path / FILE)
    again = publish(made, made.card.model_copy(update={"novelty": found}), made.folder, [tmp_path / FILE])
    check = novelty_check(again, 1)
    assert novelty_check(again, 10) is None
    assert check is not None
    assert check.threshold == found.threshold
    assert FILE in again.card.files
    assert check.ratio(embeddings(1, 4)) < 1 < check.ratio(np.full((1, 8), 100.0))
