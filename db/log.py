"""One line of JSON an event: a static name and fields; ids, never a name, a patient ID, a birth date or free text."""

import logging
import re
import sys
from traceback import format_tb
from typing import Any

import structlog

from db.errors import CarpusError

# How Celery's and kombu's lines begin that quote a message whole, whoever sent it and whatever it holds.
_QUOTING = (
    "Can't decode message body",
    "Cannot process event on channel",
    "Received and deleted unknown message",
    "Received invalid task message",
    "Received unregistered task",
    "pidbox command error",
)
_DICOM_LIBRARIES = frozenset({"pydicom", "pynetdicom"})
_QUOTED = re.compile(r"'.*'|\".*\"", re.DOTALL)


def configure(process: str, level: int = logging.INFO) -> None:
    """Send this process's own events and the libraries' log to standard error as JSON lines.

    Parameters
    ----------
    process
        Name of the process, in each line.
    level
        Lowest level that is written.
    """

    def name_process(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["process"] = process
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        name_process,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_describe),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    handler.addFilter(_without_values)
    handler.addFilter(_without_strangers_words)
    logging.basicConfig(handlers=[handler], level=level, force=True)


def _without_values(record: logging.LogRecord) -> bool:
    """Take out what the two DICOM libraries quote, which may be a patient's: warnings, and what stands in quotes."""
    if record.name.partition(".")[0] in _DICOM_LIBRARIES:
        is_error_s_own = isinstance(record.msg, BaseException)
        words = type(record.msg).__name__ if is_error_s_own else _QUOTED.sub("…", record.getMessage())
        record.msg, record.args = words, ()
        return record.levelno >= logging.ERROR  # also asked here, for pydicom's import resets its logger's level
    return True


def _without_strangers_words(record: logging.LogRecord) -> bool:
    """Cut what Celery says of a message that it refused to what it has to say; always true, for the line is kept."""
    if isinstance(record.msg, str) and record.msg.startswith(_QUOTING):
        record.msg, record.args = record.msg.partition("%")[0].partition("\n")[0].rstrip(": "), ()
    return True


def _describe(exc_info: structlog.typing.ExcInfo) -> str:
    """Return kind and place of an exception and its causes; words only of our own, for others quote values."""
    lines: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        words = f": {error}" if isinstance(error, CarpusError) else ""
        lines += [f"{type(error).__module__}.{type(error).__qualname__}{words}", *format_tb(error.__traceback__)]
        error = error.__cause__ or error.__context__
    return "\n".join(line.rstrip() for line in lines)


def get(name: str) -> Any:
    """Return the logger of a module: ``log.info("object_stored", size_bytes=…)``."""
    return structlog.stdlib.get_logger(name)
