"""Certificates for the tests of TLS: an authority, and files as an operator would have them."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Identity:
    """A certificate with its key, in files."""

    certificate: Path
    key: Path


class Authority:
    """An authority that issues certificates into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self._made = trustme.CA()
        self.certificate = folder / "ca.pem"
        self._made.cert_pem.write_to_path(self.certificate)

    def issue(self, name: str, *hosts: str) -> Identity:
        issued = self._made.issue_cert(*(hosts or ("localhost", "127.0.0.1")))
        identity = Identity(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(identity.certificate)
        issued.private_key_pem.write_to_path(identity.key)
        return identity

    def server_context(self) -> ssl.SSLContext:
        """Return how a server shows a certificate of this authority."""
        identity = self.issue("server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        return context

    def client_context(self, identity: Identity | None = None) -> ssl.SSLContext:
        """Return how a client trusts this authority and, if asked, shows a certificate."""
        context = ssl.create_default_context(cafile=self.certificate)
        if identity:
            context.load_cert_chain(identity.certificate, identity.key)
        return context
