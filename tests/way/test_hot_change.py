"""Another model version is taken up by a running worker: nothing is lost, nothing is done twice, each names its own."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset

from carpus.stack import Ports, Stack
from db.vocabulary import Sex
from tests.conftest import forget_process_state
from tests.encodings import eight_bit
from tests.narrow_bundle import KERAS_ON_NUMPY_2, export_narrow
from tests.way.running import QUICK, SUCCESS, Way
from training import registry
from training.phantom import draw

TAKEN_UP_SECONDS = 30.0
IN_FLIGHT = 30

pytestmark = KERAS_ON_NUMPY_2


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    """A stack of its own, for nobody else must find another model."""
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    with Stack(tmp_path / "stack", Ports.free(), print) as stack:
        for name, value in _settings(stack).items():
            monkeypatch.setenv(name, value)
        forget_process_state()
        started = Way(stack)
        started.wait_until(lambda: bool(started.sql("SELECT 1 FROM model_versions")), "the first model is registered")
        yield started
        forget_process_state()


@pytest.fixture
def chosen(way: Way, tmp_path: Path) -> str:
    """A registered version, by its digest."""
    return registry.register(export_narrow(tmp_path / "narrow").folder).sha256


def _settings(stack: Stack) -> dict[str, str]:
    environment = stack.environment()
    return {name: environment[name] for name in ("CARPUS_DATABASE_URL", "CARPUS_BROKER_URL", "CARPUS_STORE")}


def _hands(count: int, first_seed: int) -> list[Dataset]:
    return [eight_bit(draw(94, Sex.FEMALE, first_seed + one, rows=200).image) for one in range(count)]


def _taken_up(way: Way) -> dict[str, str]:
    """Return the digests of what the worker has taken up last, by their status."""
    lines = (way.stack.logs / "assess.log").read_text().splitlines()
    found = [json.loads(line) for line in lines if '"model_versions_taken_up"' in line]
    return {status: found[-1][status] for status in ("active", "shadow") if found and status in found[-1]}


def test_a_version_promoted_while_radiographs_are_in_flight(way: Way, chosen: str) -> None:
    hands = _hands(IN_FLIGHT, first_seed=1000)
    assert way.send(hands) == [SUCCESS] * IN_FLIGHT
    way.wait_until(lambda: len(way.results(hands)) >= 1, "the first is assessed")
    registry.promote(chosen, "a test")
    promoted_at = time.monotonic()
    rows = way.wait_for_ends(hands)
    assert {row["state"] for row in rows} == {"COMPLETED"}
    results = way.results(hands)
    assert len(results) == IN_FLIGHT
    by_version = Counter(result["model_name"] for result in results)
    assert set(by_version) <= {"starter", "narrow"}
    assert by_version["starter"] >= 1
    ids = [row["id"] for row in rows]
    assert len(way.sql("SELECT 1 FROM assessment WHERE radiograph_id = ANY(%s)", ids)) == IN_FLIGHT
    way.wait_until(lambda: _taken_up(way) == {"active": chosen}, "the worker takes up the promoted version")
    assert time.monotonic() - promoted_at < TAKEN_UP_SECONDS
    after = _hands(1, first_seed=1900)
    way.send(after)
    way.wait_for_ends(after)
    assert [result["model_sha256"] for result in way.results(after)] == [chosen]


def test_a_shadow_assesses_what_comes_and_is_not_shown(way: Way, chosen: str) -> None:
    registry.let_shadow(chosen)
    seen: list[Dataset] = []

    def has_shadow() -> bool:
        seen[:] = _hands(1, first_seed=2000)
        way.send(seen)
        way.wait_for_ends(seen)
        return bool(way.sql("SELECT 1 FROM model_comparison WHERE shadow_model_name = 'narrow'"))

    way.wait_until(has_shadow, "the shadow assesses")
    assert [result["model_name"] for result in way.results(seen)] == ["starter"]
