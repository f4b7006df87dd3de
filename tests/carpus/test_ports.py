import socket
from pathlib import Path

import pytest

from carpus import ports


def test_a_listening_port_is_taken_and_named_with_its_setting() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        assert not ports.is_free(port)
        with pytest.raises(ports.PortTakenError) as caught:
            ports.require_free(port, "DICOM", "CARPUS_LISTENER_PORT")
    expected = f"port {port} (DICOM) is taken by another program; choose another by CARPUS_LISTENER_PORT"
    assert str(caught.value) == expected
    ports.require_free(port, "DICOM", "CARPUS_LISTENER_PORT")


def test_a_free_port_is_none_that_an_outgoing_connection_may_take() -> None:
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    port = ports.free_port()
    assert 1024 < port < first_ephemeral
    assert ports.is_free(port)
