"""Reading lists are drawn at random by shares, hide the answers, and come back as they are."""

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from carpus import embedded, ports
from carpus.reads.sample import Candidate, draw
from db import migrate
from db.roles import Role
from db.session import transaction
from db.vocabulary import Stratum
from tests.carpus.reading import add_results, reads, shown
from tests.conftest import CarpusEnvironment, forget_process_state
from tests.rows import add_radiograph

Be = Callable[[Role], None]


@pytest.fixture
def be(carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch) -> Be:
    """Let the commands connect as a role, at first as who draws lists; the tests are the owner."""

    def become(role: Role) -> None:
        url = carpus_env.servers.postgres.libpq_url_of(role)
        monkeypatch.setattr("carpus.database.configured_url", lambda: url)

    become(Role.WRITER)
    return become


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def fill(path: Path, *months: str, reader: str = "A") -> None:
    """Fill a list in from its top, as a reader does."""
    rows = rows_of(path)
    for row, said in zip(rows, months, strict=False):
        row |= {"bone_age_months": said, "reader": reader}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def candidates(**counts: int) -> list[Candidate]:
    """Return so many of each sex and age, as in ``F100=3``."""
    named = [name for name, count in counts.items() for _ in range(count)]
    return [Candidate(i, f"1.2.{i}", None, name[0], float(name[1:])) for i, name in enumerate(named)]


def test_each_stratum_has_its_share() -> None:
    among = candidates(F30=40, F100=20, M30=10, M100=30)
    drawn = draw(among, 10, [Stratum.SEX, Stratum.AGE], seed=1)
    found = Counter((one.patient_sex, one.bone_age_months) for one in drawn)
    assert found == {("F", 30.0): 4, ("F", 100.0): 2, ("M", 30.0): 1, ("M", 100.0): 3}
    assert len({one.radiograph_id for one in drawn}) == 10


def test_strata_are_those_asked_for_and_ages_are_in_the_groups_of_the_evaluation() -> None:
    edges = [0.0, 35.9, 36.0, 71.9, 72.0, 119.9, 120.0, 167.9, 168.0, 215.9, 216.0, 300.0]
    found = [Candidate(1, "1", None, "F", months).stratum([Stratum.AGE]) for months in edges]
    assert found == [("", group) for group in (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5)]
    one = Candidate(1, "1", None, "F", None)
    assert one.stratum([Stratum.SEX]) == one.stratum([Stratum.SEX, Stratum.AGE]) == ("F", -1)
    assert one.stratum([]) == ("", -1)


def test_every_radiograph_is_as_likely_as_any_other() -> None:
    """Of 5 F and 2 M three are drawn: 3/7 of 3,000 lists, 1286, give or take 4 standard errors, 108."""
    found = Counter[int]()
    for seed in range(3000):
        drawn = draw(candidates(F100=5, M100=2), 3, [Stratum.SEX], seed)
        assert [one.patient_sex for one in drawn].count("F") in {2, 3}  # 15/7, rounded up or down
        found.update(one.radiograph_id for one in drawn)
    assert all(abs(found[number] - 1286) < 108 for number in range(7)), found


def test_all_there_are_can_be_drawn_and_in_another_order() -> None:
    among = candidates(F100=30)
    ids = [one.radiograph_id for one in draw(among, 30, [], seed=1)]
    assert sorted(ids) == list(range(30)) != ids


def test_a_list_hides_the_answers_and_the_same_seed_draws_it_again(be: Be, tmp_path: Path) -> None:
    add_results(10, patient_sex="F", accession_number="A1")
    result = reads("sample", 4, "--output", tmp_path / "list.csv", "--seed", 7, "--stratify", "sex")
    assert (result.exit_code, result.stdout) == (
        0,
        f"reading list 1: 4 of 10 radiographs, seed 7, in {tmp_path}/list.csv; `carpus reads import` takes it back\n",
    )
    rows = rows_of(tmp_path / "list.csv")
    assert [row["position"] for row in rows] == ["1", "2", "3", "4"]
    for row in rows:
        assert row == {
            "reading_list": "1",
            "position": row["position"],
            "sop_instance_uid": row["sop_instance_uid"],
            "accession_number": "A1",
            "bone_age_months": "",
            "reader": "",
            "read_at": "",
        }
    assert (tmp_path / "list.csv").stat().st_mode & 0o777 == 0o600
    listed = shown("sop_instance_uid, stratified_by, seed", "reading_lists", "position")
    assert listed == [(row["sop_instance_uid"], ["sex"], 7) for row in rows]
    reads("sample", 4, "--output", tmp_path / "again.csv", "--seed", 7, "--stratify", "sex")
    again = [row["sop_instance_uid"] for row in rows_of(tmp_path / "again.csv")]
    assert again == [row["sop_instance_uid"] for row in rows]


def test_a_list_comes_back_as_it_grows_and_what_was_read_is_not_drawn_again(be: Be, tmp_path: Path) -> None:
    add_results(3)
    path = tmp_path / "list.csv"
    assert reads("sample", 3, "--output", path).exit_code == 0
    be(Role.READS)
    fill(path, "90", "")
    first = reads("import", path)
    assert first.stdout == "1 reads entered, 0 were there already; 2 of the list are still to be read\n"
    fill(path, "90", "95")
    second = reads("import", path)
    assert second.stdout == "1 reads entered, 1 were there already; 1 of the list are still to be read\n"
    assert shown("bone_age_months, is_sampled, is_blinded, is_counted") == [(90, True, True, True), (95,) + (True,) * 3]
    uid = rows_of(path)[0]["sop_instance_uid"]
    assert reads("add", uid, "120", "--reader", "A").exit_code == 0  # disagrees, once the answer is shown
    assert reads("import", path).stdout.startswith("0 reads entered, 2 were there already")
    assert shown("bone_age_months, is_current, is_counted")[::2] == [(90, False, True), (120, True, False)]
    be(Role.READER)
    cells = [cell.strip() for cell in reads("list").stdout.splitlines()[3].split("│")[1:-1]]
    assert (cells[0], cells[2], cells[4:]) == ("1", "sex, age", ["3", "2", "0"])
    be(Role.WRITER)
    too_many = reads("sample", 2, "--output", tmp_path / "second.csv")
    assert too_many.stderr == (
        "carpus: 1 radiographs have a result and no sampled read yet, so 2 cannot be drawn: ask for fewer, or wait for "
        "more\n"
    )
    assert reads("sample", 1, "--output", tmp_path / "second.csv").exit_code == 0
    assert rows_of(tmp_path / "second.csv")[0]["sop_instance_uid"] == rows_of(path)[2]["sop_instance_uid"]


def test_a_list_that_does_not_hold_the_radiograph_or_its_revision_is_told(be: Be, tmp_path: Path) -> None:
    add_results(1)
    path = tmp_path / "list.csv"
    assert reads("sample", 1, "--output", path).exit_code == 0
    add_results(1, first=2)
    with transaction() as session:
        session.execute(text("UPDATE radiograph SET superseded_at = now() WHERE id = 1"))
        add_radiograph(session, "1.2.1", revision=2, sha256="1" * 64)
    fill(path, "90")
    with path.open("a") as file:
        file.write("1,2,1.2.2,,91,A,\n")
    be(Role.READS)
    assert reads("import", path).stdout.splitlines()[:2] == [
        f"{path}: line 2: 1.2.1 has a later revision than reading_list 1 asks for: draw a new list",
        f"{path}: line 3: reading_list 1 does not hold 1.2.2: leave it empty for a read that it did not ask for",
    ]
    assert shown("1") == []


def test_a_file_that_is_there_is_not_overwritten_and_no_list_is_left(be: Be, tmp_path: Path) -> None:
    add_results(1)
    path = tmp_path / "list.csv"
    path.write_text("reads of a week")
    result = reads("sample", 1, "--output", path)
    assert result.stderr == f"carpus: {path} is there already, and its reads may be: give --output another name\n"
    assert path.read_text() == "reads of a week"
    assert "No such file or directory" in reads("sample", 1, "--output", tmp_path / "missing" / "list.csv").stderr
    assert shown("1", "reading_lists", "1") == []


def test_who_enters_reads_draws_no_list(be: Be, tmp_path: Path) -> None:
    add_results(1)
    be(Role.READS)
    result = reads("sample", 1, "--output", tmp_path / "list.csv")
    assert result.exit_code == 1
    assert result.stderr == (
        "carpus: the database does not let its user do this (permission denied for table reading_list): connect as "
        "carpus_writer or as the owner\n"
    )
    assert not (tmp_path / "list.csv").exists()
    assert reads("list").stdout == "no reading list was drawn yet; `carpus reads sample` draws one\n"


def test_an_accession_number_is_no_formula(be: Be, tmp_path: Path) -> None:
    add_results(1, accession_number="=1+2")
    assert reads("sample", 1, "--output", tmp_path / "list.csv").exit_code == 0
    assert rows_of(tmp_path / "list.csv")[0]["accession_number"] == "'=1+2"


@pytest.mark.parametrize("told", ["height", "sex,sex", "", "age,"])
def test_what_cannot_be_stratified_by_is_told(told: str) -> None:
    result = reads("sample", 1, "--output", "list.csv", "--stratify", told)
    assert result.exit_code == 2
    assert "expected sex,age, one of them, or none" in result.stderr


def test_a_database_of_an_earlier_version_is_told(be: Be) -> None:
    migrate.downgrade("0007")
    try:
        for arguments in (("list",), ("add", "1.2.1", "94", "--reader", "A")):
            result = reads(*arguments)
            assert result.stderr == ("carpus: the database lacks this version's tables: run `python -m db.migrate`\n")
    finally:
        migrate.upgrade()


def test_a_database_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARPUS_DATABASE_URL", f"postgresql+psycopg://carpus@127.0.0.1:{ports.free_port()}/carpus")
    result = reads("list")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("carpus: the database did not answer (")


def test_the_embedded_database_is_asked_with_no_more_right_than_is_needed(
    carpus_env: CarpusEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres = embedded.Postgres(tmp_path / "postgres", ports.free_port())
    postgres.start()
    try:
        monkeypatch.setenv("CARPUS_DATABASE_URL", postgres.url)
        forget_process_state()
        migrate.upgrade()
        add_results(1)
        monkeypatch.delenv("CARPUS_DATABASE_URL")
        monkeypatch.setenv("CARPUS_HOME", str(tmp_path))
        path, asked_as, url_of = tmp_path / "list.csv", list[Role | None](), embedded.Postgres.libpq_url_of

        def noted(server: embedded.Postgres, role: Role | None) -> str:
            asked_as.append(role)
            return url_of(server, role)

        monkeypatch.setattr(embedded.Postgres, "libpq_url_of", noted)
        assert reads("sample", 1, "--output", path).exit_code == 0
        fill(path, "90")
        assert reads("import", path).exit_code == 0
        assert "sex, age" in reads("list").stdout
        assert asked_as == [Role.WRITER, Role.READS, Role.READER]
        with psycopg.connect(postgres.libpq_url) as connection:
            asked = connection.execute("SELECT is_counted FROM reads").fetchall()
        assert asked == [(True,)]
    finally:
        postgres.stop()
