"""Reads are entered whole or not at all, and everything that is wrong is told at once."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.roles import Role
from db.session import transaction
from tests.carpus.reading import NOON, add_results, reads, shown, written
from tests.conftest import CarpusEnvironment
from tests.rows import add_radiograph

HEADER = "sop_instance_uid,bone_age_months,reader"
pytestmark = pytest.mark.usefixtures("as_reads")


@pytest.fixture
def as_reads(carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two radiographs with a result; the commands have no more right than who enters reads, the tests the owner's."""
    add_results(2)
    monkeypatch.setattr("carpus.database.configured_url", lambda: carpus_env.servers.postgres.libpq_url_of(Role.READS))


def test_one_read_is_entered_and_the_next_of_its_reader_takes_its_place() -> None:
    first = reads("add", "1.2.1", "94.5", "--reader", "A", "--read-at", "2026-01-01T12:00Z", "--blinded")
    assert (first.exit_code, first.stdout) == (0, "1.2.1: 94.5 months by A entered\n")
    second = reads("add", "1.2.1", "96", "--reader", "A", "--method", "GP")
    assert (second.exit_code, second.stdout) == (0, "1.2.1: 96 months by A entered\n")
    assert shown("bone_age_months, method, is_blinded, is_sampled, is_current") == [
        (94.5, "not stated", True, False, False),
        (96.0, "GP", False, False, True),
    ]
    assert shown("read_at")[0] == (NOON,)
    assert (datetime.now(UTC) - shown("read_at")[1][0]).total_seconds() < 60
    assert shown("reference_bone_age_months", "result", "radiograph_id") == [(96.0,), (None,)]


def test_the_same_read_is_entered_once() -> None:
    for outcome in ("entered", "is there already"):
        assert outcome in reads("add", "1.2.1", "94", "--reader", "A").stdout
    assert shown("bone_age_months") == [(94.0,)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("1.2.9", "94"), "sop_instance_uid 1.2.9 is unknown: neither in `result` nor in `worklist`; send it first"),
        (("1.2.1", "94,5"), "bone_age_months '94,5' has a decimal comma: write a point; expected 0 to 300 months"),
        (("1.2.1", "nan"), "bone_age_months 'nan' is impossible; expected 0 to 300 months"),
        (("1.2.1", "1_0"), "bone_age_months '1_0' is no number; expected 0 to 300 months"),
        (
            ("1.2.1", "94", "--read-at", "3000-01-01"),
            "read_at '3000-01-01' is in the future; expected when the radiograph was read",
        ),
        (("1.2.1", "94", "--reader", " "), "reader is empty"),
        (("1.2.1", "94", "--reader", "M\udcfcller"), "reader is no text in UTF-8"),
    ],
)
def test_an_impossible_read_is_told_in_one_line(arguments: tuple[str, ...], told: str) -> None:
    result = reads("add", "--reader", "A", *arguments)
    assert (result.exit_code, result.stderr) == (1, f"carpus: {told}\n")
    assert shown("1") == []


def test_the_bounds_themselves_are_possible() -> None:
    assert reads("add", "1.2.1", "0", "--reader", "A").exit_code == 0
    assert reads("add", "1.2.2", "300", "--reader", "A").exit_code == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_is_entered_whole(tmp_path: Path, encoding: str) -> None:
    lines = (
        "sop_instance_uid,bone_age_months,reader,method,read_at,blinded",
        "1.2.1,94.5,Müller,GP,2026-01-01T13:00+01:00,yes",
        "",
        '1.2.2, 60 ,"Doe, Jane",,,',
    )
    path = written(tmp_path, *lines, encoding=encoding)
    result = reads("import", path)
    assert (result.exit_code, result.stdout) == (0, "2 reads entered, 0 were there already\n")
    # By reader, for all who import take the readers' locks in one order.
    assert shown("sop_instance_uid, bone_age_months, reader, method, is_blinded, is_current") == [
        ("1.2.2", 60.0, "Doe, Jane", "not stated", False, True),
        ("1.2.1", 94.5, "Müller", "GP", True, True),
    ]
    assert shown("read_at")[1] == (NOON,)
    again = reads("import", path)
    assert (again.exit_code, again.stdout) == (0, "0 reads entered, 2 were there already\n")


def test_all_that_is_wrong_is_listed_by_line_and_nothing_is_written(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"{HEADER},read_at,blinded,reading_list",
        "1.2.1,94,A,,,",
        "1.2.9,301,,,,",
        "1.2.1,95,A,,,",
        "1.2.2,94,5,A,,,",
        "1.2.2,,A,31.12.2025,maybe,7",
        ",12,A,2999-01-01,,x",
    )
    result = reads("import", path)
    assert result.exit_code == 1
    *told, last = [line.removeprefix(f"{path}: ") for line in result.stdout.splitlines()]
    assert told == [
        "line 3: bone_age_months '301' is impossible; expected 0 to 300 months",
        "line 3: reader is empty",
        "line 3: sop_instance_uid 1.2.9 is unknown: neither in `result` nor in `worklist`; send it first",
        "line 4: 'A' read 1.2.1 in line 2 already; keep one",
        "line 5: not as many values as there are columns: a decimal comma, or a comma in a name without quotes?",
        "line 6: bone_age_months is empty",
        "line 6: read_at '31.12.2025' is no time; expected one such as 2026-05-31 or 2026-05-31T14:30",
        "line 6: blinded 'maybe' is neither true nor false",
        "line 6: reading_list 7 does not exist: `carpus reads list` shows their ids",
        "line 7: sop_instance_uid is empty",
        "line 7: read_at '2999-01-01' is in the future; expected when the radiograph was read",
        "line 7: reading_list 'x' is no reading list; `carpus reads list` shows their ids",
    ]
    assert last == f"12 problems, so nothing was written; correct them and import {path} again"
    assert shown("1") == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty; expected a header with sop_instance_uid, bone_age_months, reader"),
        (HEADER.encode(), "there is no read in it: fill in bone_age_months, reader line by line"),
        (b"PK\x03\x04\x14\x00\xff\xfe", "cannot be read as CSV in UTF-8"),
        (
            b"a letter" * 20,
            f"line 1: the column sop_instance_uid is missing; the column bone_age_months is missing; "
            f"the column reader is missing; the column '{('a letter' * 20)[:40]}' is unknown; expected",
        ),
        (
            b"sop_instance_uid,months,reader,reader\n1.2.1,94,A,A\n",
            "line 1: the column bone_age_months is missing; the column 'months' is unknown; the column reader is there "
            "twice; expected sop_instance_uid, bone_age_months, reader, and maybe method, read_at, blinded, ",
        ),
        (HEADER.replace(",", ";").encode(), "line 1: its columns are separated by semicolons: save it with commas"),
    ],
)
def test_a_file_that_holds_no_reads_is_told_in_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "reads.csv"
    path.write_bytes(content)
    result = reads("import", path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"carpus: {path}: {told}")
    assert result.stderr.count("\n") == 1


def test_a_missing_file_is_told() -> None:
    result = reads("import", "missing.csv")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "missing.csv" in result.stderr


def test_a_long_file_shows_a_bar(tmp_path: Path) -> None:
    add_results(600, first=10)
    path = written(tmp_path, HEADER, *(f"1.2.{number},{number % 200},A" for number in range(10, 610)))
    result = reads("import", path)
    assert result.exit_code == 0
    assert "entering reads" in result.stdout
    assert result.stdout.endswith("600 reads entered, 0 were there already\n")
    assert shown("count(*)", order="1") == [(600,)]


def test_what_waits_can_be_read_and_what_was_superseded_cannot() -> None:
    with transaction() as session:
        add_radiograph(session, "1.3.1")
        add_radiograph(session, "1.3.2", superseded_at=NOON)
    assert reads("add", "1.3.1", "94", "--reader", "A").exit_code == 0
    assert "1.3.2 is unknown" in reads("add", "1.3.2", "94", "--reader", "A").stderr
