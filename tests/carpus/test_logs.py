"""A child's last words, and how many of them are kept."""

import errno
from pathlib import Path

import pytest

from carpus.logs import cut, last_words


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


def test_a_log_too_large_is_moved_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "read.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        cut(log, 100)
        assert log.stat().st_size == 100
        writer.write(b"y")
        cut(log, 100)
        writer.write(b"after")
    assert log.read_bytes() == b"after"
    assert (tmp_path / "read.log.1").read_bytes() == b"x" * 100 + b"y"


def test_old_lines_give_way_where_there_is_no_room_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "read.log"
    log.write_bytes(b"x" * 101)

    def full(_: Path, before: Path) -> None:
        before.write_bytes(b"x")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("carpus.logs.shutil.copyfile", full)
    cut(log, 100)
    assert [(path.name, path.stat().st_size) for path in tmp_path.iterdir()] == [("read.log", 0)]


def test_a_log_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    cut(tmp_path / "log", 0)
    assert list(tmp_path.iterdir()) == []
