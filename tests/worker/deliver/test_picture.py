"""The picture: its size, what is written on it, and that everything has room."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.worker.deliver.telling import UNKNOWN_SEX, result
from worker.deliver import canvas, picture
from worker.deliver.canvas import Canvas, Style

RADIOGRAPH = np.linspace(0, 65_535, 90 * 70).reshape(90, 70).astype(np.uint16)
REVIEW = {"review_reasons": ["the hand is cut off"]}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """What is written on the picture: words, and the rows from and to; not what is only measured."""
    found: list[tuple[str, int, int]] = []
    write = Canvas.write

    def noting(self: Canvas, words: str, *where: Any) -> int:
        bottom, top = write(self, words, *where), where[1]
        if self.pixels.shape[0] > 1:
            found.append((words, top, bottom))
        return bottom

    monkeypatch.setattr(canvas.Canvas, "write", noting)
    return found


def words_of(written: list[tuple[str, int, int]]) -> str:
    return " | ".join(words for words, _, _ in written)


@pytest.mark.parametrize("shape", [(90, 70), (70, 90), (1024, 32), (32, 1024)])
def test_it_has_one_size_whatever_the_radiograph_s(shape: tuple[int, int]) -> None:
    drawn = picture.draw(result(), np.resize(RADIOGRAPH, shape))
    assert drawn.shape == (1080, 1440, 3)
    assert drawn.dtype == np.uint8


def test_the_headline_is_the_bone_age_and_the_model_s_limits_are_below(written: list[tuple[str, int, int]]) -> None:
    picture.draw(result(), RADIOGRAPH)
    words = words_of(written)
    for part in ("10 years 0 months", "bone age, 120 months; female", "not calibrated on radiographs", "drawn 1.0.0"):
        assert part in words
    assert "Limitations: has seen no patient" in words
    assert "11 years 1 month (133 months)" in words  # if male


def test_what_needs_review_shows_no_estimate(written: list[tuple[str, int, int]]) -> None:
    drawn = picture.draw(result(**REVIEW), RADIOGRAPH)
    words = words_of(written)
    assert "Needs review" in words
    assert "the hand is cut off" in words
    assert not any(number in words for number in ("120", "133", "10 years", "adolescent", "3.0 mo"))
    assert (drawn == picture._AMBER).all(axis=2).any()  # the frame


def test_an_unknown_sex_shows_both_estimates(written: list[tuple[str, int, int]]) -> None:
    picture.draw(result(**UNKNOWN_SEX), RADIOGRAPH)
    words = words_of(written)
    assert "No single bone age" in words
    assert "10 years 0 months (120 months)" in words
    assert "11 years 1 month (133 months)" in words


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"is_site_calibrated": True},
        {"notes": ["came as a negative, and was inverted", "appears right or mirrored, assessed mirrored"]},
        {"model_limitations": "It does not know much of anything that lies outside of what it has learned. " * 4},
        {
            "review_reasons": [
                "unlike the radiographs that the model knows",
                "hardly any contrast",
                "the hand is cut off",
            ]
        },
    ],
)
def test_nothing_is_written_over_anything_else(written: list[tuple[str, int, int]], columns: dict[str, Any]) -> None:
    picture.draw(result(**columns), RADIOGRAPH)
    panel = sorted((top, bottom, words) for words, top, bottom in written if len(words) > 6)
    assert panel[-1][1] <= 1080
    for (_, bottom, above), (top, _, below) in pairwise(panel):
        assert top >= bottom - 4, (above, below)


def test_an_empty_heat_map_is_the_plain_radiograph() -> None:
    empty = result(heat_map=[[0.0, 0.0], [0.0, 0.0]], heat_map_peak_months=0.0)
    shown = picture.draw(empty, RADIOGRAPH)[60:1000, 60:700]
    assert (shown == shown[..., :1]).all()  # grey


def test_words_are_wrapped_where_they_end() -> None:
    style = Style(20, (255, 255, 255))
    drawn = Canvas(200, 200, (0, 0, 0))
    one = drawn.write("short", 0, 0, style, 200)
    three = drawn.write("some words that need more than one line", 0, 0, style, 150)
    assert (one, three % one) == (27, 0)
    assert three > one
    assert drawn.pixels.any()
    assert drawn.write("", 0, 5, style, 200) == 5
