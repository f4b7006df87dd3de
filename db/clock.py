"""The database's clock: the only one used for what is due, for the clocks of workers may differ."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func


def due_in(seconds: float) -> dict[str, Any]:
    """Return the columns that make a radiograph due in so many seconds."""
    return {"due_at": in_seconds(seconds), "due_set_at": func.clock_timestamp()}


def in_seconds(seconds: float) -> ColumnElement[Any]:
    """Return the database's time in so many seconds."""
    return func.clock_timestamp() + timedelta(seconds=seconds)
