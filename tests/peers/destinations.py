"""A whole running stack whose results go to other makers' archives, and the rows of its deliveries."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from carpus.stack import Ports, Stack
from tests.way.running import QUICK, SUCCESS, Way


@contextmanager
def stack_for(folder: Path, destinations: str, **settings: str) -> Iterator[Way]:
    """Run a stack whose results go to destinations; keyword arguments are further environment variables."""
    with ExitStack() as until_the_end:
        # Gone once it runs: to listeners in this process these settings are none of their business.
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**QUICK, "CARPUS_DESTINATIONS": destinations, **settings}.items():
                patch.setenv(name, value)
            stack = until_the_end.enter_context(Stack(folder, Ports.free(), print))
        yield Way(stack)


def assess(way: Way, sent: Dataset) -> dict[str, Any]:
    """Send a hand, for the first time or corrected, wait for its end, and return its row in `result`."""

    def revisions() -> int:
        return len(way.sql("SELECT id FROM radiograph WHERE sop_instance_uid = %s", sent.SOPInstanceUID))

    before = revisions()
    assert way.send([sent]) == [SUCCESS]
    way.wait_until(lambda: revisions() > before, "it has a row")  # which comes after Success
    way.wait_for_ends([sent])
    (result,) = way.results([sent])
    return result


def deliveries(way: Way, result: dict[str, Any], destination: str) -> list[dict[str, Any]]:
    """Return how far the report and the picture of a result got to a destination."""
    ours = "SELECT * FROM deliveries WHERE radiograph_id = %s AND destination = %s ORDER BY object DESC"
    return way.sql(ours, result["radiograph_id"], destination)


def wait_for_delivery(way: Way, result: dict[str, Any], destination: str) -> list[dict[str, Any]]:
    """Wait until both objects of a result are delivered to a destination, and return their rows."""

    def is_over() -> bool:
        return {row["state"] for row in deliveries(way, result, destination)} == {"DELIVERED"}

    way.wait_until(is_over, f"report and picture are delivered to {destination}")
    return deliveries(way, result, destination)
