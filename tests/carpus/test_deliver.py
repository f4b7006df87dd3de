"""`carpus deliver`: what an operator sees of deliveries, and puts back."""

import pytest
from sqlalchemy import func, text
from typer.testing import CliRunner

from carpus.__main__ import app
from db import deliveries
from db.session import transaction
from db.vocabulary import ResultObject
from tests.conftest import CarpusEnvironment
from tests.delivering import rows
from tests.rows import add_assessment, add_model_version, add_radiograph

UIDS = {ResultObject.REPORT: "2.25.1", ResultObject.PICTURE: "2.25.2"}


@pytest.fixture
def failed(carpus_env: CarpusEnvironment) -> None:
    """A report that FAILED, and a picture that arrived."""
    with transaction() as session:
        ended = {"state": "COMPLETED", "due_at": None, "ended_at": func.now()}
        assessment = add_assessment(session, add_radiograph(session, **ended), add_model_version(session))
        deliveries.plan(session, assessment, UIDS, ["PACS"])
        deliveries.delivered(session, 2)
        session.execute(
            text("UPDATE delivery SET state = 'FAILED', due_at = NULL, last_error = 'it answered 0xA900' WHERE id = 1")
        )


def run(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(app, ["deliver", *arguments], env={"COLUMNS": "120"})
    return ended.exit_code, ended.output


def test_what_failed_is_shown_with_its_reason_and_the_way_out(failed: None) -> None:
    code, said = run()
    assert code == 1
    assert "FAILED" in said
    assert "DELIVERED" in said
    assert "it answered 0xA900" in said
    assert "carpus deliver --retry" in said


def test_what_failed_is_put_back_and_nothing_else(failed: None) -> None:
    code, said = run("--retry")
    assert (code, said.split()[0]) == (0, "1")
    assert [(row.object, row.state) for row in rows()] == [("report", "WAITING"), ("picture", "DELIVERED")]
    assert run()[0] == 0


def test_what_is_named_is_sent_again_whatever_became_of_it(failed: None) -> None:
    assert run("--retry", "2")[0] == 0
    assert [row.state for row in rows()] == ["FAILED", "WAITING"]


@pytest.mark.parametrize("name", ["99", "report", "9" * 30])
def test_what_is_no_delivery_is_told_and_nothing_is_put_back(failed: None, name: str) -> None:
    code, said = run("--retry", "2", name)
    assert code == 1
    assert f"no delivery is called {name}" in said
    assert [row.state for row in rows()] == ["FAILED", "DELIVERED"]


def test_ids_without_retry_are_refused(failed: None) -> None:
    code, said = run("2")
    assert code == 2
    assert "--retry" in said


def test_nothing_to_deliver_is_said(carpus_env: CarpusEnvironment) -> None:
    code, said = run()
    assert code == 0
    assert "CARPUS_DESTINATIONS" in said
