"""Reading beside a forgotten or purged radiograph: what was written for nobody does not stay."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from db import states
from db.session import transaction
from db.states import Claim
from db.steps import READ
from tests.conftest import CarpusEnvironment
from tests.objects import as_file, hand_radiograph
from tests.rows import add_radiograph
from worker import radiograph
from worker.standardise import standardise
from worker.steps import perform

PURGE = "UPDATE radiograph SET purged_at = now(), ended_at = now(), due_at = NULL, state = 'FAILED'"
LAPSE = "UPDATE radiograph SET claims = 2"


@pytest.mark.parametrize(
    ("meanwhile", "stays"),
    [("DELETE FROM radiograph", False), (PURGE, False), (LAPSE, True)],
    ids=["forgotten", "purged", "taken by another worker, whose file it is, too"],
)
def test_a_standard_radiograph_stays_where_a_row_is_its_owner(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch, meanwhile: str, stays: bool
) -> None:
    as_file(hand_radiograph(), carpus_env.store / "hand.dcm")
    with transaction() as session:
        radiograph_id = add_radiograph(session, object_path="hand.dcm")
    saved: list[Path] = []

    def save(pixels: np.ndarray, path: Path, incoming: Path) -> str:
        digest = original(pixels, path, incoming)
        saved.append(path)
        assert path.is_file()
        with transaction() as session:
            session.execute(text(meanwhile))
        return digest

    original = radiograph.save
    monkeypatch.setattr(radiograph, "save", save)
    with transaction() as session:
        claim = states.claim(session, radiograph_id, READ, 60)
    assert isinstance(claim, Claim)
    with pytest.raises(states.LapsedClaimError):
        standardise(claim)
    assert saved == [carpus_env.store / claim.radiograph.standard_file]
    assert saved[0].exists() is stays


def test_a_radiograph_forgotten_while_it_is_read_ends_no_worker(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_file(hand_radiograph(), carpus_env.store / "hand.dcm")
    with transaction() as session:
        radiograph_id = add_radiograph(session, object_path="hand.dcm")

    def forgotten(claim: Claim) -> None:
        (carpus_env.store / "hand.dcm").unlink()
        with transaction() as session:
            session.execute(text("DELETE FROM radiograph"))
        standardise(claim)

    perform(READ, radiograph_id, 60, forgotten)
    assert [path for path in carpus_env.store.rglob("*") if path.is_file()] == []
