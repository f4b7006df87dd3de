"""Reports on associations of our own go by DICOM TLS, to requesters that can be verified and to nobody else."""

import ssl
from pathlib import Path

import pytest

from carpus.ports import free_port
from db.errors import SettingsError
from tests.dicom_listener.authorities import Authority
from tests.dicom_listener.conftest import poll
from tests.dicom_listener.requester import AE_TITLE, Requester, commitments, committing, due_now
from tests.objects import hand_radiograph

pytestmark = [
    pytest.mark.usefixtures("carpus_env"),
    # pynetdicom leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


def server_context(authority: Authority, *, asks: bool = False) -> ssl.SSLContext:
    """Return how a requester lets itself be called: with a certificate, and asking for one or not."""
    own = authority.issue("requester")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    context.load_cert_chain(own.certificate, own.key)
    context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
    return context


def test_a_requester_that_asks_for_a_certificate_is_shown_the_listeners(authority: Authority) -> None:
    port, own = free_port(), authority.issue("listener")
    files = {"tls_certificate": own.certificate, "tls_key": own.key, "commitment_ca": authority.certificate}
    with committing(commitment_peers=f"{AE_TITLE}=127.0.0.1:{port}", **files) as listener:
        requester = Requester(listener.port, tls=authority.client_context())
        with requester.listening(port, server_context(authority, asks=True)):
            uid = requester.ask_and_go(hand_radiograph())
            assert requester.report().transaction_uid == uid
            poll(commitments, lambda found: found[0].reported_at is not None)


def test_no_stranger_is_reported_to(authority: Authority, tmp_path: Path) -> None:
    port, stranger = free_port(), Authority(tmp_path / "strangers")
    peers = f"{AE_TITLE}=127.0.0.1:{port}"
    with committing(commitment_peers=peers, commitment_ca=authority.certificate) as listener:
        requester = Requester(listener.port)
        with requester.listening(port, server_context(stranger)):
            requester.ask_and_go(hand_radiograph())
            (row,) = poll(commitments, lambda found: found[0].failure_reason is not None)
        assert (
            row.failure_reason
            == f"127.0.0.1:{port} takes no association by TLS with a certificate that can be verified"
        )
        assert requester.reports.empty()
        with requester.listening(port, server_context(authority)):
            due_now()
            poll(commitments, lambda found: found[0].reported_at is not None)


def test_a_requester_without_tls_is_not_reported_to(authority: Authority) -> None:
    port = free_port()
    peers = f"{AE_TITLE}=127.0.0.1:{port}"
    with committing(commitment_peers=peers, commitment_ca=authority.certificate) as listener:
        requester = Requester(listener.port)
        with requester.listening(port):
            requester.ask_and_go(hand_radiograph())
            (row,) = poll(commitments, lambda found: found[0].failure_reason is not None)
        assert "by TLS" in row.failure_reason
        assert requester.reports.empty()


def test_authorities_that_are_taken_away_meanwhile_are_told_of_by_their_setting(authority: Authority) -> None:
    port = free_port()
    peers = f"{AE_TITLE}=127.0.0.1:{port}"
    with committing(commitment_peers=peers, commitment_ca=authority.certificate) as listener:
        requester = Requester(listener.port)
        authority.certificate.unlink()
        requester.ask_and_go(hand_radiograph())
        (row,) = poll(commitments, lambda found: found[0].failure_reason is not None)
    assert row.failure_reason.startswith("CARPUS_COMMITMENT_CA: ")


def test_authorities_that_are_none_are_told_of_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    with (
        pytest.raises(SettingsError, match=r"CARPUS_COMMITMENT_CA: .* holds no certificate in PEM"),
        committing(commitment_ca=path),
    ):
        pass
