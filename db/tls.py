"""What DICOM TLS asks of whoever connects to others, and how files of certificates are read into a context.

References
----------
DICOM PS3.15 section B.12 (BCP 195, RFC 8996 and RFC 9325, TLS secure transport connection profile); RFC 9325 sections
3.1.1 (versions) and 4.2 (suites).
"""

import ssl
from pathlib import Path

from db.errors import SettingsError
from db.settings import PREFIX, EntitySettings

# Of TLS 1.2 those with forward secrecy and authenticated encryption; those of TLS 1.3 are all of that kind. The level
# refuses RSA keys below 2048 bits.
SUITES = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20"


def client_context() -> ssl.SSLContext:
    """Return what BCP 195 asks of who connects; it trusts nobody yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    # So that a certificate without an authority can be trusted by itself; its name is compared all the same.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def calling_context(own: EntitySettings, name: str, authorities: Path) -> ssl.SSLContext:
    """Return how to connect to an application entity; made anew, so that renewed files count at once.

    Parameters
    ----------
    own
        Our own certificate, where there is one, is shown to peers that ask for it.
    name, authorities
        The setting that names the authorities, and its file.

    Raises
    ------
    SettingsError
        Naming the setting whose file cannot be used.
    """
    context = client_context()
    check_readable(name, authorities)
    load_authorities(context, name, authorities)
    files = own_files(own)
    if files:
        load_certificate(context, *files)
    return context


def own_files(own: EntitySettings) -> tuple[Path, Path] | None:
    """Return the files of our certificate and its key, or None where the settings name neither.

    Raises
    ------
    SettingsError
        Naming the setting that is missing.
    """
    if own.tls_certificate is None and own.tls_key is None:
        return None
    if own.tls_certificate is None or own.tls_key is None:
        missing = variable("tls_certificate" if own.tls_certificate is None else "tls_key")
        raise SettingsError(f"{missing}: missing; TLS needs a certificate and its key")
    return own.tls_certificate, own.tls_key


def load_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Let connections of a context show a certificate.

    Raises
    ------
    SettingsError
        When it cannot be used.
    """
    for name, path in ((variable("tls_certificate"), certificate), (variable("tls_key"), key)):
        check_readable(name, path)
    # OpenSSL does not say which of the two files it could not read.
    load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), variable("tls_certificate"), certificate)
    try:
        # Without a password of ours it would ask for one at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        name = variable("tls_key")
        if error.reason == "KEY_VALUES_MISMATCH":
            words = f"{key} is not the key of the certificate in {certificate}"
        elif error.reason in {"EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"}:
            name, words = variable("tls_certificate"), "it is too weak: expected RSA of 2048 bits or more, or ECDSA"
        else:
            words = f"{key} holds no private key in PEM without a passphrase"
        raise SettingsError(f"{name}: {words}") from error


def check_readable(name: str, path: Path) -> None:
    """Check that a setting's file is there.

    Raises
    ------
    SettingsError
        When it cannot be read.
    """
    try:
        path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{name}: {path} cannot be read ({error.strerror})") from error


def load_authorities(context: ssl.SSLContext, name: str, path: Path) -> None:
    """Let a context trust the authorities in a setting's file.

    Raises
    ------
    SettingsError
        When it holds none.
    """
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise SettingsError(f"{name}: {path} holds no certificate in PEM") from error


def variable(name: str) -> str:
    """Return a setting's environment variable."""
    return f"{PREFIX}{name.upper()}"
