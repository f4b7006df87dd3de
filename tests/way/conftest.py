"""The whole stack, as `carpus up` runs it: real servers, listener, workers and Flower."""

from collections.abc import Iterator

import pytest

from carpus.ports import free_port
from carpus.stack import Ports, Stack
from tests.pacs import AE_TITLE, Pacs
from tests.way.running import QUICK, Way


@pytest.fixture(scope="session")
def pacs() -> Pacs:
    """The archive that results go to; away, as long as no test lets it run."""
    return Pacs(free_port())


@pytest.fixture(scope="session")
def way(tmp_path_factory: pytest.TempPathFactory, pacs: Pacs) -> Iterator[Way]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARPUS_DESTINATIONS", f"{AE_TITLE}=127.0.0.1:{pacs.port}")
        for name, value in QUICK.items():
            patch.setenv(name, value)
        with Stack(tmp_path_factory.mktemp("way"), Ports.free(), print) as stack:
            yield Way(stack)
