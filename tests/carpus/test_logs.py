"""A child's last words."""

from pathlib import Path

import pytest

from carpus.logs import last_words


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"event": "ready", "level": "info"}\nSegmentation fault\n', "ready / Segmentation fault"),
        ("one\ntwo\nthree\nfour\n", "two / three / four"),
        ('{"level": "info"}\n[1]\n', '{"level": "info"} / [1]'),
        ("", "it said nothing"),
    ],
)
def test_the_last_lines_are_told_in_one(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "log").write_text(content)
    assert last_words(tmp_path / "log") == expected


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert last_words(tmp_path / "log") == "it said nothing"
