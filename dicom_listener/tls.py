"""DICOM TLS: the listener's certificate, renewed without a restart, and the profile that connections must keep to.

Before :mod:`waiting`, which shakes hands; and how :mod:`commitment.call` connects to others.

References
----------
DICOM PS3.15 section B.12 (BCP 195, RFC 8996 and RFC 9325, TLS secure transport connection profile); RFC 9325 sections
3.1.1 (versions), 3.3 to 3.5 (compression, tickets, renegotiation) and 4.2 (suites).
"""

import ssl
from pathlib import Path

from db import log
from db.errors import SettingsError
from db.tls import SUITES, calling_context, check_readable, load_authorities, load_certificate, own_files, variable
from dicom_listener.settings import ListenerSettings

_Stamp = tuple[tuple[int, int, int, int], ...]

_log = log.get(__name__)


class Certificates:
    """The listener's certificate and key, and the authorities of its clients', read again when a file has changed.

    Parameters
    ----------
    certificate, key
        PEM files.
    client_ca
        PEM file of authorities; None where clients need no certificate.

    Raises
    ------
    SettingsError
        When they cannot be used.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        self._certificate = certificate
        self._key = key
        self._client_ca = client_ca
        self._stamp = self._current_stamp()
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """Return what the next connection is to use; files that cannot be used leave the last ones in force."""
        try:
            stamp = self._current_stamp()
        except SettingsError as error:
            stamp = ()
            if self._stamp:
                _log.error("certificate_not_renewed", error=str(error))
        if stamp and stamp != self._stamp:
            try:
                self._context = self._load()
                _log.info("certificate_renewed")
            except SettingsError as error:
                _log.error("certificate_not_renewed", error=str(error))
        self._stamp = stamp
        return self._context

    def _current_stamp(self) -> _Stamp:
        stamps = []
        for name, path in self._files().items():
            try:
                status = path.stat()
            except OSError as error:
                raise SettingsError(f"{name}: {path} cannot be read ({error.strerror})") from error
            stamps.append((status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
        return tuple(stamps)

    def _files(self) -> dict[str, Path]:
        files = {variable("tls_certificate"): self._certificate, variable("tls_key"): self._key}
        return files | ({variable("tls_client_ca"): self._client_ca} if self._client_ca else {})

    def _load(self) -> ssl.SSLContext:
        for name, path in self._files().items():
            check_readable(name, path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(SUITES)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
        load_certificate(context, self._certificate, self._key)
        if self._client_ca:
            load_authorities(context, variable("tls_client_ca"), self._client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def certificates(settings: ListenerSettings) -> Certificates | None:
    """Return the certificate that the settings name, or None where they name none.

    Parameters
    ----------
    settings
        The listener's.

    Raises
    ------
    SettingsError
        Naming the setting that is wrong or missing.
    """
    if settings.tls_certificate is None and settings.tls_key is None and settings.tls_client_ca is None:
        return None
    files = own_files(settings)
    if files is None:
        raise SettingsError(f"{variable('tls_certificate')}: missing; TLS needs a certificate and its key")
    return Certificates(*files, settings.tls_client_ca)


def requesters_context(settings: ListenerSettings) -> ssl.SSLContext | None:
    """Return how to connect to a requester of storage commitment, or None for plain TCP.

    Parameters
    ----------
    settings
        The listener's.

    Raises
    ------
    SettingsError
        Naming the setting whose file cannot be used.
    """
    if settings.commitment_ca is None:
        return None
    return calling_context(settings, variable("commitment_ca"), settings.commitment_ca)
