"""Questions to the database, and how the answers are laid out."""

from datetime import UTC, datetime, timedelta, timezone
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from rich.console import Console
from typer.testing import CliRunner

from carpus import embedded, ports, sql
from carpus.__main__ import app
from carpus.embedded import ServerError
from carpus.sql import QueryError, readable
from tests.conftest import CarpusEnvironment


def ask(query: str, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width)
    sql.run(query, console, as_csv=False)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_rows_become_a_table_with_their_number(carpus_env: CarpusEnvironment) -> None:
    said = ask("SELECT n AS months, 'a%' AS word FROM generate_series(1, 2) AS n")
    lines = said.splitlines()
    assert [line.split() for line in lines[1:2] + lines[3:5]] == [
        ["┃", "months", "┃", "word", "┃"],
        ["│", "1", "│", "a%", "│"],
        ["│", "2", "│", "a%", "│"],
    ]
    assert lines[-1].strip() == "2 rows"


def test_more_columns_than_fit_are_laid_out_one_below_the_other(carpus_env: CarpusEnvironment) -> None:
    said = ask("SELECT 1 AS a, 2 AS b, 3 AS c, 4 AS d, 5 AS e", width=40)
    assert [line.split("│")[1].strip() for line in said.splitlines()[1:6]] == ["a", "b", "c", "d", "e"]
    assert all(len(line) <= 40 for line in said.splitlines())


def test_csv_has_all_digits_and_empty_for_null(
    carpus_env: CarpusEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    values = ["1::float8 / 3 AS third", "NULL AS nothing", "timestamptz '2026-01-02 03:04:05+02' AS at"]
    sql.run(f"SELECT {', '.join(values)}, ARRAY[1.5::float8, 2] AS grid", Console(), as_csv=True)
    expected = "third,nothing,at,grid\n" + '0.3333333333333333,,2026-01-02T01:04:05+00:00,"[1.5, 2.0]"\n'
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM radiograph",
        "COMMIT; DROP TABLE radiograph CASCADE",
        "SELECT 1; SET TRANSACTION READ WRITE; CREATE TABLE written (); COMMIT",
        "SET TRANSACTION READ WRITE",
        "DO $$ BEGIN SET TRANSACTION READ WRITE; CREATE TABLE written (); END $$",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
    ],
)
def test_anything_but_one_select_is_refused_even_to_the_superuser(carpus_env: CarpusEnvironment, query: str) -> None:
    url = carpus_env.servers.postgres.admin_url.replace("+psycopg", "").removesuffix("postgres") + "carpus"
    with pytest.raises(QueryError, match=r"\(one SELECT is expected\)$"), sql.answer(url, query):
        pass


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT set_config('transaction_read_only', 'off', false), lo_create(0)", "must be set before any query"),
        ("SELECT nextval('reference_read_id_seq')", "in a read-only transaction"),
        ("WITH gone AS (DELETE FROM radiograph RETURNING 1) SELECT * FROM gone", "must not contain data-modifying"),
    ],
)
def test_a_select_cannot_write(carpus_env: CarpusEnvironment, query: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        ask(query)


def test_csv_of_many_rows_is_not_held_in_memory(
    carpus_env: CarpusEnvironment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psycopg.ServerCursor, "fetchall", lambda self: pytest.fail("all at once"))
    monkeypatch.setattr(sql, "ROWS_AT_ONCE", 2)
    sql.run("SELECT n FROM generate_series(1, 5) AS n -- five", Console(), as_csv=True)
    assert capsys.readouterr().out.split() == ["n", "1", "2", "3", "4", "5"]


def test_the_hint_asks_the_embedded_database_whatever_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["bin/carpus", "up"])
    monkeypatch.delenv("CARPUS_DATABASE_URL", raising=False)
    assert sql.command_line("select 1") == 'bin/carpus sql "select 1"'
    monkeypatch.setenv("CARPUS_DATABASE_URL", "postgresql+psycopg://elsewhere/carpus")
    assert sql.command_line("select 1") == 'env -u CARPUS_DATABASE_URL bin/carpus sql "select 1"'


def test_the_databases_words_are_one_line(carpus_env: CarpusEnvironment) -> None:
    with pytest.raises(QueryError) as caught:
        ask("SELECT gone FROM radiograph")
    assert str(caught.value) == 'column "gone" does not exist'


def test_without_a_database_the_way_to_one_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARPUS_DATABASE_URL", raising=False)
    monkeypatch.setenv("CARPUS_HOME", str(tmp_path))
    with pytest.raises(ServerError, match="run `make demo` or `carpus up`, or set CARPUS_DATABASE_URL"):
        ask("SELECT 1")
    assert not list(tmp_path.iterdir())


def test_an_embedded_database_is_started_for_the_question_and_one_that_runs_is_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CARPUS_DATABASE_URL", raising=False)
    monkeypatch.setenv("CARPUS_HOME", str(tmp_path))
    postgres = embedded.Postgres(tmp_path / "postgres", ports.free_port())
    postgres.start()
    assert "yes" in ask("SELECT 'yes'")
    assert postgres.is_alive
    postgres.stop()
    assert "yes" in ask("SELECT 'yes'")
    assert postgres.port_in_use() is None
    with pytest.raises(QueryError, match="division by zero"):
        ask("SELECT 1 / 0")
    assert postgres.port_in_use() is None


def test_the_embedded_database_is_asked_as_the_reader_unless_tables_are_wanted(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CARPUS_DATABASE_URL")
    monkeypatch.setenv("CARPUS_HOME", str(carpus_env.servers.postgres.folder.parent))
    assert "carpus_reader" in ask("SELECT current_user, count(*) FROM result")
    with pytest.raises(
        QueryError, match=r"^permission denied for table radiograph \(.* --tables asks as the services;"
    ):
        ask("SELECT * FROM radiograph")
    result = CliRunner().invoke(app, ["sql", "--tables", "SELECT current_user, count(*) FROM radiograph"])
    assert "carpus_writer" in result.stdout


def test_a_server_that_an_earlier_version_started_is_to_be_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CARPUS_DATABASE_URL", raising=False)
    monkeypatch.setenv("CARPUS_HOME", str(tmp_path))
    postgres = embedded.Postgres(tmp_path / "postgres", ports.free_port())
    postgres.start()
    try:
        (postgres.folder / "reader_password").unlink()
        with pytest.raises(ServerError, match="is served by an earlier version of Carpus: stop it and start it anew"):
            ask("SELECT 1")
        assert not (postgres.folder / "reader_password").exists()
    finally:
        postgres.stop()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (True, "True"),
        (7, "7"),
        (7.126, "7.13"),
        ([[0.0] * 8] * 9, "9 × 8 numbers"),
        ([1, 2], "[1, 2]"),
        ({"a": None}, '{"a": null}'),
        (datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "2026-01-02 03:04:05"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02 01:04:05"),
    ],
)
def test_a_value_is_shown_short(value: object, expected: str) -> None:
    assert readable(value) == expected
