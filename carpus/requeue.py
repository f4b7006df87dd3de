"""``carpus requeue``: puts what needs a hand back to be read and assessed again, and says what it did not and why.

The rows are put back here; the listener's sweep sends them to the workers, so that no broker is needed for it.
"""

from collections.abc import Sequence

from rich.console import Console
from sqlalchemy import Engine, create_engine, make_url, select
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from carpus import database
from db.errors import CarpusError
from db.requeue import requeue
from db.session import CONNECT_TIMEOUT_SECONDS, transaction
from db.tables import Radiograph
from db.vocabulary import State

_LONGEST_ID = 18  # digits: so many always fit a bigint
_UNKNOWN = "there is no such radiograph"


class RequeueError(CarpusError):
    """Nothing was named, or this database has no such tables; the message says what to do."""


def run(named: Sequence[str], console: Console, *, all_failed: bool, all_rejected: bool) -> bool:
    """Put radiographs back, each in a transaction of its own, and print one line for each.

    Parameters
    ----------
    named
        Ids, or SOP Instance UIDs of which the current revision is meant.
    console
        Where the operator reads.
    all_failed, all_rejected
        Whether to put back whatever is in that state.

    Returns
    -------
    bool
        Whether all that were named were put back.

    Raises
    ------
    RequeueError
        When nothing was named, or the database is not of this version.
    """
    wanted = [state for state, is_meant in ((State.FAILED, all_failed), (State.REJECTED, all_rejected)) if is_meant]
    if not named and not wanted:
        raise RequeueError("name radiographs by id or SOP Instance UID, or give --all or --rejected")
    with database.available() as url:
        engine = engine_of(url)
        try:
            refused = [name for name in named if not _put_back(engine, name, console)]
            found = [_put_back(engine, str(one), console) for one in _in_state(engine, wanted)]
        except ProgrammingError as error:
            raise RequeueError("the database lacks this version's tables: run `python -m db.migrate`") from error
        finally:
            engine.dispose()
    put_back = len(named) - len(refused) + sum(found)
    console.print(f"{put_back} put back; a running listener sends them to the workers within seconds", highlight=False)
    return not refused


def engine_of(url: str) -> Engine:
    """Return an engine for an address as libpq takes it, to be disposed of."""
    address = make_url(url).set(drivername="postgresql+psycopg")
    return create_engine(address, hide_parameters=True, connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS})


def _put_back(engine: Engine, name: str, console: Console) -> bool:
    with transaction(engine) as session:
        radiograph_id = _id(session, name)
        refusal = _UNKNOWN if radiograph_id is None else requeue(session, radiograph_id)
    outcome = "put back" if refusal is None else f"not put back: {refusal}"
    console.print(f"{name}: {outcome}", highlight=False, markup=False, soft_wrap=True)
    return refusal is None


def _id(session: Session, name: str) -> int | None:
    """Return the row that an operator names; a UID has dots, an id has none."""
    if name.isascii() and name.isdigit():
        return int(name) if len(name) <= _LONGEST_ID else None
    current = select(Radiograph.id).where(Radiograph.sop_instance_uid == name, Radiograph.superseded_at.is_(None))
    return session.scalar(current)


def _in_state(engine: Engine, wanted: Sequence[State]) -> list[int]:
    """Return what is in these states and can be put back, the oldest first."""
    with transaction(engine) as session:
        return list(
            session.scalars(
                select(Radiograph.id)
                .where(Radiograph.state.in_(wanted), Radiograph.superseded_at.is_(None), Radiograph.attempts > 0)
                .order_by(Radiograph.id)
            )
        )
