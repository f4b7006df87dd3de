"""``carpus doctor`` on the active model version."""

from pathlib import Path

import pytest

from carpus import model_checks
from tests.card_bundles import write_bundle
from tests.conftest import CarpusEnvironment
from training import registry
from worker.bundle import NETWORK
from worker.model_store import model_store


def test_without_one_nothing_is_wrong_yet(carpus_env: CarpusEnvironment) -> None:
    found = model_checks.registry()
    assert (found.is_well, found.words) == (True, "none yet; the first worker registers the one above")


def test_the_active_version_is_loaded_and_a_changed_file_named(carpus_env: CarpusEnvironment, tmp_path: Path) -> None:
    made = write_bundle(tmp_path / "made")
    registry.register(made.folder)
    registry.promote(made.digest, "a test")
    assert model_checks.registry().words == f"narrow 0.0.1 ({made.digest[:12]}), kept and unchanged"
    (model_store().folder / made.digest / NETWORK).write_text("another network")
    found = model_checks.registry()
    assert f"{NETWORK}: changed since export" in found.words
    assert found.cure == "register its bundle again, or `python -m training rollback`"


def test_a_database_of_an_earlier_version_is_said(
    carpus_env: CarpusEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_checks, "_ACTIVE", "SELECT * FROM no_such_view")
    assert not model_checks.registry().is_well
