"""``carpus up``: the one-machine stack at the usual ports, until it is told to stop."""

import time
from contextlib import suppress
from datetime import datetime

from rich.console import Console

from carpus import database, ports, sql
from carpus.ports import Wanted
from carpus.settings import StackSettings
from carpus.stack import POLL_SECONDS, Ports, Stack, stop_on_signals
from carpus.supervise import StackError
from db import settings
from dicom_listener.settings import ListenerSettings

# The servers of a stack that was killed a moment ago need as long to leave their ports.
PATIENCE_SECONDS = 3.0
_EXAMPLE = "select * from result"


def wanted(chosen: StackSettings, listener: ListenerSettings) -> tuple[Wanted, Wanted, Wanted, Wanted]:
    """Return where the settings want PostgreSQL, Redis, the DICOM listener and Flower."""
    host = listener.listener_host
    return (
        Wanted(chosen.postgres_port, "PostgreSQL", "CARPUS_POSTGRES_PORT"),
        Wanted(chosen.redis_port, "Redis", "CARPUS_REDIS_PORT"),
        Wanted(listener.listener_port or ports.free_port(host), "DICOM", "CARPUS_LISTENER_PORT", host),
        Wanted(chosen.flower_port, "Flower", "CARPUS_FLOWER_PORT"),
    )


def usual_ports(chosen: StackSettings, listener: ListenerSettings) -> Ports:
    """Return the ports of the settings, all of them free.

    Raises
    ------
    carpus.ports.PortTakenError, carpus.ports.UnusableAddressError
        Naming the port that is taken or the address that cannot be had, and the setting that moves it.
    StackError
        When it is this folder's own stack that has the port.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    places = wanted(chosen, listener)
    for place in places:
        while not place.is_free and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if not place.is_free and database.embedded_postgres(chosen.home).is_running:
            raise StackError(f"Carpus already runs in {chosen.home.resolve()}")
        place.require_free()
    postgres, redis, dicom, flower = (place.port for place in places)
    return Ports(postgres, redis, dicom, flower, listener.listener_host)


def run(console: Console) -> None:
    """Run the stack until SIGTERM or Ctrl-C.

    Parameters
    ----------
    console
        Where the operator reads what happens, one line an event.
    """
    chosen, listener = settings.load(StackSettings), settings.load(ListenerSettings)

    def say(line: str) -> None:
        console.print(f"{datetime.now():%H:%M:%S} {line}", highlight=False, markup=False, soft_wrap=True)

    stop_on_signals()
    stack = Stack(chosen.home, usual_ports(chosen, listener), say)
    if database.configured_url():
        say("CARPUS_DATABASE_URL is not for this stack, which uses servers of its own")
    say(f"starting in {stack.home}")
    with suppress(KeyboardInterrupt), stack:
        say(f"DICOM listener {listener.ae_title} on {listener.listener_host}:{stack.ports.listener}")
        say(f"Flower on http://{ports.LOOPBACK}:{stack.ports.flower} ({stack.flower_login_place})")
        say(f"carpus is up; query it by: {sql.command_line(_EXAMPLE)}; Ctrl-C stops it")
        try:
            while True:
                stack.look_after()
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            say("stopping; once more Ctrl-C kills")
    say("stopped")
