"""``carpus deliver``: how far results got to their destinations, and what did not arrive is sent again.

The rows are put back here; the listener's sweep sends them to the workers, so that no broker is needed for it.
"""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Column
from rich.text import Text
from sqlalchemy import Executable, Row, func, select
from sqlalchemy.exc import ProgrammingError

from carpus import database, listing
from carpus.requeue import engine_of
from db import deliveries
from db.errors import CarpusError
from db.session import transaction
from db.tables import Delivery
from db.vocabulary import DeliveryState

NARROWEST_TABLE = 80  # characters
_LONGEST_ID = 18  # digits: so many always fit a bigint
_OLD = "the database lacks this version's tables: run `python -m db.migrate`"


class DeliverError(CarpusError):
    """What was named is no delivery, or this database has no such table; the message says what to do."""


def show(console: Console) -> bool:
    """Print how many objects are in which state, by destination, and why; return whether none failed.

    Parameters
    ----------
    console
        Where the operator reads.
    """
    rows = _asked(_counts())
    if not rows:
        console.print("nothing was to be delivered yet; CARPUS_DESTINATIONS says where results go", highlight=False)
        return True
    columns = [Column(name, overflow="fold") for name in ("destination", "object", "state", "objects", "last error")]
    cells = [
        [Text(str(cell or "")) for cell in (row.destination, row.object, row.state, row.objects, row.last_error)]
        for row in rows
    ]
    console.print(listing.table(columns, cells, console.width, NARROWEST_TABLE))
    failed = sum(row.objects for row in rows if row.state == DeliveryState.FAILED)
    if failed:
        console.print(f"{failed} FAILED: `carpus deliver --retry`, once the reason is cured", highlight=False)
    return not failed


def retry(named: Sequence[str], console: Console) -> None:
    """Let deliveries begin anew: what is named, else all that FAILED.

    Parameters
    ----------
    named
        Ids, as the view ``deliveries`` shows them.
    console
        Where the operator reads.

    Raises
    ------
    DeliverError
        When something is named that is no delivery; nothing was put back.
    """
    unknown = [name for name in named if not (name.isascii() and name.isdigit() and len(name) <= _LONGEST_ID)]
    ids = {int(name) for name in named if name not in unknown}
    unknown += sorted(
        str(one) for one in ids - {row.id for row in _asked(select(Delivery.id).where(Delivery.id.in_(ids)))}
    )
    if unknown:
        raise DeliverError(f"no delivery is called {', '.join(unknown)}: the view `deliveries` has their ids")
    with database.available() as url:
        engine = engine_of(url)
        try:
            with transaction(engine) as session:
                count = deliveries.retry(session, ids if named else None)
        except ProgrammingError as error:
            raise DeliverError(_OLD) from error
        finally:
            engine.dispose()
    console.print(f"{count} put back; a running listener sends them to the workers within seconds", highlight=False)


def _counts() -> Executable:
    by = Delivery.destination, Delivery.object, Delivery.state
    last = func.max(Delivery.last_error).label("last_error")
    return select(*by, func.count().label("objects"), last).group_by(*by).order_by(*by)


def _asked(query: Executable) -> Sequence[Row[Any]]:
    with database.available() as url:
        engine = engine_of(url)
        try:
            with transaction(engine) as session:
                return session.execute(query).all()
        except ProgrammingError as error:
            raise DeliverError(_OLD) from error
        finally:
            engine.dispose()
