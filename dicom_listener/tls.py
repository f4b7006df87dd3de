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
from db.settings import PREFIX
from dicom_listener.settings import ListenerSettings

# Of TLS 1.2 those with forward secrecy and authenticated encryption; those of TLS 1.3 are all of that kind. The level
# refuses RSA keys below 2048 bits.
SUITES = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20"
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
        files = {_variable("tls_certificate"): self._certificate, _variable("tls_key"): self._key}
        return files | ({_variable("tls_client_ca"): self._client_ca} if self._client_ca else {})

    def _load(self) -> ssl.SSLContext:
        for name, path in self._files().items():
            _check_readable(name, path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(SUITES)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
        self.load_into(context)
        if self._client_ca:
            _load_authorities(context, _variable("tls_client_ca"), self._client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def load_into(self, context: ssl.SSLContext) -> None:
        """Let connections of a context show the certificate.

        Raises
        ------
        SettingsError
            When it cannot be used.
        """
        # OpenSSL does not say which of the two files it could not read.
        _load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), _variable("tls_certificate"), self._certificate)
        try:
            # Without a password of ours it would ask for one at the terminal.
            context.load_cert_chain(self._certificate, self._key, password="")
        except ssl.SSLError as error:
            name = _variable("tls_key")
            if error.reason == "KEY_VALUES_MISMATCH":
                words = f"{self._key} is not the key of the certificate in {self._certificate}"
            elif error.reason in {"EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"}:
                name, words = (
                    _variable("tls_certificate"),
                    "it is too weak: expected RSA of 2048 bits or more, or ECDSA",
                )
            else:
                words = f"{self._key} holds no private key in PEM without a passphrase"
            raise SettingsError(f"{name}: {words}") from error


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
    if settings.tls_certificate is None or settings.tls_key is None:
        missing = _variable("tls_certificate" if settings.tls_certificate is None else "tls_key")
        raise SettingsError(f"{missing}: missing; TLS needs a certificate and its key")
    return Certificates(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)


def calling_context(settings: ListenerSettings) -> ssl.SSLContext | None:
    """Return how to connect to a requester, or None for plain TCP; made anew, so that renewed files count at once.

    Parameters
    ----------
    settings
        The listener's; its own certificate, where it has one, is shown to requesters that ask for it.

    Raises
    ------
    SettingsError
        Naming the setting whose file cannot be used.
    """
    if settings.commitment_ca is None:
        return None
    context = client_context()
    name, path = _variable("commitment_ca"), settings.commitment_ca
    _check_readable(name, path)
    _load_authorities(context, name, path)
    own = certificates(settings)
    if own:
        own.load_into(context)
    return context


def client_context() -> ssl.SSLContext:
    """Return what BCP 195 asks of who connects; it trusts nobody yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    # So that a certificate without an authority can be trusted by itself; its name is compared all the same.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _check_readable(name: str, path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{name}: {path} cannot be read ({error.strerror})") from error


def _load_authorities(context: ssl.SSLContext, name: str, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise SettingsError(f"{name}: {path} holds no certificate in PEM") from error


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"
