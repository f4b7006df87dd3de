"""A connection to a database that vanished without a word ends within half a minute."""

import os
import socket

from db.session import transaction
from tests.conftest import CarpusEnvironment


def test_a_connection_asks_whether_the_database_is_still_there(carpus_env: CarpusEnvironment) -> None:
    with transaction() as session:
        driver = session.connection().connection.driver_connection
        assert driver is not None
        with socket.socket(fileno=os.dup(driver.fileno())) as seen:
            assert seen.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
            assert [seen.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [10, 5, 3, 20_000]
