import errno
import socket
from pathlib import Path

import pytest

from carpus import ports


def test_a_listening_port_is_taken_and_named_with_its_setting() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
        wanted = ports.Wanted(port, "DICOM", "CARPUS_LISTENER_PORT")
        with pytest.raises(ports.PortTakenError) as caught:
            wanted.require_free()
    expected = f"port {port} (DICOM) is taken by another program; choose another by CARPUS_LISTENER_PORT"
    assert str(caught.value) == expected
    wanted.require_free()


def test_an_address_of_another_machine_is_not_called_taken() -> None:
    with pytest.raises(ports.UnusableAddressError) as caught:
        ports.is_free(11112, "192.0.2.1")  # RFC 5737: nobody's
    assert str(caught.value) == (
        "cannot listen on 192.0.2.1, port 11112 (Cannot assign requested address): correct CARPUS_LISTENER_HOST"
    )


def test_a_port_of_roots_is_not_called_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ports.UnusableAddressError, match=r"port 104 \(Permission denied\): take one from 1024 on"):
        ports.is_free(104)


def test_a_port_taken_on_one_address_is_free_on_another() -> None:
    with socket.create_server(("127.0.0.2", 0)) as listener:
        port = listener.getsockname()[1]
        assert not ports.is_free(port, "127.0.0.2")
        assert not ports.is_free(port, "0.0.0.0")
        assert ports.is_free(port)


def test_a_free_port_is_none_that_an_outgoing_connection_may_take() -> None:
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    port = ports.free_port()
    assert 1024 < port < first_ephemeral
    assert ports.is_free(port)
