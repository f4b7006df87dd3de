"""Where the line is drawn, by embeddings whose spread is known."""

import numpy as np
import pytest

from training.novelty import NoveltyError, facts, usual


def embeddings(count: int, seed: int) -> np.ndarray:
    """Return so many of eight features, six of which follow from the first two but for a little noise."""
    rng = np.random.default_rng(seed)
    two = rng.normal(size=(count, 2)) * (3, 1)
    return np.hstack([two, two @ rng.normal(size=(2, 6)) * 0 + two[:, :1] + rng.normal(size=(count, 6)) / 10]) + 5


def test_three_in_a_thousand_of_the_valid_and_of_others_like_them_are_beyond_the_line() -> None:
    known = usual(embeddings(2000, 1))
    found = facts(known, "these", ("those", embeddings(5000, 2)), ("others", embeddings(20_000, 3)))
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


def test_too_few_are_refused() -> None:
    known = usual(embeddings(100, 1))
    with pytest.raises(NoveltyError, match="4,999 radiographs to draw the line by, expected 5,000 or more"):
        facts(known, "", ("", embeddings(4999, 2)), ("", embeddings(10, 3)))
    with pytest.raises(NoveltyError, match="8 radiographs to learn the usual from, expected more than 8"):
        usual(embeddings(8, 1))
