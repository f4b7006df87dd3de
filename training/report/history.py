"""The history of a training run: what each epoch came to.

Before it: training wrote ``history.json`` into the bundle, or ``BUNDLE.history.json`` beside it. After it: the report.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from db.errors import PermanentError


class HistoryError(PermanentError):
    """A training history is malformed; the message names the file and what is wrong in it."""


class Epoch(BaseModel):
    """One pass over the training radiographs; null where it was not measured or was not a number."""

    model_config = ConfigDict(frozen=True)

    epoch: Annotated[int, Field(ge=0)]
    loss: float | None = None
    validation_mae_months: float | None = None
    learning_rate: float | None = None


def load(bundle_folder: Path) -> tuple[Epoch, ...]:
    """Read the history of a bundle.

    Parameters
    ----------
    bundle_folder
        Where the bundle lies.

    Returns
    -------
    tuple of Epoch
        In the order of the file; empty where there is none.

    Raises
    ------
    HistoryError
        If the file is not a list of epochs.
    """
    inside = bundle_folder / "history.json"
    beside = bundle_folder.with_name(f"{bundle_folder.name}.history.json")
    for path in (inside, beside):
        if path.exists():
            try:
                return TypeAdapter(tuple[Epoch, ...]).validate_json(path.read_bytes())
            except ValidationError as error:
                raise HistoryError(f"{path}: expected a list of epochs as training writes it: {error}") from error
    return ()
