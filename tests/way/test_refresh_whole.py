"""`make refresh`: the shipped starter learns another standard from 1,200 reads while the whole stack is at work."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from carpus.stack import Ports, Stack
from db import fault
from db.vocabulary import Sex
from tests.conftest import forget_process_state
from tests.encodings import eight_bit
from tests.filled_site import draw_all, enter, girls_older, hands
from tests.narrow_bundle import KERAS_ON_NUMPY_2
from tests.way.running import QUICK, SUCCESS, Way
from training import gate, registry
from training.cases import Part
from training.phantom import draw
from training.refresh import refresh
from training.served import answers
from training.sources.site import open_site
from worker.bundle import Bundle

pytestmark = [
    KERAS_ON_NUMPY_2,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(os.environ.get("REFRESH") != "long", reason="takes minutes: `make refresh`"),
]

RADIOGRAPHS, IN_FLIGHT, TAKEN_UP_SECONDS = 1200, 50, 30.0
LONG_SECONDS = 300.0
PAUSE_SECONDS = 0.4  # between two radiographs, so that some come before the decision and some after it
ROWS = 288  # an eighth more than the starter sees
SETTINGS = ("CARPUS_DATABASE_URL", "CARPUS_BROKER_URL", "CARPUS_STORE")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    """A running stack whose reader takes girls for six months older than they were drawn."""
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)
    with Stack(tmp_path, Ports.free(), print) as stack:
        for name in SETTINGS:
            monkeypatch.setenv(name, stack.environment()[name])
        way = Way(stack)
        way.wait_until(lambda: bool(way.sql("SELECT 1 FROM model_versions WHERE status = 'active'")), "the first model")
        cases = hands(RADIOGRAPHS)
        digests = draw_all(stack.store, cases, ROWS)
        with monkeypatch.context() as as_owner:
            as_owner.setenv("CARPUS_DATABASE_URL", stack.postgres.url)
            forget_process_state()
            enter(cases, digests, girls_older)
        forget_process_state()  # from here on as the services are, who may not do everything
        yield way
        forget_process_state()


def mae_of_girls(checked: Bundle, folder: Path) -> float:
    girls = [case for case in open_site().parts[Part.TEST] if case.sex is Sex.FEMALE]
    said = answers(checked, None, girls, folder).predictions
    return float(np.abs(said.predicted_months - said.reference_months).mean())


def test_the_site_s_standard_is_learned_promoted_and_used_while_radiographs_are_in_flight(
    site: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [eight_bit(draw(60 + 2 * one, Sex.FEMALE, 9000 + one, rows=300).image) for one in range(IN_FLIGHT)]

    statuses: list[int] = []

    def send_all() -> None:
        for one in sent:
            statuses.extend(site.send([one]))
            time.sleep(PAUSE_SECONDS)

    sender = threading.Thread(target=send_all)
    _, starter = registry.active()
    monkeypatch.setattr(fault, "point", lambda point: sender.start() if point == "refresh_judged" else None)
    done = refresh("phantoms")
    sender.join()
    assert statuses == [SUCCESS] * IN_FLIGHT
    assert done.judgement.verdict is gate.Verdict.PROMOTED, done.judgement.reasons
    ends = site.wait_for_ends(sent, LONG_SECONDS)
    assert {row["state"] for row in ends} == {"COMPLETED"}
    results = site.results(sent)
    by_version = Counter(result["model_version"] for result in results)
    ids = [row["id"] for row in ends]
    written = site.sql("SELECT count(*) FROM assessment WHERE radiograph_id = ANY(%s)", ids)[0]["count"]
    (taken_up,) = site.sql(
        "SELECT coalesce(extract(EPOCH FROM min(a.assessed_at) - max(d.decided_at)), 'Infinity') AS seconds"
        " FROM assessment AS a"
        " JOIN model_decision AS d ON d.active_id = a.model_version_id WHERE d.id = %s",
        done.decision_id,
    )
    criteria = done.judgement.criteria
    _, made = registry.active()
    before, after = (mae_of_girls(one, tmp_path) for one in (starter, made))
    found = [
        f"{dict(by_version)}; taken up in {taken_up['seconds']:.1f} s; girls' MAE {before:.2f} to {after:.2f} months",
        *(f"{one.words}: {one.difference.value:+.2f}, bound {one.difference.bound:+.2f}" for one in criteria),
        f"page: {done.page}",
    ]
    Console().print("", *found, sep="\n", highlight=False, soft_wrap=True)
    assert (len(results), written) == (IN_FLIGHT, IN_FLIGHT)
    assert set(by_version) == {starter.card.version, made.card.version}
    assert taken_up["seconds"] < TAKEN_UP_SECONDS
    assert after < before
