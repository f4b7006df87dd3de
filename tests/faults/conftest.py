"""A stack to try faults on: in ``make faults`` at default settings, in ``make test`` with short waits."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from carpus.ports import free_port
from carpus.stack import Ports, Stack
from db import fault
from tests.dicom_listener.requester import AE_TITLE
from tests.faults.archives import Archive, archives
from tests.faults.modalities import Modalities
from tests.faults.trial import Plant

IS_LONG = os.environ.get("FAULTS") == "long"
SHORT = {
    "CARPUS_SWEEP_SECONDS": "0.5",
    "CARPUS_REPUBLISH_SECONDS": "2",
    "CARPUS_RETRY_SECONDS": "1",
    "CARPUS_READ_SECONDS": "5",
    "CARPUS_ASSESS_LEASE_SECONDS": "5",
}
# What the README states for default settings; the short waits are asked for less.
LONGEST_RECOVERY_SECONDS = {True: 120.0, False: 60.0}


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with _plant(tmp_path_factory, {}) as plant:
        yield plant


@pytest.fixture(scope="module")
def delivering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """A plant of its own, for it has more to do: what it assessed goes to two archives."""
    with archives() as found, _plant(tmp_path_factory, found) as plant:
        yield plant


@contextmanager
def _plant(tmp_path_factory: pytest.TempPathFactory, archives: Mapping[str, Archive]) -> Iterator[Plant]:
    faults = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(fault.VARIABLE, str(faults))
        commitment_port = free_port()
        # So that the process that dies at a fault point is the one that is started again and waited for.
        patch.setenv("CARPUS_LISTENER_PROCESSES", "1")
        patch.setenv("CARPUS_STORAGE_COMMITMENT", "true")
        patch.setenv("CARPUS_COMMITMENT_PEERS", f"{AE_TITLE}=127.0.0.1:{commitment_port}")
        if archives:
            patch.setenv("CARPUS_DESTINATIONS", ",".join(f"{name}={one.address}" for name, one in archives.items()))
        for name, value in ({} if IS_LONG else SHORT).items():
            patch.setenv(name, value)
        with Stack(tmp_path_factory.mktemp("plant"), Ports.free(), print) as stack:
            modalities = Modalities(tmp_path_factory.mktemp("modalities"), stack.ports.listener)
            longest = LONGEST_RECOVERY_SECONDS[IS_LONG]
            yield Plant(stack, modalities, faults, IS_LONG, longest, commitment_port, archives)
            modalities.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long rounds to ``make faults``."""
    if not IS_LONG:
        long = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
