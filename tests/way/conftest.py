"""The whole stack, as `carpus up` runs it: real servers, listener, workers and Flower."""

from collections.abc import Iterator

import pytest

from carpus.stack import Ports, Stack
from tests.way.running import Way


@pytest.fixture(scope="session")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARPUS_SWEEP_SECONDS", "0.5")
        patch.setenv("CARPUS_REPUBLISH_SECONDS", "2")
        patch.setenv("CARPUS_RETRY_SECONDS", "1")
        patch.setenv("CARPUS_READ_SECONDS", "5")
        patch.setenv("CARPUS_ASSESS_LEASE_SECONDS", "5")
        with Stack(tmp_path_factory.mktemp("way"), Ports.free(), print) as stack:
            yield Way(stack)
