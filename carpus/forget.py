"""``carpus forget``: removes a patient everywhere and says what it removed, and what it cannot.

It works on the configured database and store, else on those of the one-machine stack, whether that runs or not.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import typer
from psycopg.rows import dict_row
from rich.console import Console

from carpus import database, traces
from carpus.patient import Patient
from carpus.settings import StackSettings
from carpus.traces import Traces
from db import settings
from db.errors import CarpusError
from training import turns

CONNECT_TIMEOUT_SECONDS = 5
_OPTIONS = "-c lock_timeout=30s"  # such as for a radiograph that is being registered
_NOT_OWNER = (
    "the database's login may not remove rows, and nothing was removed: connect as the owner, as "
    "`python -m db.migrate` does, by CARPUS_DATABASE_URL and CARPUS_DATABASE_PASSWORD"
)
_NOT_REMOVED = (
    "Not removed, for Carpus cannot: backups and exports (such as `carpus sql --csv`); what PostgreSQL's own files "
    "hold until its next vacuum; SOP Instance UIDs in logs; results in the archives that they were delivered to; what "
    "models have learned from the radiographs, and pictures that `python -m training` keeps in its work folder. What "
    "is sent at this moment or later is stored anew."
)


class ForgetError(CarpusError):
    """The patient was not removed; the message says why and what to do."""


def run(patient: Patient, console: Console, *, is_dry_run: bool, is_sure: bool, takes_committed: bool) -> None:
    """Show what there is of a patient, ask, and remove it.

    Parameters
    ----------
    patient
        Who is meant.
    console
        Where the operator reads.
    is_dry_run
        Whether only to show.
    is_sure
        Whether not to ask.
    takes_committed
        Whether objects go, too, that a storage commitment took custody of.

    Raises
    ------
    ForgetError
        When there are such objects, or the database or the store does not let them go: nothing was removed. Also
        when there may be more than was found, for want of the key of the pseudonyms.
    """
    store, sheet = _places()
    with database.available() as url, _explained(), _connected(url) as connection:
        with connection.transaction():
            found = traces.find(connection, store, patient)
        _say(console, _what("found", found))
        _say(console, _unknown(found))
        is_to_go = bool(found) and not is_dry_run
        if is_to_go:
            _check_right(connection)
            _check_no_refresh(connection)
            _check_custody(found, takes_committed=takes_committed)
            if not is_sure:
                typer.confirm("Remove all this for good?", abort=True)
            with connection.transaction():
                found = traces.find(connection, store, patient)  # again, for it may be more by now
                _check_custody(found, takes_committed=takes_committed)
                traces.remove(connection, found)
    if is_to_go:
        _say(console, _what("removed", found))
        _remove_sheet(sheet, console)
        _remove_pictures(store / turns.FOLDER, console)
        _say(console, _NOT_REMOVED)
    _check_told(patient, found)


def _places() -> tuple[Path, Path | None]:
    """Return the store that belongs to the database meant, and the demonstration's contact sheet, if there can be one.

    Raises
    ------
    ForgetError
        When there is no store: rows without their files would be half of it.
    """
    configured, home = settings.load(database.ConfiguredServers), settings.load(StackSettings).home
    store = configured.store if configured.database_url else home / "store"
    if not (store / "objects").is_dir():
        raise ForgetError(
            f"no store in {store.absolute()}, whose files are to be removed with the rows: "
            "run it where the listener's CARPUS_STORE is"
        )
    return store, None if configured.database_url else home / "contact_sheet.png"


def _connected(url: str) -> psycopg.Connection[dict[str, Any]]:
    return psycopg.connect(
        url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS, row_factory=dict_row, options=_OPTIONS
    )


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise ForgetError(_NOT_OWNER) from error
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise ForgetError("the database is of another version: run `python -m db.migrate`, or `carpus up`") from error
    except psycopg.Error as error:
        words = str(error).partition("\n")[0] or type(error).__name__
        raise ForgetError(f"the database did not let the patient go, run it again: {words}") from error
    except OSError as error:
        raise ForgetError(f"a file could not be removed ({error}); cure it and run it again") from error


def _check_right(connection: psycopg.Connection[dict[str, Any]]) -> None:
    """Check before anybody is asked; results and reference reads go with the rows, in the owner's name."""
    may = connection.execute("SELECT has_table_privilege('radiograph', 'DELETE') AS may").fetchone()
    if may is None or not may["may"]:
        raise ForgetError(_NOT_OWNER)


def _check_no_refresh(connection: psycopg.Connection[dict[str, Any]]) -> None:
    """Hold the lock of a refresh until the end, for one that is running has pictures of its own."""
    row = connection.execute(turns.LOCK).fetchone()
    if row is None or not row["is_free"]:
        raise ForgetError(
            "a refresh is running, which has pictures of the patient: let it end, or end it, and try again"
        )


def _check_told(patient: Patient, found: Traces) -> None:
    if patient.lacks_key and found.counts["pseudonyms"]:
        raise ForgetError(
            f"{found.counts['pseudonyms']} radiographs have a pseudonym for the patient ID, and without a key nobody "
            "can tell whether they are this patient's: run it again with the listener's CARPUS_PATIENT_ID_KEY, or with "
            "the pseudonym for the ID"
        )


def _check_custody(found: Traces, *, takes_committed: bool) -> None:
    if found.committed and not takes_committed:
        raise ForgetError(
            f"{found.committed} of the objects are committed: senders may have deleted their own copies because Carpus "
            "promised to keep them; nothing was removed. With --committed they go, too"
        )


def _what(done: str, found: Traces) -> str:
    if not found:
        return f"nothing {done} of this patient"
    rows = {"radiographs": len(found.radiograph_ids)} | {
        name: found.counts[name] for name in ("assessments", "reference_reads")
    }
    files = {name: found.folders.get(name, 0) for name in ("objects", "standard", "inbox", "incoming")}
    return f"{done}: rows: {_listed(rows)}; files: {_listed(files)}"


def _listed(numbers: dict[str, int]) -> str:
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in numbers.items())


def _unknown(found: Traces) -> str:
    """Return what may be the patient's and nobody can tell."""
    said = []
    if found.counts["other_issuers"]:
        said.append(f"{found.counts['other_issuers']} radiographs with this ID are of another issuer: see --issuer")
    if found.counts["nameless"]:
        said.append(f"{found.counts['nameless']} radiographs of whomever have no patient ID in their row")
    if found.untold:
        said.append(f"{found.untold} files in inbox and incoming have a header that does not tell whose they are")
    if found.counts["commitments"]:
        said.append(
            f"{found.counts['commitments']} storage commitments are to be answered yet, and name the objects until then"
        )
    return f"left as they are: {'; '.join(said)}" if said else ""


def _remove_sheet(sheet: Path | None, console: Console) -> None:
    if sheet and sheet.exists():
        sheet.unlink()
        _say(console, f"removed: the contact sheet {sheet}, which may have shown the patient")


def _remove_pictures(folder: Path, console: Console) -> None:
    if folder.exists():
        shutil.rmtree(folder)
        _say(console, f"removed: {folder} with the pictures of a refresh that did not come to its end")


def _say(console: Console, line: str) -> None:
    if line:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
