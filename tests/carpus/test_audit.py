"""`carpus audit` and `carpus import-predictions`: what an operator and a schedule see of them."""

import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from carpus.__main__ import app
from db.roles import Role
from db.session import transaction
from tests.audited import add_judged, rows
from tests.carpus.conftest import count
from tests.conftest import CarpusEnvironment
from tests.rows import add_assessment, add_model_version, add_radiograph

pytestmark = pytest.mark.usefixtures("carpus_env")
TABLE = """id,sex,reference_bone_age_months,mine_bone_age_months,chronological_age_months,patient
a,M,100,104.5,96,P
b,F,110,104,,P
"""


def run(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})
    return ended.exit_code, ended.output


def _fill(boys_error: float, of_each: int = 30) -> None:
    with transaction() as session:
        model = add_model_version(session)
        for number in range(2 * of_each):
            is_boy = bool(number % 2)
            add_judged(session, model, number, "M" if is_boy else "F", 100.0, 101.0 + (boys_error if is_boy else 0.0))


@pytest.mark.parametrize(
    ("boys_error", "of_each", "status", "verdict"),
    [(0.5, 30, 0, "pass"), (5.0, 30, 1, "fail"), (5.0, 10, 2, "not enough data")],
)
def test_a_schedule_reads_the_verdict_from_the_exit_status(
    tmp_path: Path, boys_error: float, of_each: int, status: int, verdict: str
) -> None:
    _fill(boys_error, of_each)
    code, said = run("audit", "--output", str(tmp_path))
    assert (code, f"drawn 1.0.0: {verdict}" in said) == (status, True), said
    (kept,) = rows("audit_run")
    assert kept["verdict"] == verdict
    told = {row["figure"]: row for row in kept["figures"]["gender_audit_gap"] if row["is_standardised"]}
    assert told["mae_months"]["gap"] == pytest.approx(boys_error)
    assert {row["sex"]: row["n"] for row in kept["figures"]["gender_audit"]} == {"F": of_each, "M": of_each}
    assert run("audit", "--output", str(tmp_path), "--fail-only")[0] == (1 if status == 1 else 0)


def test_the_page_has_its_plots_and_fetches_nothing(tmp_path: Path) -> None:
    _fill(0.5)
    run("audit", "--output", str(tmp_path))
    code, said = run("audit", "--model", "0000", "--output", str(tmp_path))
    assert code == 0
    (page,) = tmp_path.glob("*.html")
    assert str(page) in said.replace("\n", "")
    html = page.read_text()
    assert html.count("<svg") == 4
    assert "✓ pass" in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert count("audit_run") == 2


def test_radiographs_without_reads_are_audited_to_not_enough(tmp_path: Path) -> None:
    with transaction() as session:
        ended = {"state": "COMPLETED", "due_at": None, "ended_at": text("now()")}
        one = add_radiograph(session, patient_sex="other", **ended)
        add_assessment(session, one, add_model_version(session), bone_age_months=100.0)
    code, said = run("audit", "--output", str(tmp_path))
    assert (code, "sex not known" in said) == (2, True)
    assert len(list(tmp_path.glob("*.html"))) == 1


def test_nothing_assessed_is_not_enough_and_an_unknown_model_is_told(tmp_path: Path) -> None:
    code, said = run("audit", "--output", str(tmp_path))
    assert (code, "nothing to audit" in said) == (2, True)
    code, said = run("audit", "--model", "xception")
    assert (code, "is called xception" in said) == (1, True)


def test_without_the_training_extra_there_is_the_table_and_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(0.5)
    for name in [name for name in sys.modules if name.startswith("training.report")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("training.report.audit", raising=False)
    for name in ("jinja2", "matplotlib", "markupsafe", "scipy"):
        monkeypatch.setitem(sys.modules, name, None)
    code, said = run("audit", "--output", str(tmp_path))
    assert (code, "carpus[training]" in said, "mae_months" in said) == (0, True, True), said
    assert list(tmp_path.glob("*.html")) == []


def test_the_writer_audits_and_rewrites_no_audit(
    tmp_path: Path, carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(0.5)
    monkeypatch.setenv("CARPUS_DATABASE_URL", carpus_env.servers.postgres.url_of(Role.WRITER))
    assert run("audit", "--output", str(tmp_path))[0] == 0
    monkeypatch.setenv("CARPUS_DATABASE_URL", carpus_env.servers.postgres.url_of(Role.READER))
    code, said = run("audit", "--output", str(tmp_path))
    assert (code, "permission denied" in said) == (1, True)


def test_imported_predictions_are_marked_and_go_without_a_trace(tmp_path: Path) -> None:
    table = tmp_path / "reads.csv"
    table.write_text(TABLE)
    assert run("import-predictions", str(table))[0] == 0
    (boy, girl) = sorted(rows("result"), key=lambda row: row["patient_sex"], reverse=True)
    assert (boy["bone_age_months"], boy["reference_bone_age_months"], boy["error_months"]) == (104.5, 100.0, 4.5)
    assert (boy["chronological_age_months"], girl["chronological_age_months"]) == (96.0, None)
    assert boy["patient_id"] == girl["patient_id"]
    for row in (boy, girl):
        assert (row["model_name"], row["model_version"], row["engine"]) == ("mine", "imported", "imported")
        assert row["object_path"].startswith("imported/")
    assert rows("worklist") == []
    assert [row["n"] for row in rows("gender_audit")] == [1, 1]
    assert run("audit", "--output", str(tmp_path / "pages"))[0] == 2
    code, said = run("import-predictions", str(table))
    assert (code, "already" in said) == (1, True)
    assert run("import-predictions", str(table), "--remove")[0] == 0
    tables = ("radiograph", "assessment", "reference_read", "reading_list", "reading_list_item", "model_version")
    assert [count(table) for table in (*tables, "audit_run")] == [0] * 7
    assert run("import-predictions", str(table), "--remove")[0] == 1


def test_only_the_owner_imports(tmp_path: Path, carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "reads.csv"
    table.write_text(TABLE)
    monkeypatch.setenv("CARPUS_DATABASE_URL", carpus_env.servers.postgres.url_of(Role.WRITER))
    code, said = run("import-predictions", str(table))
    assert (code, "permission denied" in said, count("radiograph")) == (1, True, 0)
