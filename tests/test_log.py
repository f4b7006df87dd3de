"""The log: JSON lines with the process's name, from every thread, and nothing that quotes a data set."""

import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.config import logger as pydicom_logger

from db import log
from db.errors import TransientError

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    before = logging.root.handlers[:], logging.root.level
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    logging.root.handlers[:], logging.root.level = before


def test_a_line_is_json_and_names_process_and_event(lines: Lines) -> None:
    log.configure("listener")
    thread = threading.Thread(target=lambda: log.get("somewhere").info("object_stored", size_bytes=7))
    thread.start()
    thread.join()
    (line,) = lines()
    assert (line["process"], line["event"], line["size_bytes"], line["level"]) == (
        "listener",
        "object_stored",
        7,
        "info",
    )


def test_what_pydicom_warns_of_is_not_logged(lines: Lines) -> None:
    log.configure("worker")
    pydicom_logger.setLevel(logging.WARNING)  # as its import leaves it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Dataset().PatientBirthDate = "DOE^JANE"
    pydicom_logger.warning("Invalid value for VR DA: 'DOE^JANE'")
    pydicom_logger.error("something worse")
    assert [line["event"] for line in lines()] == ["something worse"]


def test_what_pynetdicom_quotes_is_not_logged(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    log.configure("listener")
    for name, value in (("propagate", True), ("handlers", [])):  # a listener takes its records itself
        monkeypatch.setattr(logging.getLogger("pynetdicom"), name, value)
    events = logging.getLogger("pynetdicom.association")
    events.error("No service class available for the SOP Class UID 'DOE^JANE' or 'DOE'S', please see its manual")
    events.error('Value "%s" is unknown', "DOE^JANE")
    events.error(ValueError("DOE^JANE"))
    logging.getLogger("elsewhere").error("'kept'")
    assert [line["event"] for line in lines()] == [
        "No service class available for the SOP Class UID …, please see its manual",
        "Value … is unknown",
        "ValueError",
        "'kept'",
    ]


def test_an_exception_is_logged_by_kind_and_place_without_its_words(lines: Lines) -> None:
    log.configure("worker")
    name = "^".join(("DOE", "JANE"))  # not written out, since the log does quote lines of code
    try:
        try:
            raise ValueError(f"Failing row contains ({name})")
        except ValueError as error:
            raise TransientError("the database did not answer") from error
    except TransientError:
        log.get("somewhere").exception("step_failed")
    (line,) = lines()
    assert name not in str(line)
    assert "builtins.ValueError" in line["exception"]
    assert "db.errors.TransientError: the database did not answer" in line["exception"]
    assert "test_log.py" in line["exception"]
