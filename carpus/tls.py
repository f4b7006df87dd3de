"""DICOM TLS from the sender's side: whom it trusts and how it shows who it is.

Used by ``carpus send`` and ``carpus echo``; the listener's side is :mod:`dicom_listener.tls`.
"""

import ssl
from pathlib import Path

from db import tls
from db.errors import PermanentError


class TLSFilesError(PermanentError):
    """Files that no TLS connection can be made with; the message names the option."""


def client_context(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return how to connect by TLS, or None for plain TCP.

    Parameters
    ----------
    ca
        PEM file of the authority of the listener's certificate, or of that certificate itself.
    certificate, key
        PEM files of our own, for a listener that asks for them.

    Raises
    ------
    TLSFilesError
        Naming the option that is missing or wrong.
    """
    if ca is None and certificate is None and key is None:
        return None
    if ca is None:
        raise TLSFilesError("--tls-ca is missing: without it nobody knows whose certificate the listener shows")
    if (certificate is None) != (key is None):
        raise TLSFilesError("--tls-certificate and --tls-key belong together: expected both")
    context = tls.client_context()
    try:
        context.load_verify_locations(ca)
    except OSError as error:
        raise TLSFilesError(f"--tls-ca: {ca} holds no certificate in PEM that can be read") from error
    if certificate is not None:
        try:
            # Without a password of ours it would ask for one at the terminal.
            context.load_cert_chain(certificate, key, password="")
        except OSError as error:
            words = f"{certificate} and {key} are no certificate and its key in PEM without a passphrase"
            raise TLSFilesError(f"--tls-certificate, --tls-key: {words}") from error
    return context
