"""One delivery, from the row to the destination's answer: the table of contents of everything in between.

Before it: ``worker.record`` planned it in the assessment's transaction. After it: the view ``deliveries``. Whatever
happens, the row says why, and the worker lives on.
"""

from collections.abc import Sequence

from pydicom.uid import generate_uid
from structlog.contextvars import bound_contextvars

from db import commitment_report, deliveries, destinations, fault, log
from db.destinations import Patience
from db.errors import CarpusError, OutageError, SettingsError
from db.session import transaction
from db.tables import Delivery
from db.vocabulary import DeliveryState
from worker import settings
from worker.deliver.archive import Archive, DestinationAwayError, DestinationRefusedError, connected, silence_libraries
from worker.deliver.objects import Made, OutdatedResultError, make

_UNKNOWN = "CARPUS_DESTINATIONS names it no more"
_MOST_DOUBLINGS = 10

logger = log.get(__name__)


def deliver(delivery_id: int) -> None:
    """Send what waits for one destination of one assessment.

    Parameters
    ----------
    delivery_id
        One of its rows; a message may come twice or late, then nothing is done.
    """
    silence_libraries()
    with bound_contextvars(delivery_id=delivery_id):
        try:
            with transaction() as session:
                held = deliveries.claim(session, delivery_id, deliveries.LEASE_SECONDS)
            if not held:
                logger.info("nothing_to_do")
                return
            fault.point("deliver_claimed")
            _deliver(held)
        except OutageError as error:  # the database is away: the claim lapses, and it is sent again
            logger.warning("delivery_not_noted", reason=str(error))


def _deliver(held: Sequence[Delivery]) -> None:
    chosen, destination = settings.worker(), held[0].destination
    address = (chosen.destinations or {}).get(destination)
    if address is None:
        _note_away(held, _UNKNOWN)
        return
    try:
        made = make(held)
        with connected(chosen.ae_title, destination, address, chosen.tls_to(address)) as archive:
            with transaction() as session:
                destinations.reached(session, destination)
            _send(archive, made)
    except (OutdatedResultError, OutageError) as error:
        with transaction() as session:
            destinations.put_back(session, held, str(error), _patience())
    except (DestinationAwayError, SettingsError) as error:
        _note_away(held, str(error))
    except Exception as error:  # the border: any fault is these objects' next attempt
        logger.exception("delivery_failed")
        for row in held:
            _note_refused(row, f"it cannot be made: {_kind(error)}")


def _send(archive: Archive, made: Sequence[Made]) -> None:
    """Send each object, note each answer before anything else, then ask for commitment."""
    is_any_stored = False
    for one in made:
        try:
            archive.store(one.dataset)
        except DestinationRefusedError as error:
            _note_refused(one.row, str(error))
            continue
        fault.point("deliver_stored")
        with transaction() as session:
            deliveries.delivered(session, one.row.id)
        fault.point("deliver_noted")
        logger.info("delivered", destination=one.row.destination, object=one.row.object)
        is_any_stored = True
    if is_any_stored and archive.offers_commitment:
        _ask_commitment(archive, made[0].row)


def _ask_commitment(archive: Archive, of: Delivery) -> None:
    """Ask to commit to all that the destination has of an assessment and was not asked for, earlier attempts' too."""
    commitment_uid = generate_uid(None)  # another each time, for what was asked for before may still be reported on
    with transaction() as session:
        unasked = commitment_report.unasked(session, of)
        ids = [row.id for row in unasked]
        commitment_report.note_asked(session, ids, commitment_uid)  # before the report can come
    if not archive.ask_commitment(commitment_uid, unasked):
        with transaction() as session:
            commitment_report.note_asked(session, ids, None)


def _note_away(held: Sequence[Delivery], reason: str) -> None:
    with transaction() as session:
        given_up = destinations.away(session, held, reason, _patience())
    log_it = logger.error if given_up else logger.warning
    log_it("destination_away", destination=held[0].destination, reason=reason, given_up=given_up)


def _note_refused(row: Delivery, reason: str) -> None:
    delay_seconds = settings.worker().retry_seconds * 2 ** min(row.refusals, _MOST_DOUBLINGS)
    with transaction() as session:
        state = deliveries.refused(session, row, reason, delay_seconds)
    log_it = logger.error if state == DeliveryState.FAILED else logger.warning
    log_it("delivery_refused", destination=row.destination, object=row.object, reason=reason)


def _patience() -> Patience:
    chosen = settings.worker()
    return Patience(chosen.retry_seconds, destinations.LONGEST_WAIT_SECONDS, chosen.delivery_days)


def _kind(error: Exception) -> str:
    """Return what an error is, and only our own's words: a library's may quote a header."""
    return str(error) if isinstance(error, CarpusError) else f"unexpected {type(error).__name__}, see the worker's log"
