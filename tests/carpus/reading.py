"""Shared by the tests of ``carpus reads``: radiographs with results, and what the database shows of reads."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text
from typer.testing import CliRunner, Result

from carpus.__main__ import app
from db.session import transaction
from db.vocabulary import State
from tests.rows import add_assessment, add_model_version, add_radiograph

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ENDED: dict[str, Any] = {"state": State.COMPLETED, "due_at": None, "ended_at": NOON}


def reads(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["reads", *map(str, arguments)], env={"COLUMNS": "200"})


def add_results(count: int, first: int = 1, months: float | None = 100.0, **columns: Any) -> None:
    """Add assessed radiographs 1.2.`first` and so on."""
    with transaction() as session:
        model = session.scalar(text("SELECT id FROM model_version")) or add_model_version(session)
        for number in range(first, first + count):
            radiograph_id = add_radiograph(session, f"1.2.{number}", **ENDED | columns)
            add_assessment(session, radiograph_id, model, bone_age_months=months)


def shown(columns: str, view: str = "reads", order: str = "read_id") -> list[tuple[Any, ...]]:
    with transaction() as session:
        return [tuple(row) for row in session.execute(text(f"SELECT {columns} FROM {view} ORDER BY {order}"))]


def written(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / "reads.csv"
    path.write_text("".join(f"{line}\n" for line in lines), encoding=encoding)
    return path
