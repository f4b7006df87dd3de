"""The whole stack, as `carpus up` runs it: real servers, listener, workers and Flower."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from carpus.ports import free_port
from carpus.stack import Ports, Stack
from tests.pacs import AE_TITLE, Pacs, running
from tests.way.running import QUICK, Way


@pytest.fixture(scope="session")
def pacs() -> Iterator[Pacs]:
    """The archive that results go to, from the start: what waits for one that is away waits a minute in the end."""
    with running(Pacs(free_port())) as archive:
        yield archive


@pytest.fixture(scope="session")
def way(tmp_path_factory: pytest.TempPathFactory, pacs: Pacs) -> Iterator[Way]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUICK.items():
            patch.setenv(name, value)
        stack = Stack(tmp_path_factory.mktemp("way"), Ports.free(), print)
        with ExitStack() as entered:
            with pytest.MonkeyPatch.context() as at_start:  # not for the tests that come after in this process
                at_start.setenv("CARPUS_DESTINATIONS", f"{AE_TITLE}=127.0.0.1:{pacs.port}")
                entered.enter_context(stack)
            yield Way(stack)
