"""``carpus up``: the one-machine stack at the usual ports, until it is told to stop."""

import time
from contextlib import suppress
from datetime import datetime

from rich.console import Console

from carpus import database, ports
from carpus.settings import StackSettings
from carpus.stack import POLL_SECONDS, Ports, Stack, stop_on_signals
from db import settings
from dicom_listener.settings import ListenerSettings

# The servers of a stack that was killed a moment ago need as long to leave their ports.
PATIENCE_SECONDS = 3.0


def usual_ports(chosen: StackSettings, listener: ListenerSettings) -> Ports:
    """Return the ports of the settings, all of them free.

    Raises
    ------
    carpus.ports.PortTakenError
        Naming the port that is taken, and the setting that moves it.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    for port, purpose, variable, host in (
        (listener.listener_port, "DICOM", "CARPUS_LISTENER_PORT", str(listener.listener_host)),
        (chosen.postgres_port, "PostgreSQL", "CARPUS_POSTGRES_PORT", ports.LOOPBACK),
        (chosen.redis_port, "Redis", "CARPUS_REDIS_PORT", ports.LOOPBACK),
        (chosen.flower_port, "Flower", "CARPUS_FLOWER_PORT", ports.LOOPBACK),
    ):
        while not ports.is_free(port, host) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        ports.require_free(port, purpose, variable, host)
    return Ports(chosen.postgres_port, chosen.redis_port, listener.listener_port, chosen.flower_port)


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
        say("CARPUS_DATABASE_URL is for processes started by themselves; this stack uses servers of its own")
    say(f"starting in {stack.home}")
    with suppress(KeyboardInterrupt), stack:
        say(f"DICOM listener {listener.ae_title} on {listener.listener_host}:{stack.ports.listener}")
        say(f"Flower on http://{ports.LOOPBACK}:{stack.ports.flower} (login {stack.flower_login})")
        say('carpus is up; query it by: carpus sql "select * from result"; Ctrl-C stops it')
        try:
            while True:
                stack.look_after()
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            say("stopping; once more Ctrl-C kills")
    say("stopped")
