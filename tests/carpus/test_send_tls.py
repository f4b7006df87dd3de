"""The command line sends and echoes by TLS, to the real listener."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from carpus.__main__ import app
from tests.conftest import CarpusEnvironment
from tests.dicom_listener.authorities import Authority
from tests.dicom_listener.conftest import registered
from tests.dicom_listener.peers import serving
from tests.objects import hand_radiograph


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "certificates")
    made.issue("client")
    return made


@pytest.fixture
def port(carpus_env: CarpusEnvironment, authority: Authority) -> Iterator[str]:
    own = authority.issue("listener")
    files = {"tls_certificate": own.certificate, "tls_key": own.key, "tls_client_ca": authority.certificate}
    with serving(carpus_env, **files) as listener:
        yield str(listener.port)


def run(command: list[str], port: str, folder: Path, *options: str) -> tuple[int, str]:
    files = [str(folder / one) if "." in one else one for one in options]
    result = CliRunner().invoke(app, [*command, "--port", port, *files])
    return result.exit_code, result.output


def test_an_echo_and_an_object_go_by_tls(port: str, authority: Authority, tmp_path: Path) -> None:
    folder = authority.certificate.parent
    options = ("--tls-ca", "ca.pem", "--tls-certificate", "client.pem", "--tls-key", "client.key")
    status, said = run(["echo"], port, folder, *options)
    assert (status, f"CARPUS at 127.0.0.1:{port} serves" in said) == (0, True), said
    hand_radiograph().save_as(tmp_path / "hand.dcm", enforce_file_format=True)
    status, said = run(["send", str(tmp_path / "hand.dcm")], port, folder, *options)
    assert (status, "1 of 1 stored" in said) == (0, True), said
    registered(1)


def test_the_listeners_certificate_can_be_trusted_by_itself(port: str, authority: Authority) -> None:
    folder = authority.certificate.parent
    options = ("--tls-ca", "listener.pem", "--tls-certificate", "client.pem", "--tls-key", "client.key")
    assert run(["echo"], port, folder, *options)[0] == 0


# pynetdicom leaves the socket of a refused connection to the collector (3.0.4, transport.py)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_listener_of_another_authority_is_not_trusted(port: str, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "strangers")
    status, said = run(["echo"], port, stranger.certificate.parent, "--tls-ca", "ca.pem")
    assert status == 1
    assert "by TLS with a certificate that can be verified" in said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--tls-key", "client.key"], "--tls-ca is missing"),
        (["--tls-ca", "ca.pem", "--tls-key", "client.key"], "expected both"),
        (["--tls-ca", "client.key"], "holds no certificate in PEM that can be read"),
        (["--tls-ca", "no.pem"], "holds no certificate in PEM that can be read"),
        (["--tls-ca", "ca.pem", "--tls-certificate", "ca.pem", "--tls-key", "client.key"], "are no certificate and"),
    ],
)
def test_wrong_files_are_named_by_option(authority: Authority, options: list[str], expected: str) -> None:
    status, said = run(["echo"], "1", authority.certificate.parent, *options)
    assert (status, said.startswith("carpus: --tls-"), expected in said) == (1, True, True), said
