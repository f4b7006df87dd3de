"""DICOM TLS: the profile, clients' certificates, renewal, and files that are wrong."""

import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from db import settings
from db.errors import SettingsError
from dicom_listener.settings import ListenerSettings
from dicom_listener.tls import certificates
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.authorities import Authority, Identity
from tests.dicom_listener.conftest import Running, poll
from tests.dicom_listener.peers import (
    ACCEPT_TYPE,
    RELEASE_REQUEST,
    answer,
    associate,
    association_threads,
    connect,
    serving,
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


@pytest.fixture
def identity(authority: Authority) -> Identity:
    return authority.issue("listener")


@pytest.fixture
def tls_listener(carpus_env: CarpusEnvironment, identity: Identity) -> Iterator[Running]:
    with serving(carpus_env, tls_certificate=identity.certificate, tls_key=identity.key) as running:
        yield running


def is_served(listener: Running, context: ssl.SSLContext) -> bool:
    """Return whether a client gets an association; TLS 1.3 tells a client only then that it was not let in."""
    try:
        with closing(connect(listener.port, context=context)) as connection:
            is_accepted = associate(connection)[:1] == bytes([ACCEPT_TYPE])
            if is_accepted:
                connection.sendall(RELEASE_REQUEST)
                answer(connection)
            return is_accepted
    except (ssl.SSLError, ConnectionError):
        return False


def serial(listener: Running) -> str:
    """Return the serial number of the certificate that the listener shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with closing(connect(listener.port, context=context)) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    return serial_of(ssl.DER_cert_to_PEM_cert(shown))


def serial_of(pem: str) -> str:
    command = ["openssl", "x509", "-noout", "-serial"]
    return subprocess.run(command, input=pem, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_of_the_profile_is_served(
    tls_listener: Running, authority: Authority, version: ssl.TLSVersion
) -> None:
    context = authority.client_context()
    context.minimum_version = context.maximum_version = version
    assert is_served(tls_listener, context)


@pytest.mark.parametrize(
    ("version", "suites"),
    [
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256"),
        (ssl.TLSVersion.TLSv1_2, "DHE-RSA-AES128-GCM-SHA256"),
    ],
    ids=["TLS 1.1", "no forward secrecy", "no authenticated encryption", "finite field"],
)
@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated")
def test_a_client_outside_the_profile_is_not(
    tls_listener: Running, authority: Authority, version: ssl.TLSVersion, suites: str
) -> None:
    context = authority.client_context()
    context.set_ciphers(suites)
    context.minimum_version = context.maximum_version = version
    assert not is_served(tls_listener, context)


def test_plain_tcp_is_cut_off_and_told_in_the_log(tls_listener: Running, written: Callable[[], str]) -> None:
    with connect(tls_listener.port) as connection:
        assert associate(connection)[:1] != bytes([ACCEPT_TYPE])
    assert '"reason": "no TLS connection"' in poll(written, bool)


def test_a_silent_connection_stops_nobody(tls_listener: Running, authority: Authority) -> None:
    with connect(tls_listener.port), connect(tls_listener.port) as half:
        half.sendall(b"\x16\3\1")
        assert is_served(tls_listener, authority.client_context())
    assert poll(association_threads, lambda left: left == []) == []


def test_a_client_without_a_certificate_of_the_authority_is_not_served(
    carpus_env: CarpusEnvironment, authority: Authority, identity: Identity, tmp_path: Path
) -> None:
    files = {"tls_certificate": identity.certificate, "tls_key": identity.key, "tls_client_ca": authority.certificate}
    stranger = Authority(tmp_path / "strangers").issue("stranger")
    with serving(carpus_env, **files) as listener:
        assert is_served(listener, authority.client_context(authority.issue("modality")))
        assert not is_served(listener, authority.client_context())
        assert not is_served(listener, authority.client_context(stranger))


def test_a_renewed_certificate_is_shown_to_the_next_connection(
    tls_listener: Running, authority: Authority, identity: Identity
) -> None:
    before = serial(tls_listener)
    assert before == serial_of(identity.certificate.read_text())
    with closing(connect(tls_listener.port, context=authority.client_context())) as under_way:
        assert associate(under_way)[0] == ACCEPT_TYPE
        renewed = authority.issue("renewed")
        renewed.certificate.replace(identity.certificate)
        renewed.key.replace(identity.key)
        assert serial(tls_listener) == serial_of(identity.certificate.read_text()) != before
        under_way.sendall(RELEASE_REQUEST)
        assert answer(under_way)[0] == 6


def test_a_renewal_that_is_half_done_leaves_the_old_certificate_and_is_told_once(
    tls_listener: Running, authority: Authority, identity: Identity, written: Callable[[], str]
) -> None:
    before, whole = serial(tls_listener), identity.certificate.read_text()
    renewed = authority.issue("renewed")
    shutil.copy(renewed.certificate, identity.certificate)  # its key is still the old one
    assert [serial(tls_listener) for _ in range(3)] == [before] * 3
    assert written().count("certificate_not_renewed") == 1
    identity.certificate.write_text(whole[:100])
    assert serial(tls_listener) == before
    identity.certificate.unlink()
    assert [serial(tls_listener) for _ in range(2)] == [before] * 2
    assert written().count("certificate_not_renewed") == 3
    shutil.copy(renewed.certificate, identity.certificate)
    shutil.copy(renewed.key, identity.key)
    assert serial(tls_listener) == serial_of(renewed.certificate.read_text())
    assert written().count("certificate_renewed") == 1


# What is put in the place of the files: of this folder, or nothing; and what the error must say.
WRONG_FILES = {
    "no key": ({"tls_key": None}, "CARPUS_TLS_KEY: missing"),
    "no certificate": ({"tls_certificate": None}, "CARPUS_TLS_CERTIFICATE: missing"),
    "no file": ({"tls_key": "nowhere"}, "CARPUS_TLS_KEY: .*nowhere cannot be read"),
    "another's key": ({"tls_key": "other.key"}, "CARPUS_TLS_KEY: .*other.key is not the key of the certificate in"),
    "no certificate in it": ({"tls_certificate": "garbage"}, "CARPUS_TLS_CERTIFICATE: .*garbage holds no certificate"),
    "no key in it": ({"tls_key": "garbage"}, "CARPUS_TLS_KEY: .*garbage holds no private key"),
    "a passphrase": ({"tls_key": "locked.key"}, "CARPUS_TLS_KEY: .*locked.key holds .* without a passphrase"),
    "no authorities": ({"tls_client_ca": "garbage"}, "CARPUS_TLS_CLIENT_CA: .*garbage holds no certificate"),
    "weak": ({"tls_certificate": "weak.pem", "tls_key": "weak.key"}, "CARPUS_TLS_CERTIFICATE: it is too weak"),
}


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_files_that_cannot_be_used_stop_the_start_by_name(authority: Authority, identity: Identity, kind: str) -> None:
    folder = identity.key.parent
    authority.issue("other")
    (folder / "garbage").write_text("no PEM")
    for command in (
        "pkey -in listener.key -aes128 -passout pass:x -out locked.key",
        "req -x509 -newkey rsa:1024 -nodes -subj /CN=weak -keyout weak.key -out weak.pem",
    ):
        subprocess.run(["openssl", *command.split()], check=True, capture_output=True, cwd=folder)
    replaced, expected = WRONG_FILES[kind]
    files = {"tls_certificate": identity.certificate, "tls_key": identity.key, "tls_client_ca": authority.certificate}
    files |= {name: folder / file if file else None for name, file in replaced.items()}
    with pytest.raises(SettingsError, match=expected):
        certificates(ListenerSettings(**files))


def test_a_key_in_place_of_its_path_is_not_told(monkeypatch: pytest.MonkeyPatch, identity: Identity) -> None:
    monkeypatch.setenv("CARPUS_TLS_KEY", identity.key.read_text())
    with pytest.raises(SettingsError, match=r"^CARPUS_TLS_KEY: .*expected its path[^\n]*$"):
        settings.load(ListenerSettings)


def test_without_files_there_is_no_tls() -> None:
    assert certificates(ListenerSettings()) is None
