"""The checks of ``carpus doctor`` on who may reach the DICOM listener, and whom it calls."""

from carpus.database import ConfiguredServers
from carpus.finding import Finding
from db import settings
from db.addresses import Address
from db.errors import SettingsError
from db.network import is_loopback
from dicom_listener.memory import check_room
from dicom_listener.settings import ListenerSettings
from dicom_listener.tls import certificates, requesters_context
from worker.settings import WorkerSettings


def doors() -> Finding:
    """Check that the listener's certificate can be used, and warn of a listener that is open to the world."""
    listener = settings.load(ListenerSettings)
    has_tls = certificates(listener) is not None
    where = f"listens on {listener.listener_host}"
    way = "by TLS" if has_tls else "without TLS"
    if is_loopback(listener.listener_host):
        return Finding("DICOM", f"{where} only, {way}")
    is_closed = bool(listener.peers or listener.tls_client_ca)
    words = f"{where}, {way}, for {'whom it knows' if is_closed else 'anybody'}"
    cures = []
    if not has_tls:
        cures.append("CARPUS_TLS_CERTIFICATE and CARPUS_TLS_KEY encrypt what it receives")
    if not is_closed:
        cures.append("CARPUS_PEERS or CARPUS_TLS_CLIENT_CA keep out whom you do not know")
    return Finding("DICOM", words, "; ".join(cures) or None, is_warning=True)


def commitment() -> Finding:
    """Check how commitments are reported, and warn where that is to other machines without TLS."""
    listener = settings.load(ListenerSettings)
    if not listener.storage_commitment:
        return Finding("commitment", "off, no custody is taken")
    peers = (listener.commitment_peers or {}).items()
    open_peers = [ae_title for ae_title, address in peers if not is_loopback(address.host)]
    words = f"on, calls {len(peers)} requesters"
    if requesters_context(listener):
        return Finding("commitment", f"{words} by TLS")
    if not open_peers:
        return Finding("commitment", words)
    cure = "CARPUS_COMMITMENT_CA encrypts the reports, which name objects by UID"
    return Finding("commitment", f"{words}, by plain TCP {', '.join(open_peers)}", cure, is_warning=True)


def destinations() -> Finding:
    """Check that each destination of results answers a C-ECHO, and warn of those that are reached without TLS."""
    chosen = settings.load(WorkerSettings)
    named = chosen.destinations or {}
    if not named:
        return Finding("destinations", "none, results stay in the database")
    answers = {name: _echo(chosen, name, address) for name, address in named.items()}
    problems = [problem for problem in answers.values() if problem]
    words = f"{len(named) - len(problems)} of {len(named)} answer"
    if problems:
        cure = "results wait for them; start them, or correct CARPUS_DESTINATIONS"
        return Finding("destinations", f"{words}; {'; '.join(problems)}", cure, is_warning=True)
    open_ones = [name for name, address in named.items() if not (address.is_tls or is_loopback(address.host))]
    if not open_ones:
        return Finding("destinations", words)
    cure = "+tls behind the port in CARPUS_DESTINATIONS, with CARPUS_DESTINATION_CA, encrypts what is a patient's"
    return Finding("destinations", f"{words}, by plain TCP {', '.join(open_ones)}", cure, is_warning=True)


def _echo(chosen: WorkerSettings, destination: str, address: Address) -> str | None:
    """Return why a destination does not answer, or None where it does."""
    from carpus.send import Peer, echo

    try:
        return echo(Peer(address.host, address.port, destination, chosen.ae_title, chosen.tls_to(address)))
    except SettingsError as error:
        return str(error)


def limits() -> Finding:
    """Check that no limit contradicts another."""
    listener = settings.load(ListenerSettings)
    max_object_bytes = settings.load(ConfiguredServers).max_object_bytes
    check_room(listener.receive_memory_bytes, max_object_bytes, listener.listener_processes)
    per_address, in_all = listener.max_associations_per_address, listener.max_associations
    words = f"{in_all} associations, {per_address} from one address; objects up to {max_object_bytes} bytes"
    cure = "with CARPUS_MAX_ASSOCIATIONS above CARPUS_MAX_ASSOCIATIONS_PER_ADDRESS one address cannot take all places"
    return Finding("limits", words, cure if in_all <= per_address else None, is_warning=True)
